import type { Redis } from 'ioredis';
import { beforeEach, expect, test, vi } from 'vitest';
import { readConfig } from '../../source/config.ts';
import { increment } from '../../source/features/buffer/buffer.ts';
import buffer from '../../source/features/buffer/index.ts';
import { initialSlice } from '../../source/features/buffer/state.ts';
import { serverTimeMs, writeStatus } from '../../source/features/buffer/status.ts';
import { register } from '../../source/redis/registry.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

let redis: Redis;
const server = await redisForThisFile();
beforeEach(async () => {
  redis = server.client();
  await redis.flushall();
});

const config = readConfig({}, {});

async function learned(slice = initialSlice) {
  return (await buffer.feed.read({ redis, connections: [], config }, slice))(slice);
}

test('learns what waits, what is in flight, how the last flush went; idle, it stays the same slice', async () => {
  const empty = await learned();
  expect(empty).toMatchObject({ types: [], total: 0 });
  expect(await learned(empty)).toBe(empty);
  await increment(redis, 'project', [
    ['a', 3],
    ['b', 4],
  ]);
  await redis.zadd('pending:project:inflight', 5, 'c');
  await redis.hset('pending:project:batch', { id: 'x', oldestMs: (await serverTimeMs(redis)) - 61_000 });
  await writeStatus(redis, 'project', {
    last: { rows: 9, total: 10, durationMs: 20, atMs: 1 },
    failure: { attempts: 2, message: 'away', sinceMs: 1, retryAtMs: (await serverTimeMs(redis)) + 8000 },
    flusher: { everyMs: 10_000, seenMs: await serverTimeMs(redis) },
  });
  const slice = await learned();
  expect(slice.types).toMatchObject([
    {
      type: 'project',
      ids: 2,
      total: 7,
      isExact: true,
      inflight: { ids: 1, total: 5 },
      oldestAtMs: expect.any(Number),
      last: { rows: 9, total: 10, durationMs: 20, atMs: 1 },
      failure: { attempts: 2, message: 'away', retryAtMs: expect.any(Number) },
      flusher: { everyMs: 10_000, isSilent: false },
    },
  ]);
  await redis.del('pending:project', 'pending:project:inflight', 'pending:project:batch');
  await writeStatus(redis, 'project', { failure: undefined, flusher: undefined });
  const idle = await learned(slice);
  expect(await learned(idle)).toBe(idle);
});

test('very large buffers are estimated rather than added up', async () => {
  await register(redis, 'buffer', 'project');
  const pipeline = redis.pipeline();
  for (let id = 0; id < 6000; id += 1) pipeline.zadd('pending:project', 10, `id${id}`);
  await pipeline.exec();
  expect((await learned()).types).toMatchObject([{ ids: 6000, total: 60_000, isExact: false }]);
});

test('shows a key that belongs to something else, beside the others, and shrugs off a garbled status', async () => {
  await increment(redis, 'fine', [['a', 1]]);
  await register(redis, 'buffer', 'text');
  await register(redis, 'buffer', 'not:a:batch');
  await redis.set('pending:text', 'mine');
  await redis.hset('pending:fine:status', {
    last: '{"rows":"<b>"}',
    failure: 'garbage',
    flusher: '[]',
    more: '1',
  });
  const { types } = await learned();
  expect(types).toMatchObject([
    { type: 'text', error: expect.stringContaining('pending:text') },
    { type: 'fine', ids: 1, last: undefined, failure: undefined, flusher: undefined },
  ]);
});

test('one reading costs three commands', async () => {
  for (const type of ['a', 'b', 'c']) await increment(redis, type, [['x', 1]]);
  await learned();
  const sent = vi.spyOn(redis, 'sendCommand');
  await learned();
  expect(sent).toHaveBeenCalledTimes(3);
});

test('the snapshot has the shape of `buffer pending`', async () => {
  await increment(redis, 'project', [['a', 3]]);
  expect(await buffer.snapshot({ redis, connections: [], config })).toMatchObject([
    { type: 'project', ids: 1, total: 3, inflight: 0, oldestMs: expect.any(Number) },
  ]);
});
