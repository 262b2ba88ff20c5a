import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LeasedLimiter } from '../../source/features/limit/check/lease.ts';
import { Limiter } from '../../source/features/limit/limit.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';

let server: RedisServer;
let redis: ReturnType<RedisServer['client']>;
beforeEach(async () => {
  server = await startRedis();
  redis = server.client({ enableAutoPipelining: true, retryStrategy: () => 20 });
  await redis.ping();
});
afterEach(() => server.close());

const limit = { max: 2, perMs: 3_600_000 };

test.each([
  ['open', true],
  ['closed', false],
] as const)('a server that died is answered for: %s', async (onError, allowed) => {
  const limiter = new Limiter(redis, limit, { onError, timeoutMs: 1000 });
  expect(await limiter.hit('s')).not.toHaveProperty('undecided');
  await server.stop();
  const verdicts = await Promise.all(Array.from({ length: 50 }, () => limiter.hit('s')));
  for (const verdict of verdicts) expect(verdict).toMatchObject({ subject: 's', allowed, undecided: true });
  await server.start();
  await vi.waitFor(async () => expect(await limiter.hit('s')).not.toHaveProperty('undecided'), {
    timeout: 5000,
  });
});

test('a silent server is waited for once, not once for each hit', async () => {
  const limiter = new Limiter(redis, limit, { onError: 'open', timeoutMs: 100 });
  await limiter.hit('s');
  server.signal('SIGSTOP');
  const startedMs = performance.now();
  for (let i = 0; i < 500; i += 1) {
    expect(await limiter.hit(`s${i}`)).toMatchObject({ allowed: true, undecided: true });
  }
  // Waited for once each, it would be fifty seconds.
  expect(performance.now() - startedMs).toBeLessThan(20_000);
  server.signal('SIGCONT');
  await vi.waitFor(async () => expect(await limiter.hit('s')).not.toHaveProperty('undecided'), {
    timeout: 5000,
  });
  // Only what was asked before the silence showed was spent, not all five hundred.
  expect((await redis.keys('limit:s?*')).length).toBeLessThan(10);
});

test('without onError a full server fails the hit', async () => {
  const limiter = new Limiter(redis, limit);
  await redis.config('SET', 'maxmemory', '1');
  await expect(limiter.hit('s')).rejects.toThrow('OOM');
  expect(await new Limiter(redis, limit, { onError: 'open' }).hit('s')).toMatchObject({
    allowed: true,
    undecided: true,
  });
});

test('a key of another type is an error whatever onError says', async () => {
  await redis.set('limit:s:sliding:3600000', 'x');
  const limiter = new Limiter(redis, { ...limit, algorithm: 'sliding' }, { onError: 'open' });
  await expect(limiter.hit('s')).rejects.toMatchObject({ code: 'WRONG_TYPE' });
});

test('a leased limiter hands out what it holds while the server is away, then onError decides', async () => {
  const leased = new LeasedLimiter(
    redis,
    { max: 100, perMs: 3_600_000 },
    { permits: 10, onError: 'closed', timeoutMs: 1000 },
  );
  await leased.hit('s');
  await server.stop();
  const verdicts = [];
  for (let i = 0; i < 12; i += 1) verdicts.push(await leased.hit('s'));
  expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(9);
  expect(verdicts.at(-1)).toMatchObject({ allowed: false, undecided: true });
});
