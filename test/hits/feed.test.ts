import { beforeEach, expect, test } from 'vitest';
import { Hits } from '../../source/features/hits/hits.ts';
import hits from '../../source/features/hits/index.ts';
import { changeStep, type HitsSlice, initial, learn, pointsEach } from '../../source/features/hits/state.ts';
import { awayFromTheEnd, hourMs } from '../helpers/clock.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client({ enableAutoPipelining: true });
beforeEach(async () => {
  await awayFromTheEnd(hourMs, 10_000);
  await redis.flushall();
});

const read = async (slice: HitsSlice): Promise<HitsSlice> =>
  (
    await hits.feed.read(
      { redis, connections: [{ url: '', ask: redis }] as never, config: {} as never },
      slice,
    )
  )(slice);

/** Commands since the statistics were reset, without those that scripts call. */
const commands = async (): Promise<number> => {
  const stats = await redis.info('commandstats');
  const own = [...stats.matchAll(/^cmdstat_(evalsha|eval|zrevrange):calls=(\d+)/gm)];
  return own.reduce((total, [, , calls]) => total + Number(calls), 0);
};

test('learns sums and charts; while nothing happens the slice stays the same one', async () => {
  const counter = new Hits(redis);
  counter.add('web', 7);
  counter.add('api', 2);
  await counter.close();
  const once = await read(await read(initial));
  expect(once.rows.map(({ series, today, points }) => [series, today, points.length])).toEqual([
    ['web', 7, pointsEach],
    ['api', 2, pointsEach],
  ]);
  await redis.config('RESETSTAT');
  const again = await read(once);
  // A bar may end between two readings; nothing else changes.
  if (again.untilMs === once.untilMs) expect(again).toBe(once);
  expect(await commands()).toBeLessThanOrEqual(3);
});

test('a change of bars is read at once', async () => {
  const counter = new Hits(redis);
  counter.add('mail', 7);
  await counter.close();
  const slice = changeStep(await read(initial), 1);
  expect(hits.feed.subject?.(slice)).not.toBe(hits.feed.subject?.(initial));
  const next = await read(slice);
  expect(next.rows[0]?.points).toHaveLength(pointsEach);
  expect((next.untilMs ?? 1) % 600_000).toBe(0);
});

test('nothing counted is a reading, too', async () => {
  expect(await read(initial)).toMatchObject({ rows: [], total: 0 });
});

test('what cannot be read of other series, or of charts, stays known while neither is read', () => {
  const about = { names: ['a', 'b', 'c', 'd'], total: 4, sums: [], next: 0 };
  const readings = [
    { from: 0, sums: ['a is none'], charts: ['a has no chart'] },
    { from: 3, sums: ['d is none'], charts: [] },
    { from: 0, sums: ['a is none'] },
  ];
  const slices: HitsSlice[] = [initial];
  for (const wrong of readings) slices.push(learn(slices.at(-1) ?? initial, { ...about, wrong }));
  expect(slices.map(({ wrong }) => wrong.length)).toEqual([0, 2, 3, 3]);
  const mended = learn(slices.at(-1) ?? initial, { ...about, wrong: { from: 0, sums: [], charts: [] } });
  expect(mended.wrong).toEqual(['d is none']);
});
