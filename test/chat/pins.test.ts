import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { beginAct } from '../../source/commands/audit-trail.ts';
import { readConfig } from '../../source/config.ts';
import chat from '../../source/features/chat/index.ts';
import { keys } from '../../source/features/chat/key-bindings.ts';
import { ack, create, leave } from '../../source/features/chat/room/chat.ts';
import { beside, lookHere, mostPins, pin, unpin } from '../../source/features/chat/room/pins.ts';
import type { RoomFigures } from '../../source/features/chat/room/rooms.ts';
import { send } from '../../source/features/chat/room/send.ts';
import { markdown } from '../../source/features/chat/timeline.ts';
import { serverName } from '../../source/frames/frame-file.ts';
import { runHere } from '../helpers/batch.ts';
import { bookFetch } from '../helpers/book-chat.ts';
import { payloads, unsafeLines } from '../helpers/injections.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

// What lies beside a room: copies of pinned messages, and when members last looked. Rooms themselves stay as the book has them.

const server = await redisForThisFile();
const redis = server.client();
beforeEach(async () => {
  await redis.flushall();
  await create(redis, 'ops', ['ann', 'bob']);
});
const pinned = async () => (await beside(redis, 'ops', [])).pins.map(({ entry, by }) => ({ ...entry, by }));

test('a pin is a copy: it stays when the message goes, and the room stays as the book has it', async () => {
  const { id, at } = await send(redis, 'ops', 'ann', 'disk of db3 is full');
  const before = [
    await redis.zrange('msgs:ops', '0', '-1'),
    await redis.zrange('chat:ops', '0', '-1', 'WITHSCORES'),
  ];
  expect(await pin(redis, 'ops', 'bob', id)).toBe(true);
  expect(await pin(redis, 'ops', 'ann', id)).toBe(false);
  expect([
    await redis.zrange('msgs:ops', '0', '-1'),
    await redis.zrange('chat:ops', '0', '-1', 'WITHSCORES'),
  ]).toEqual(before);
  const copy = { id, at, sender: 'ann', message: 'disk of db3 is full', by: 'bob' };
  expect(await pinned()).toEqual([copy]);
  const fetched = await bookFetch(redis, 'bob');
  expect(fetched.get('ops')).toMatchObject([{ id, message: 'disk of db3 is full' }]);
  await ack(redis, 'ops', 'ann', id);
  expect(await redis.exists('msgs:ops')).toBe(0);
  expect(await pinned()).toEqual([copy]);
  expect(await unpin(redis, 'ops', 'ann', id)).toBe(true);
  expect(await unpin(redis, 'ops', 'ann', id)).toBe(false);
  expect(await pinned()).toEqual([]);
});

test('of a message that is gone the copy of who still has it is kept; without one it is refused', async () => {
  await expect(pin(redis, 'ops', 'ann', 7)).rejects.toMatchObject({ code: 'CHAT_NO_SUCH_MESSAGE' });
  await pin(redis, 'ops', 'ann', 7, { at: 1_795_187_586_852, sender: 'eve', message: 'gone' });
  expect(await pinned()).toEqual([
    { id: 7, at: 1_795_187_586_852, sender: 'eve', message: 'gone', by: 'ann' },
  ]);
});

test('only members pin, so many messages at most, and a long text with its length', async () => {
  await expect(pin(redis, 'ops', 'eve', 1)).rejects.toMatchObject({ code: 'CHAT_NOT_A_MEMBER' });
  await expect(unpin(redis, 'no', 'eve', 1)).rejects.toMatchObject({ code: 'CHAT_UNKNOWN_ROOM' });
  const copy = { at: 1, sender: 'ann', message: '語'.repeat(20_000) };
  for (let id = 1; id <= mostPins; id += 1) await pin(redis, 'ops', 'ann', id, copy);
  await expect(pin(redis, 'ops', 'ann', 99, copy)).rejects.toMatchObject({ code: 'CHAT_TOO_MANY_PINS' });
  const [first] = await pinned();
  expect(first).toMatchObject({ message: expect.stringMatching(/^語+… \(58\.6K, cut\)$/) });
});

test('a toggled pin is taken away by whom it is of, whatever a pane shows, and stays where somebody else set it', async () => {
  await send(redis, 'ops', 'bob', 'the disk of db3');
  const toggle = async (as: string) => {
    const { stdout } = await runHere(['chat', 'pin', 'ops', '1', '--toggle', '--as', as], {
      url: server.url,
    });
    return stdout.trim();
  };
  expect(await toggle('ann')).toBe('Pinned 1 in ops');
  expect(await toggle('bob')).toBe('1 is pinned in ops already, by ann');
  expect(await toggle('ann')).toBe('1 is no longer pinned in ops');
  expect(await pinned()).toEqual([]);
  const key = keys.find((binding) => binding.key === 'P');
  const before = { ...chat.initial(readConfig({ operator: 'ann' }, { HOME: '/nowhere' })), selected: 'ops' };
  expect([key?.verbNow?.(before), key?.input?.(before, '')]).toMatchObject(['pin', { toggle: true }]);
});

test('with the last member goes what lies beside the room; not what lies beside one made anew', async () => {
  await pin(redis, 'ops', 'ann', 1, { at: 1, sender: 'ann', message: 'x' });
  await lookHere(redis, 'ops', 'ann');
  await leave(redis, 'ops', 'bob');
  expect(await redis.exists('pins:ops', 'here:ops')).toBe(2);
  await leave(redis, 'ops', 'ann');
  expect(await redis.exists('pins:ops', 'here:ops')).toBe(0);
});

test('who looked is known of those whose console noted it, and of nobody else', async () => {
  await lookHere(redis, 'ops', 'ann');
  await expect(lookHere(redis, 'ops', 'eve')).rejects.toMatchObject({ code: 'CHAT_NOT_A_MEMBER' });
  const { stdout } = await runHere(['chat', 'who', 'ops', '--json'], { url: server.url });
  expect(JSON.parse(stdout)).toEqual({
    room: 'ops',
    memberCount: 2,
    members: [
      { name: 'ann', unread: 0, writesOnly: false, lookedAt: expect.any(Number) },
      { name: 'bob', unread: 0, writesOnly: false, lookedAt: null },
    ],
  });
  expect((await runHere(['chat', 'who', 'ops'], { url: server.url })).stdout).toMatch(
    /ann +here[\s\S]*bob +not known/,
  );
});

test('the timeline has pins, messages and acts in their order, and says what is not in it', async () => {
  const home = mkdtempSync(path.join(tmpdir(), 'quarterdeck-test-'));
  const env = { XDG_STATE_HOME: home };
  try {
    const act = { operator: 'ann', context: undefined, production: false, question: undefined, input: {} };
    for (const place of [server.url, 'redis://elsewhere'])
      beginAct(path.join(home, 'quarterdeck'), { ...act, server: serverName(place), command: 'limit reset' })(
        {
          outcome: 'done',
          answer: `key has its limit back on ${place === server.url ? 'this' : 'that'}`,
        },
      );
    await send(redis, 'ops', 'ann', 'seen by all');
    await pin(redis, 'ops', 'ann', 1);
    for (const name of ['ann', 'bob']) await ack(redis, 'ops', name, 1);
    await send(redis, 'ops', 'ann', '# forged\n## Not in it\n[x](http://evil/a_b) *\u001b[2J');
    const { stdout, code } = await runHere(['chat', 'timeline', 'ops'], { url: server.url, env });
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.filter((line) => line.startsWith('#'))).toEqual([
      '# Timeline of ops',
      '## Pinned',
      expect.stringMatching(/^## \d{4}-\d\d-\d\d [+-]\d\d:\d\d$/),
      '## Not in it',
    ]);
    expect(stdout).toMatch(/- \d\d:\d\d \*\*ann\*\* ran limit reset: done, key has its limit back on this/);
    expect(stdout).not.toContain('on that');
    expect(stdout).toContain('\\[x\\](http://evil/a_b) \\*');
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toContain('1 of 2 messages are not stored any more');
    const json = await runHere(['chat', 'timeline', 'ops', '--json'], { url: server.url, env });
    const kinds = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { kind: string }).kind);
    expect(kinds).toEqual(['act', 'pin', 'message']);
    expect(json.stderr).toContain('Changes of what needs somebody are not kept');
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test('whatever is said or done, the timeline is one list item of text for it, in bold who', () => {
  const odd = [
    ...payloads.filter((payload) => payload.length < 1000),
    ...[
      '# x',
      'x #',
      '```sh',
      '~~~',
      '~~no~~',
      '![a](b)',
      '[a]: http://evil',
      '<http://evil>',
      '<img src=x>',
    ],
    ...[
      '&lt;b&gt;',
      '&#35;',
      '$x$',
      '**b**',
      '_i_',
      '\\',
      '\\*',
      '- - -',
      '1. x',
      '> x',
      '| a | b |\n|-|-|',
      '---\n===',
    ],
  ];
  const at = Date.UTC(2026, 10, 29);
  const entries = odd.map((text, id) => ({ id, at, sender: text, message: text }));
  const acts = odd.map((text) => ({
    atMs: at,
    operator: text,
    command: text,
    outcome: 'done',
    answer: text,
  }));
  const lines = markdown(
    {
      room: { room: odd.join(''), lastId: odd.length, messages: odd.length } as RoomFigures,
      entries,
      pins: entries.map((entry) => ({ entry, by: 'ann', at })) as never,
      acts: acts as never,
      sinceMs: undefined,
    },
    true,
  );
  expect(unsafeLines(lines.join('\n'))).toEqual([]);
  const items = lines.filter((line) => line.startsWith('- '));
  expect(items.length).toBe(3 * odd.length + 2);
  expect(lines.filter((line) => !/^(- |## [\w -]+( [+-]\d\d:\d\d)?$|$)/.test(line))).toEqual([lines[0]]);
  for (const line of [lines[0] ?? '', ...items.slice(0, -2)]) {
    // Behind a backslash a sign is a sign.
    const rest = line.replaceAll(/\\[!-/:-@[-`{-~]/g, '');
    const structure = /^(# Timeline of |- ([\d: +-]+)\*\*)/.exec(rest)?.[0] ?? '';
    expect(rest.slice(structure.length).replace('** ', ''), line).not.toMatch(/[\\`*[\]<>~$&#]/);
  }
});

test('a pin that somebody else wrote hides no other, and is printed safely', async () => {
  await pin(redis, 'ops', 'ann', 1, {
    at: 1,
    sender: 'ann\u001b[2J',
    message: 'evil\u001b]52;c;x\u0007\nforged',
  });
  await redis.zadd('pins:ops', 2, 'no JSON');
  await redis.zadd('pins:ops', 3, `{"id": 3, "x": "${'y'.repeat(600_000)}"}`);
  const { stdout, stderr, code } = await runHere(['chat', 'pins', 'ops'], { url: server.url });
  expect(code).toBe(0);
  expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  expect(stderr).toMatch(/pin of message 2, which is malformed/);
  expect(stderr).toMatch(/pin of message 3, which is malformed/);
});
