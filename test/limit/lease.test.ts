import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { LeasedLimiter } from '../../source/features/limit/check/lease.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client({ enableAutoPipelining: true });
beforeEach(() => redis.flushall());

const perMs = 366 * 86_400_000;

test('admits the whole limit and not one more, however many hits wait for a batch at once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('sliding' as const, 'gcra' as const),
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 4 }),
      async (algorithm, max, permits, processes) => {
        await redis.flushall();
        const fleet = Array.from(
          { length: processes },
          () => new LeasedLimiter(redis, { algorithm, max, perMs }, { permits }),
        );
        const hits = fleet.flatMap((one) => Array.from({ length: max + 20 }, () => one.hit('hot')));
        const admitted = (await Promise.all(hits)).filter(({ allowed }) => allowed).length;
        // Every permit taken is handed out as long as somebody in that process asks.
        expect(admitted).toBe(max);
      },
    ),
    { numRuns: 40 },
  );
});

test('asks once for each batch', async () => {
  const leased = new LeasedLimiter(redis, { algorithm: 'gcra', max: 10_000, perMs }, { permits: 500 });
  await leased.hit('hot');
  await redis.config('RESETSTAT');
  for (let i = 0; i < 4999; i += 1) expect((await leased.hit('hot')).allowed).toBe(true);
  const spends = /cmdstat_set:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1];
  expect(Number(spends)).toBe(9);
});

test('mixed costs: a large one refused does not refuse a small one that fits', async () => {
  const leased = new LeasedLimiter(redis, { algorithm: 'gcra', max: 10, perMs }, { permits: 4 });
  expect((await leased.hit('s', 7)).allowed).toBe(true);
  const verdicts = await Promise.all([
    leased.hit('s', 6),
    leased.hit('s', 2),
    leased.hit('s', 2),
    leased.hit('s', 1),
  ]);
  expect(verdicts.map(({ allowed }) => allowed)).toEqual([false, true, false, true]);
});

test('what is held is forgotten after one period', async () => {
  const leased = new LeasedLimiter(redis, { algorithm: 'gcra', max: 10, perMs: 50 }, { permits: 10 });
  await leased.hit('s');
  const startedMs = performance.now();
  // Nine are still in hand; each further batch comes only from what the server's rate gives.
  let admitted = 1;
  while (performance.now() - startedMs < 500 || admitted <= 20) {
    if ((await leased.hit('s')).allowed) admitted += 1;
  }
  const elapsedMs = performance.now() - startedMs;
  // The bound of the design note: what the limit admits in that time, plus one batch in hand.
  expect(admitted).toBeLessThanOrEqual(10 + (10 * elapsedMs) / 50 + 10);
});
