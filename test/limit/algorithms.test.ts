import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import hit from '../../source/features/limit/check/hit.lua';
import { onFakeClock, setClock } from '../helpers/fake-clock.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());

const lua = onFakeClock(hit);
// Far ahead of the real clock, so that no key expires by itself: the arithmetic alone has to be right.
const epochUs = 4_000_000_000_000_000;

type Rule = { algorithm: string; max: number; perMs: number };
type Answer = { remaining: number; retryAfterMs: number; resetMs: number };

async function spend(rules: readonly Rule[], costs: readonly number[], mode = 'spend'): Promise<Answer[]> {
  const keys = rules.map(({ algorithm, perMs }) => `s:${algorithm}:${perMs}`);
  const limits = rules.flatMap(({ algorithm, max, perMs }) => [algorithm, max, perMs, '']);
  const words = [...keys, mode, rules.length, ...limits, ...costs];
  const reply = (await redis.eval(lua, keys.length, ...words)) as number[];
  return rules.map((_, i) => ({
    remaining: reply[3 * i] ?? Number.NaN,
    retryAfterMs: reply[3 * i + 1] ?? Number.NaN,
    resetMs: reply[3 * i + 2] ?? Number.NaN,
  }));
}

const schedule = fc.record({
  max: fc.integer({ min: 1, max: 40 }),
  perMs: fc.constantFrom(10, 61, 1000, 3600, 60_000),
  hits: fc.array(
    fc.record({
      // Mostly bursts, sometimes a good part of the window, sometimes more than all of it, sometimes a moment less than answered.
      pause: fc.oneof(
        fc.constant(0),
        fc.double({ min: 0, max: 0.2, noNaN: true }),
        fc.double({ min: 0, max: 2.5, noNaN: true }),
        fc.record({ early: fc.double({ min: 0, max: 0.02, noNaN: true }) }),
      ),
      cost: fc.integer({ min: 1, max: 12 }),
    }),
    { minLength: 1, maxLength: 60, size: '+1' },
  ),
});

type Admitted = { atUs: number; cost: number };

/** The largest sum of costs in any half-open window of this length, wherever it begins. */
function fullest(admitted: readonly Admitted[], lengthUs: number): number {
  let most = 0;
  for (const first of admitted) {
    const inside = admitted.filter(({ atUs }) => atUs >= first.atUs && atUs < first.atUs + lengthUs);
    most = Math.max(
      most,
      inside.reduce((sum, { cost }) => sum + cost, 0),
    );
  }
  return most;
}

type Hit = { pause: number | { early: number }; cost: number };

async function play(rule: Rule, hits: readonly Hit[]): Promise<Admitted[]> {
  await redis.flushall();
  const key = `s:${rule.algorithm}:${rule.perMs}`;
  const admitted: Admitted[] = [];
  let atUs = epochUs;
  let toldMs = 0;
  for (const { pause, cost } of hits) {
    const pauseMs = typeof pause === 'number' ? pause * rule.perMs : toldMs - pause.early * rule.perMs;
    atUs += Math.max(0, Math.round(pauseMs * 1000));
    await setClock(redis, atUs);
    const before = await redis.dump(key);
    const [answer] = await spend([rule], [cost]);
    toldMs = Math.max(0, answer?.retryAfterMs ?? 0);
    if (answer?.retryAfterMs === 0) admitted.push({ atUs, cost });
    else expect(await redis.dump(key)).toEqual(before);
  }
  return admitted;
}

describe('in any window', () => {
  test('sliding admits at most its maximum, whatever the pauses and costs', async () => {
    await fc.assert(
      fc.asyncProperty(schedule, async ({ max, perMs, hits }) => {
        const admitted = await play({ algorithm: 'sliding', max, perMs }, hits);
        expect(fullest(admitted, perMs * 1000)).toBeLessThanOrEqual(max);
      }),
      { numRuns: 300 },
    );
  });

  test('gcra admits at most its burst and what its rate adds', async () => {
    await fc.assert(
      fc.asyncProperty(schedule, fc.double({ min: 0.01, max: 3, noNaN: true }), async (played, share) => {
        const { max, perMs, hits } = played;
        const admitted = await play({ algorithm: 'gcra', max, perMs }, hits);
        const lengthUs = Math.round(share * perMs * 1000);
        expect(fullest(admitted, lengthUs)).toBeLessThanOrEqual(max + (max * lengthUs) / (perMs * 1000));
      }),
      { numRuns: 300 },
    );
  });

  test('fixed admits exactly its maximum in each of its own windows', async () => {
    await fc.assert(
      fc.asyncProperty(schedule, async ({ max, perMs, hits }) => {
        const rule = { algorithm: 'fixed', max, perMs };
        let used = 0;
        await redis.flushall();
        await setClock(redis, epochUs);
        for (const { cost } of hits) {
          const [answer] = await spend([rule], [cost]);
          const fits = used + cost <= max;
          expect(answer?.retryAfterMs === 0).toBe(fits);
          if (fits) used += cost;
          expect(answer?.remaining).toBe(max - used);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('retryAfterMs', () => {
  test.each(['sliding', 'gcra'])(
    'of %s is when the same cost fits, and not two milliseconds earlier',
    async (algorithm) => {
      await fc.assert(
        fc.asyncProperty(schedule, async ({ max, perMs, hits }) => {
          const rule = { algorithm, max, perMs };
          await redis.flushall();
          let atUs = epochUs;
          for (const { pause, cost } of hits) {
            atUs += typeof pause === 'number' ? Math.round(pause * perMs * 1000) : 0;
            await setClock(redis, atUs);
            const [answer] = await spend([rule], [cost]);
            if (!answer || answer.retryAfterMs === 0) continue;
            if (answer.retryAfterMs === -1) {
              expect(cost).toBeGreaterThan(max);
              continue;
            }
            await setClock(redis, atUs + (answer.retryAfterMs - 2) * 1000);
            if (answer.retryAfterMs > 2)
              expect((await spend([rule], [cost], 'look'))[0]?.retryAfterMs).not.toBe(0);
            await setClock(redis, atUs + answer.retryAfterMs * 1000);
            expect((await spend([rule], [cost], 'look'))[0]?.retryAfterMs).toBe(0);
          }
        }),
        { numRuns: 60 },
      );
    },
  );

  test('of fixed is the end of the window', async () => {
    await setClock(redis, epochUs + 400_000);
    expect(await spend([{ algorithm: 'fixed', max: 1, perMs: 1000 }], [1])).toEqual([
      { remaining: 0, retryAfterMs: 0, resetMs: 600 },
    ]);
    expect(await spend([{ algorithm: 'fixed', max: 1, perMs: 1000 }], [1])).toEqual([
      { remaining: 0, retryAfterMs: 600, resetMs: 600 },
    ]);
  });
});

describe('several limits at once', () => {
  test('spend from all or from none', async () => {
    const rule = fc.record({
      algorithm: fc.constantFrom('fixed', 'sliding', 'gcra'),
      max: fc.integer({ min: 1, max: 15 }),
      perMs: fc.constantFrom(1000, 5000, 60_000),
    });
    const rules = fc.uniqueArray(rule, {
      minLength: 2,
      maxLength: 4,
      selector: ({ algorithm, perMs }) => `${algorithm}:${perMs}`,
    });
    await fc.assert(
      fc.asyncProperty(
        rules,
        fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 20 }),
        async (all, costs) => {
          await redis.flushall();
          await setClock(redis, epochUs);
          let used = 0;
          for (const cost of costs) {
            const answers = await spend(
              all,
              all.map(() => cost),
            );
            const fits = all.every(({ max }) => used + cost <= max);
            expect(answers.every(({ retryAfterMs }) => retryAfterMs === 0)).toBe(fits);
            if (fits) used += cost;
            expect(answers.map(({ remaining }) => remaining)).toEqual(all.map(({ max }) => max - used));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('a key of another type refuses the whole act and spends nothing', async () => {
    await setClock(redis, epochUs);
    const rules = [
      { algorithm: 'fixed', max: 5, perMs: 1000 },
      { algorithm: 'gcra', max: 5, perMs: 1000 },
    ];
    await redis.lpush('s:gcra:1000', 'foreign');
    expect((await spend(rules, [1, 1]))[1]?.retryAfterMs).toBe(-2);
    expect(await redis.exists('s:fixed:1000')).toBe(0);
    expect(await redis.lrange('s:gcra:1000', 0, -1)).toEqual(['foreign']);
  });
});

describe('the clock set back by an hour', () => {
  const rule = (algorithm: string): Rule => ({ algorithm, max: 10, perMs: 60_000 });

  test.each(['sliding', 'gcra'])('does not let %s forget what was spent', async (algorithm) => {
    await setClock(redis, epochUs);
    await spend([rule(algorithm)], [10]);
    await setClock(redis, epochUs - 3_600_000_000);
    expect((await spend([rule(algorithm)], [1]))[0]?.retryAfterMs).toBeGreaterThan(0);
  });

  test.each(['sliding', 'gcra'])('does not refuse %s for an hour', async (algorithm) => {
    await setClock(redis, epochUs);
    await spend([rule(algorithm)], [10]);
    await setClock(redis, epochUs - 3_600_000_000);
    const other = { algorithm: 'fixed', max: 10, perMs: 60_000 };
    await spend([rule(algorithm), other], [1, 1]);
    await setClock(redis, epochUs - 3_600_000_000 + 62_000_000);
    expect((await spend([rule(algorithm)], [10]))[0]?.retryAfterMs).toBe(0);
  });

  test('lets a fixed window end when its key says later', async () => {
    const [seconds] = await redis.time();
    await setClock(redis, Number(seconds) * 1_000_000);
    await redis.set('s:fixed:60000', 10, 'PX', 3_600_000);
    expect((await spend([rule('fixed')], [1]))[0]?.retryAfterMs).toBeGreaterThan(0);
    expect(await redis.pttl('s:fixed:60000')).toBeLessThanOrEqual(60_000);
  });
});

test('a counter that lost its deadline is given one', async () => {
  const [seconds] = await redis.time();
  await setClock(redis, Number(seconds) * 1_000_000);
  await redis.set('s:fixed:60000', 10);
  await spend([{ algorithm: 'fixed', max: 10, perMs: 60_000 }], [1]);
  expect(await redis.get('s:fixed:60000')).toBe('10');
  expect(await redis.pttl('s:fixed:60000')).toBeGreaterThan(0);
});

test.each(['fixed', 'sliding', 'gcra'])('every key of %s has a deadline', async (algorithm) => {
  const [seconds, microseconds] = await redis.time();
  const nowUs = Number(seconds) * 1_000_000 + Number(microseconds);
  await setClock(redis, nowUs);
  await spend([{ algorithm, max: 10, perMs: 60_000 }], [3]);
  const ttlMs = await redis.pttl(`s:${algorithm}:60000`);
  expect(ttlMs).toBeGreaterThan(0);
  expect(ttlMs).toBeLessThanOrEqual(62_000);
});

test('rates far above a thousand a second are kept to, not rounded away', async () => {
  const rule = { algorithm: 'gcra', max: 3_000_000, perMs: 1000 };
  await setClock(redis, epochUs);
  await spend([rule], [3_000_000]);
  let admitted = 0;
  for (let i = 1; i <= 200; i++) {
    await setClock(redis, epochUs + i * 7);
    if ((await spend([rule], [21]))[0]?.retryAfterMs === 0) admitted += 1;
  }
  expect(admitted).toBe(200);
  expect((await spend([rule], [1]))[0]?.retryAfterMs).toBe(1);
});
