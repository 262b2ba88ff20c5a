import { beforeEach, expect, test } from 'vitest';
import { Hits } from '../../source/features/hits/hits.ts';
import hits from '../../source/features/hits/index.ts';
import limit from '../../source/features/limit/index.ts';
import { Limiter } from '../../source/features/limit/limit.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

let seconds: number;
const server = await redisForThisFile();
const redis = server.client();
beforeEach(async () => {
  await redis.flushall();
  seconds = Number((await redis.time())[0]);
});

const examine = async () => {
  const found = [];
  for (const { doctor } of [limit, hits]) {
    const keys = (await redis.keys('*')).toSorted().filter((key) => doctor?.claims(key));
    if (doctor) found.push(...(await doctor.examine(redis, keys)));
  }
  return found;
};

test('what we write ourselves is healthy, and what only looks alike is left alone', async () => {
  const limiter = new Limiter(redis, [
    { max: 5, perMs: 60_000 },
    { algorithm: 'gcra', max: 5, perMs: 60_000 },
  ]);
  const counter = new Hits(redis);
  await limiter.hit('a');
  counter.add('web');
  await Promise.all([limiter.close(), counter.close()]);
  await redis.mset('user:12345678', '7', 'phone:123456789', '1', `note:${Math.floor(seconds / 60)}`, 'hello');
  expect(await examine()).toEqual([]);
});

test('our keys that lost their deadline, and get it back', async () => {
  await redis.set('limit:a:fixed:60000', 20);
  await redis.hset('hits:web:10s:2026-11-20T15', '0', 1);
  await redis.hset('hits:web:1h:2096-11-20', '15', 1);
  const found = await examine();
  expect(found.map(({ code, key }) => [code, key]).toSorted()).toEqual([
    ['HITS_WITHOUT_TTL', 'hits:web:10s:2026-11-20T15'],
    ['HITS_WITHOUT_TTL', 'hits:web:1h:2096-11-20'],
    ['LIMIT_WITHOUT_TTL', 'limit:a:fixed:60000'],
  ]);
  for (const { repair } of found) await repair?.();
  expect(await examine()).toEqual([]);
  expect(await redis.pttl('limit:a:fixed:60000')).toBeLessThanOrEqual(60_000);
  expect(await redis.pexpiretime('hits:web:1h:2096-11-20')).toBe(Date.UTC(2096, 10, 21) + 400 * 86_400_000);
});

test('keys of the legacy layout that never refuse or never end', async () => {
  const window = Math.floor(seconds / 60);
  await redis.set(`7:${window}.2517`, '1', 'EX', 60);
  await redis.set(`8:${window}`, '3');
  await redis.set(`9:${Math.floor(seconds / 10)}`, '3');
  const found = await examine();
  expect(found.map(({ code, key, repair }) => [code, key, repair])).toEqual([
    ['LIMIT_NEVER_REFUSES', '7:<epoch/60>', undefined],
    ['LIMIT_WITHOUT_TTL', `8:${window}`, undefined],
    ['HITS_WITHOUT_TTL', `9:${Math.floor(seconds / 10)}`, undefined],
  ]);
});

test('keys of another type', async () => {
  await redis.lpush('limit:a:gcra:60000', 'x');
  await redis.set('hits:web:1h:2026-11-20', 'x');
  expect((await examine()).map(({ code, key }) => [code, key])).toEqual([
    ['WRONG_TYPE', 'limit:a:gcra:60000'],
    ['WRONG_TYPE', 'hits:web:1h:2026-11-20'],
  ]);
});
