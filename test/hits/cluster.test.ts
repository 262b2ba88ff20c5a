import { afterAll, beforeAll, expect, test } from 'vitest';
import { discover } from '../../source/features/hits/discover.ts';
import { Hits } from '../../source/features/hits/hits.ts';
import { overview, seriesNames, seriesPoints, sum } from '../../source/features/hits/read.ts';
import { seedSum } from '../../source/features/hits/read-seed.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';

let cluster: RedisCluster;
let redis: ReturnType<RedisCluster['client']>;
beforeAll(async () => {
  cluster = await startCluster();
  redis = cluster.client();
});
afterAll(() => cluster.close());

test('series count on their primaries, also while a slot moves', async () => {
  const hits = new Hits(redis, { flushMs: 10 });
  const moving = cluster.moveSlotOf('hits:{web}:writers');
  for (let round = 0; round < 100; round += 1) {
    for (const series of ['web', 'api', 'mail']) hits.add(series, 3);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await moving;
  await hits.close();
  for (const series of ['web', 'api', 'mail']) {
    expect((await sum(redis, series, { sinceMs: 86_400_000 })).sum).toBe(300);
  }
  const names = (await seriesNames(redis)).toSorted();
  expect(names).toEqual(['api', 'mail', 'web']);
  expect((await overview(redis, names)).map(({ lastHour }) => lastHour)).toEqual([300, 300, 300]);
  const points = await seriesPoints(redis, 'web', { stepMs: 60_000, sinceMs: 3_600_000 });
  expect(points.reduce((total, [, count]) => total + count, 0)).toBe(300);
  const seed = new Hits(redis, { layout: 'seed' });
  seed.add('7', 4);
  await seed.close();
  expect((await seedSum(redis, '7', 3_600_000)).sum).toBe(4);
});

test('series are found by their keys on every primary', async () => {
  await cluster.flush();
  const hits = new Hits(redis);
  const seed = new Hits(redis, { layout: 'seed' });
  const names = ['web', 'api', 'mail', 'ftp', 'ssh', 'dns'];
  for (const name of names) {
    hits.add(name, 2);
    seed.add(name, 3);
  }
  await Promise.all([hits.close(), seed.close()]);
  // Another program's key without a hash tag: nobody here could read it as the series `stray`.
  const stray = `stray:${Math.floor(Number((await cluster.primaryOf('stray').time())[0]) / 10)}`;
  await redis.set(stray, 1);
  const found = await discover(redis);
  expect(found.own).toEqual(names.toSorted());
  expect(found.seed.map(({ series, lastHour }) => [series, lastHour]).toSorted()).toEqual(
    names.toSorted().map((name) => [name, 3]),
  );
  expect(found.foreign).toEqual([stray]);
});
