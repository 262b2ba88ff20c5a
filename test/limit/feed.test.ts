import { beforeEach, expect, test } from 'vitest';
import limit from '../../source/features/limit/index.ts';
import { Limiter } from '../../source/features/limit/limit.ts';
import { initial, type LimitSlice } from '../../source/features/limit/state.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client({ enableAutoPipelining: true });
beforeEach(() => redis.flushall());

const read = async (slice: LimitSlice): Promise<LimitSlice> =>
  (
    await limit.feed.read(
      { redis, connections: [{ url: '', ask: redis }] as never, config: {} as never },
      slice,
    )
  )(slice);

test('reads hundreds of limits in two commands', async () => {
  const limiter = new Limiter(redis, { max: 1000, perMs: 86_400_000 });
  await Promise.all(Array.from({ length: 400 }, (_, i) => limiter.hit(`user:${i}`, i + 1)));
  await limiter.close();
  await read(initial);
  await redis.config('RESETSTAT');
  const slice = await read(initial);
  expect(slice.total).toBe(400);
  expect(slice.meters.length).toBe(300);
  expect(slice.meters[0]?.subject).toBe('user:399');
  const calls = /cmdstat_evalsha_ro:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1];
  expect(Number(calls)).toBeLessThanOrEqual(3);
});

test('while nothing is used the slice stays the same one', async () => {
  const limiter = new Limiter(redis, { algorithm: 'gcra', max: 1000, perMs: 1000 });
  await limiter.hit('s');
  await limiter.close();
  await redis.del('limit:s:gcra:1000');
  const once = await read(initial);
  expect(once.meters).toMatchObject([{ subject: 's', used: 0, resetAtMs: undefined }]);
  expect(await read(once)).toBe(once);
});

test('only reads', async () => {
  const limiter = new Limiter(redis, { max: 10, perMs: 86_400_000 });
  await limiter.hit('s', 10);
  await limiter.close();
  await redis.config('RESETSTAT');
  await read(initial);
  expect(await redis.info('commandstats')).not.toMatch(/cmdstat_(set|hset|incrby|pexpireat|zadd)/);
});
