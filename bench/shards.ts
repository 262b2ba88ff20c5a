import { Hits, seedSum, sum } from '../source/features/hits/library.ts';
import { countsIn, seedSumBy } from '../source/features/hits/read-seed.ts';
import { gather, map, shardsOf } from '../source/features/shards/shards.ts';
import { interleave, judged, median, printTable, startServer } from './harness.ts';

/** Day sums over four servers beside the same on one; the goal is at most 1.3 times as long. */
const count = 4;
const day = 86_400_000;
const buckets = 8640;
const goal = 1.3;
const repetitions = 60;

const servers = await Promise.all(Array.from({ length: count }, () => startServer()));
try {
  const listed = servers.map(({ socket, redis }) => ({ url: `unix://${socket}`, ask: redis }));
  for (const { ask } of listed) ask.options.enableAutoPipelining = true;
  const four = shardsOf(listed, 'crc32-signed');
  const [one] = listed;
  if (!one) throw new Error('no server');
  const names = Array.from({ length: 100 }, (_, i) => `series${i}`);
  const series = [0, 1, 2, 3].map((shard) => names.find((name) => four.route(name) === shard) ?? '');

  for (const name of series) {
    for (const client of new Set([four.clientOf(name), one.ask])) {
      const hits = new Hits(client);
      hits.add(name, 1000);
      await hits.close();
    }
  }
  const now = Math.floor(Date.now() / 10_000);
  const keys = Array.from({ length: buckets }, (_, i) => `day:${now - buckets + i + 1}`);
  await one.ask.mset(keys.flatMap((key) => [`one${key}`, '3']));
  await Promise.all(keys.map((key) => four.clientOf(key).set(key, '3')));
  const onOne = keys.map((key) => `one${key}`);

  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const startedAt = performance.now();
    await work();
    return performance.now() - startedAt;
  };
  const cases = {
    'own, 4 series, one server': () =>
      timed(() => Promise.all(series.map((name) => sum(one.ask, name, { sinceMs: day })))),
    'own, 4 series, 4 servers': () =>
      timed(() => map(four, series, (client, name) => sum(client, name, { sinceMs: day }))),
    'seed, 8,640 keys, one MGET, one server': () => timed(() => one.ask.mget(...onOne)),
    'seed, 8,640 keys, our sum, one server': () => timed(() => seedSum(one.ask, 'oneday', day)),
    'seed, 8,640 keys, our sum, 4 servers': () =>
      timed(() =>
        seedSumBy(
          async (some) => (await gather(four, some, countsIn, { absent: 0 })).values,
          one.ask,
          'day',
          day,
        ),
      ),
  };
  await interleave(10, cases);
  const figures = await interleave(repetitions, cases);
  const rows = Object.entries(figures).map(([name, times]) => [name, `${median(times).toFixed(3)} ms`]);
  const ratio = (name: keyof typeof cases, to: keyof typeof cases): string =>
    judged(median(figures[name] ?? []) / median(figures[to] ?? []), goal, true);
  printTable('Day sums', [
    ['case', 'median'],
    ...rows,
    ['own: 4 servers / one', ratio('own, 4 series, 4 servers', 'own, 4 series, one server')],
    [
      'seed: 4 servers / one MGET on one',
      ratio('seed, 8,640 keys, our sum, 4 servers', 'seed, 8,640 keys, one MGET, one server'),
    ],
    [
      'seed: 4 servers / our sum on one',
      ratio('seed, 8,640 keys, our sum, 4 servers', 'seed, 8,640 keys, our sum, one server'),
    ],
  ]);
} finally {
  await Promise.all(servers.map((server) => server.close()));
}
