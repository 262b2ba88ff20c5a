import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { beforeEach, expect, test } from 'vitest';
import {
  frameIn,
  openFrame,
  parseFrame,
  type SharedFrame,
  share,
} from '../../source/features/chat/frames.ts';
import { create, pending } from '../../source/features/chat/room/chat.ts';
import { run } from '../helpers/cli.ts';
import { foreignSequences, payloads } from '../helpers/injections.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client();
beforeEach(async () => {
  await redis.flushall();
  await create(redis, 'ops', ['ann', 'bob']);
});

const frame: SharedFrame = {
  quarterdeckFrame: 1,
  at: Date.UTC(2026, 10, 28, 15, 49),
  server: 'localhost:6379',
  pane: 'topic',
  columns: 20,
  rows: 2,
  lines: ['┏━ 7 topic ━┓', 'DEAD orders/audit'],
};

test('a frame opens as it was for a week, and the message says it all without it', async () => {
  const sent = await share(redis, 'ops', 'ann', { text: '7 topic orders/audit dead', frame });
  expect(sent).toMatchObject({ id: 1, frame: expect.stringMatching(/^[\da-f]{8}$/) });
  const { entries } = await pending(redis, 'ops', 'bob');
  const [message] = entries;
  expect(message).toMatchObject({ message: `↗ 7 topic orders/audit dead (frame ${sent.frame})` });
  expect(frameIn(`↗ look (frame ${sent.frame})`)).toBe(sent.frame);
  expect(frameIn('(frame 12)')).toBeUndefined();
  expect(await openFrame(redis, 'ops', sent.frame)).toEqual(frame);
  expect(await redis.ttl(`frame:ops:${sent.frame}`)).toBeGreaterThan(7 * 86_400 - 60);
});

test('one that cannot be sent leaves nothing behind', async () => {
  await expect(share(redis, 'ops', 'eve', { text: 'x', frame })).rejects.toThrow(/not in the room/);
  expect(await redis.keys('frame:*')).toEqual([]);
});

test('one that is too large is refused whole', async () => {
  const lines = Array.from({ length: 80 }, () => randomBytes(300).toString('hex'));
  await expect(share(redis, 'ops', 'ann', { text: 'x', frame: { ...frame, lines } })).rejects.toThrow(
    expect.objectContaining({ code: 'CHAT_FRAME_TOO_LONG' }),
  );
  expect(await redis.zcard('msgs:ops')).toBe(0);
});

test.each([
  ['nothing', undefined, 'CHAT_UNKNOWN_FRAME'],
  ['no deflated text', Buffer.from('hello'), 'CHAT_FRAME_UNREADABLE'],
  ['no JSON', deflateRawSync('hello'), 'CHAT_FRAME_UNREADABLE'],
  ['another JSON', deflateRawSync('{"lines":[]}'), 'CHAT_FRAME_UNREADABLE'],
  ['more than any frame', deflateRawSync(Buffer.alloc(8_000_000)), 'CHAT_FRAME_UNREADABLE'],
])('%s under its key is reported', async (_, content, code) => {
  if (content) await redis.set('frame:ops:00000000', content);
  await expect(openFrame(redis, 'ops', '00000000')).rejects.toThrow(expect.objectContaining({ code }));
});

test('a key of another type is named', async () => {
  await redis.lpush('frame:ops:00000000', 'x');
  await expect(openFrame(redis, 'ops', '00000000')).rejects.toThrow(/frame:ops:00000000/);
});

test('no payload in a frame steers a terminal or begins a line', async () => {
  const all = payloads.filter((payload) => payload.length < 5000);
  const lines = all.map((payload) => `a ${payload} b`);
  const sent = await share(redis, 'ops', 'ann', {
    text: 'x',
    frame: { ...frame, lines: lines.slice(0, 60), server: all[0] ?? '' },
  });
  const shown = await run(['chat', 'frame', 'ops', sent.frame], { url: server.url });
  const printed = shown.stdout.replace(/\n$/, '').split('\n');
  expect(printed.flatMap(foreignSequences)).toEqual([]);
  expect(printed).toHaveLength(61);
});

test('a shell shares what snapshot makes', async () => {
  const made = await run(['snapshot', '--pane', 'chat', '--size', '80x24', '--format', 'json'], {
    url: server.url,
  });
  expect(parseFrame(made.stdout, 'it').lines).toHaveLength(24);
  const sent = await run(['chat', 'share', 'ops', 'see', 'this', '--as', 'ann'], {
    url: server.url,
    stdin: made.stdout,
  });
  expect(sent.stdout).toMatch(/^Sent 1 to ops, with frame/);
  const none = await run(['chat', 'share', 'ops', 'see', '--as', 'ann'], { url: server.url, stdin: 'hello' });
  expect(none).toMatchObject({ code: 4, stderr: expect.stringContaining('What was given is no frame') });
});
