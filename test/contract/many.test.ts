import { afterAll, beforeAll, expect, test } from 'vitest';
import { fillings } from '../../scripts/many/fill.ts';
import { type Meter, startMeter } from '../../scripts/many/meter.ts';
import * as chat from '../../source/features/chat/library.ts';
import * as limit from '../../source/features/limit/library.ts';
import { lockKeys } from '../../source/features/lock/holder/scripts.ts';
import { run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/**
 * More of each thing than a page, a command or a console takes, of which the one used longest ago is in trouble. The
 * long form, with time and memory, is `npm run many`.
 */

const server = await redisForThisFile();
const redis = server.client();
const count = 1500;
const most = { words: 3000, replyBytes: 512 * 1024 };
let meter: Meter;
beforeAll(async () => {
  meter = await startMeter(server.socket);
});
afterAll(() => meter.close());

/** What the command said; no command and no reply of it was long. */
async function metered(words: readonly string[]) {
  meter.read();
  const ran = await run([...words, '--json'], { url: meter.url });
  const passed = meter.read();
  expect(passed.words, passed.longest).toBeLessThanOrEqual(most.words);
  expect(passed.replyBytes).toBeLessThanOrEqual(most.replyBytes);
  return ran;
}

const lists: Readonly<Record<string, string>> = {
  topic: 'status',
  buffer: 'pending',
  sync: 'status',
  ship: 'status',
};

test.each(['lock', 'limit', 'topic', 'chat', 'hits', 'log', 'buffer', 'sync', 'ship'])(
  '1,500 of %s: all are listed, and the oldest is never passed over',
  async (noun) => {
    const filling = fillings[noun];
    await redis.flushall();
    await filling?.fill(redis, count);
    const listed = await metered([noun, lists[noun] ?? 'list']);
    expect(listed.code).toBe(0);
    expect(JSON.parse(listed.stdout)).toHaveLength(count);
    const failing = await metered(['snapshot', '--pane', noun, '--fail-if', String(filling?.condition)]);
    expect(failing).toMatchObject({ code: 1 });
    if (filling?.need === undefined) return;
    const needs = await metered(['needs', '--pane', noun]);
    const ids = (JSON.parse(needs.stdout) as { id: string }[]).map(({ id }) => id);
    expect(ids).toEqual([expect.stringContaining(filling.need)]);
  },
);

test('where more are in trouble than are shown, needs say how many more', async () => {
  await redis.flushall();
  const client = server.client();
  await using limiter = limit.open(client, { max: 1, perMs: 3_600_000 });
  await Promise.all(Array.from({ length: 1000 }, (_, index) => limiter.hit(`full:${index}`)));
  await limiter.close();
  for (let index = 0; index < 1000; index += 1) void redis.zadd(`pending:old:${index}`, 1, 'id');
  const longAgo = Date.now() - 3_600_000;
  for (let index = 0; index < 1000; index += 1) void redis.set(`pending:old:${index}:oldest`, longAgo);
  await redis.zadd(
    'quarterdeck:buffer',
    ...Array.from({ length: 1000 }, (_, i) => [i + 1, `old:${i}`]).flat(),
  );
  // Somebody waits for each, and nothing ends it.
  for (let index = 0; index < 1000; index += 1) {
    const { lock, queue } = lockKeys(redis, `endless:${index}`);
    void redis.set(lock, `host:1:${index}:`);
    void redis.zadd(queue, longAgo * 1000, `host:2:${index}:`);
  }
  await redis.zadd(
    'quarterdeck:lock',
    ...Array.from({ length: 1000 }, (_, i) => [i + 1, `endless:${i}`]).flat(),
  );
  for (const noun of ['limit', 'buffer', 'lock']) {
    const { stdout } = await metered(['needs', '--pane', noun]);
    const needs = JSON.parse(stdout) as { name: string; words: string }[];
    const more = needs.find(({ name }) => name.startsWith('other '))?.words ?? '';
    const moreCount = Number(/^[\d,]+/.exec(more)?.[0].replaceAll(',', ''));
    expect(needs.length - 1 + moreCount, noun).toBe(1000);
  }
});

test('whoever joins, leaves or is added is answered alike, however many are in the room', async () => {
  await redis.flushall();
  const client = server.client({ path: meter.url.replace('unix://', '') });
  const largestReply = async (): Promise<number> => {
    await chat.create(client, { room: 'hall', members: ['founder'] });
    expect(await chat.join(client, 'hall', { as: 'late' })).toMatchObject({ room: 'hall' });
    await chat.leave(client, 'hall', { as: 'late' });
    return meter.read().replyBytes;
  };
  await chat.create(client, {
    room: 'hall',
    members: Array.from({ length: 200 }, (_, index) => `m${index}`),
  });
  meter.read();
  const before = await largestReply();
  await chat.create(client, {
    room: 'hall',
    members: Array.from({ length: 5000 }, (_, index) => `m${index}`),
  });
  meter.read();
  expect(await largestReply()).toBeLessThan(before * 1.2);
  const joined = await chat.join(client, 'hall', { as: 'late' });
  expect(joined.memberCount).toBe(5002);
  expect(joined.members.map(({ name }) => name)).toContain('late');
  expect((await chat.status(client, 'hall'))?.members).toHaveLength(5002);
});
