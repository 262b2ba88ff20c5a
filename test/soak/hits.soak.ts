import { expect, test } from 'vitest';
import { Hits } from '../../source/features/hits/hits.ts';
import { seriesPoints, sum } from '../../source/features/hits/read.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();

test('eight writers, a million hits, connections that break 1,000 times: the sum is exact', async () => {
  const proxy = await startFaultProxy(server.socket);
  const writers = Array.from(
    { length: 8 },
    () => new Hits(proxy.client({ enableAutoPipelining: true }), { flushMs: 10 }),
  );
  let cuts = 0;
  let swallowed = 0;
  let added = 0;
  const startedMs = performance.now();
  while (cuts < 1000) {
    for (const [i, hits] of writers.entries()) {
      for (let hit = 0; hit < 130; hit += 1) hits.add(hit % 2 === 0 ? 'web' : `own ${i}`);
    }
    added += 130 * writers.length;
    if (cuts % 2 === 0) proxy.cut();
    else {
      swallowed += 1;
      await Promise.race([
        proxy.swallowReplyTo('evalsha'),
        new Promise((resolve) => setTimeout(resolve, 200)),
      ]);
    }
    cuts += 1;
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  await Promise.all(writers.map((hits) => hits.close()));
  const redis = server.client();
  const day = { sinceMs: 86_400_000 };
  const series = ['web', ...writers.map((_, i) => `own ${i}`)];
  const sums = await Promise.all(series.map(async (name) => (await sum(redis, name, day)).sum));
  const total = sums.reduce((all, one) => all + one, 0);
  process.stdout.write(
    `${added} added, ${total} counted, ${cuts - swallowed} cuts, ${swallowed} replies swallowed, ` +
      `${proxy.accepted()} connections, ${Math.round(performance.now() - startedMs)} ms\n`,
  );
  expect(total).toBe(added);
  expect(sums[0]).toBe(added / 2);
  const points = await seriesPoints(redis, 'web', { stepMs: 10_000, sinceMs: 3_600_000 });
  expect(points.reduce((all, [, count]) => all + count, 0)).toBe(added / 2);
  await proxy.close();
});
