import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import add from '../../source/features/hits/add.lua';
import { bucketMs, hourlyKey, hourMs, rawKey, writersKey } from '../../source/features/hits/keys.ts';
import points from '../../source/features/hits/points.lua';
import sums from '../../source/features/hits/sums.lua';
import { dayOf, planOf, pointsPlan } from '../../source/features/hits/windows.ts';
import { onFakeClock, setClock } from '../helpers/fake-clock.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client();

/** Three days, so far ahead that nothing expires by itself. */
const beginMs = Date.UTC(2096, 1, 27, 22, 0, 0);
const endMs = beginMs + 72 * hourMs;

const [addLua, sumsLua, pointsLua] = [add, sums, points].map(onFakeClock) as [string, string, string];

type Hit = { readonly atMs: number; readonly lateMs: number; readonly count: number };

/** Writes hits in any order, some of them reported late; each batch of one writer confirms the last. */
async function write(hits: readonly Hit[]): Promise<void> {
  await redis.flushall();
  let confirmed = 0;
  for (const { atMs, lateMs, count } of hits) {
    await setClock(redis, (atMs + lateMs) * 1000);
    const hour = Math.floor(atMs / hourMs);
    const keys = [
      rawKey(redis, 's', hour),
      hourlyKey(redis, 's', Math.floor(hour / 24)),
      writersKey(redis, 's'),
    ];
    const words = ['w', confirmed, hour, lateMs, count, 10 * 86_400_000, 400 * 86_400_000];
    const [code, mark] = (await redis.eval(addLua, 3, ...keys, ...words)) as [number, number];
    expect(code).toBe(0);
    confirmed = mark;
  }
}

const instant = fc.integer({ min: beginMs, max: endMs });
const hits = fc.array(
  fc.record({
    atMs: instant,
    lateMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 90 * 60_000 })),
    count: fc.integer({ min: 1, max: 1000 }),
  }),
  { minLength: 1, maxLength: 40 },
);
const edge = fc.oneof(
  instant,
  fc.integer({ min: 0, max: 72 }).map((hours) => beginMs + hours * hourMs),
);

describe('a window', () => {
  test('holds what happened in its buckets, whatever it cuts through', async () => {
    await fc.assert(
      fc.asyncProperty(
        hits,
        fc.array(fc.tuple(edge, edge), { minLength: 1, maxLength: 6 }),
        async (all, edges) => {
          await write(all);
          const nowMs = Math.max(...all.map(({ atMs, lateMs }) => atMs + lateMs));
          await setClock(redis, nowMs * 1000);
          const windows = edges.map(([a, b]) => ({
            series: 's',
            fromMs: Math.min(a, b),
            toMs: Math.max(a, b),
          }));
          const { keys, words } = planOf(redis, windows, nowMs);
          const reply = (await redis.eval(
            sumsLua,
            keys.length,
            ...keys,
            windows.length,
            ...words,
          )) as number[];
          const expected = windows.map(({ fromMs, toMs }) => {
            const from = Math.floor(fromMs / bucketMs) * bucketMs;
            // What happened this very moment has happened.
            const to = toMs >= nowMs ? Number.POSITIVE_INFINITY : Math.ceil(toMs / bucketMs) * bucketMs;
            const inside = all.filter(({ atMs }) => toMs > fromMs && atMs >= from && atMs < to);
            return inside.reduce((total, { count }) => total + count, 0);
          });
          expect(reply.slice(2, 2 + windows.length)).toEqual(expected);
          // Every bucket is still there, so nothing had to be counted by whole hours.
          expect(reply.slice(2 + windows.length).every((coarse) => coarse === 0)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('adds up to its points, by steps of buckets or of hours', async () => {
    const step = fc.constantFrom(bucketMs, 30_000, 60_000, 1_200_000, hourMs, 6 * hourMs);
    await fc.assert(
      fc.asyncProperty(
        hits,
        step,
        fc.integer({ min: 1, max: 60 }),
        instant,
        async (all, stepMs, count, at) => {
          await write(all);
          const fromMs = Math.floor(at / stepMs) * stepMs;
          const { keys, words } = pointsPlan(redis, ['s'], { fromMs, stepMs, points: count });
          const reply = (await redis.eval(pointsLua, keys.length, ...keys, ...words)) as number[];
          const expected = new Array<number>(count).fill(0);
          for (const { atMs, count: n } of all) {
            const point = Math.floor((atMs - fromMs) / stepMs);
            if (atMs >= fromMs && point < count) expected[point] = (expected[point] ?? 0) + n;
          }
          expect(reply.slice(2)).toEqual(expected);
        },
      ),
      { numRuns: 100 },
    );
  });

  test('a day costs few hashes', () => {
    const nowMs = beginMs + 50 * hourMs + 1_234_567;
    const { keys } = planOf(redis, [{ series: 's', fromMs: nowMs - 24 * hourMs, toMs: nowMs }], nowMs);
    expect(keys).toEqual(['hits:s:1h:2096-02-29', 'hits:s:10s:2096-02-29T00', 'hits:s:1h:2096-03-01']);
  });
});

describe('today', () => {
  const zone = process.env.TZ;
  afterEach(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });

  test.each([
    ['UTC', '2026-11-20T15:53:07Z', '2026-11-20T00:00:00Z', '2026-11-19T00:00:00Z', '2026-11-19T15:53:07Z'],
    [
      'Asia/Kolkata',
      '2026-11-20T15:53:07Z',
      '2026-11-19T18:30:00Z',
      '2026-11-18T18:30:00Z',
      '2026-11-19T15:53:07Z',
    ],
    // The clocks went forward at night: yesterday was a full day, and the same time is the same on the wall.
    [
      'Europe/Berlin',
      '2026-03-29T10:00:00Z',
      '2026-03-28T23:00:00Z',
      '2026-03-27T23:00:00Z',
      '2026-03-28T11:00:00Z',
    ],
    // They went back: today has 25 hours, yesterday ends at midnight.
    [
      'Europe/Berlin',
      '2026-10-25T22:30:00Z',
      '2026-10-24T22:00:00Z',
      '2026-10-23T22:00:00Z',
      '2026-10-24T21:30:00Z',
    ],
  ])('in %s at %s', (timeZone, now, midnight, from, to) => {
    process.env.TZ = timeZone;
    expect(dayOf(Date.parse(now))).toEqual({
      todayMs: Date.parse(midnight),
      yesterday: { fromMs: Date.parse(from), toMs: Date.parse(to) },
    });
  });
});
