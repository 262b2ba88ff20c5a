import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { seededRandom } from '../helpers/random.ts';
import { startRedis } from '../helpers/redis-server.ts';
import { logLines, Scratch } from '../ship/harness.ts';
import { shipUnderFire } from '../ship/kill.ts';

/** `SOAK_KILLS=1000` for more. */
const wanted = Number(process.env.SOAK_KILLS ?? 200);
const seed = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000);

test(`${wanted} random kills: no line lost, none twice`, async () => {
  const server = await startRedis();
  const random = seededRandom(seed);
  const restarts: Record<string, number> = {};
  let kills = 0;
  let rounds = 0;
  try {
    while (kills < wanted) {
      rounds += 1;
      using scratch = new Scratch();
      const contents = Object.fromEntries(
        Array.from({ length: 30 }, (_, index) => [
          `d${index % 3}/${index % 5 === 0 ? 'with space ' : ''}app-${index}.log`,
          logLines(Math.floor(random() ** 3 * 4_000_000), index),
        ]),
      );
      const source = scratch.files('in', {
        ...contents,
        // Every other round more files than there are records for.
        ...(rounds % 2 === 0 && {
          ...Object.fromEntries(
            Array.from({ length: 1200 }, (_, index) => [`many/${index}.log`, logLines(index * 7, index)]),
          ),
        }),
        'empty.log': '',
        'no-end': 'one\ntwo',
        'x:done': 'x\n',
        'packed.gz': Buffer.concat([gzipSync(logLines(2_000_000)), gzipSync(logLines(900_000))]),
      });
      const report = await shipUnderFire({
        server,
        source,
        target: scratch.path,
        consumers: 3,
        budget: '2MiB',
        part: '256KiB',
        kills: Math.min(25, wanted - kills),
        everyMs: 120,
        random,
      });
      kills += report.kills;
      for (const [name, count] of Object.entries(report.restarts))
        restarts[name] = (restarts[name] ?? 0) + count;
      console.log(`round ${rounds}: ${kills} of ${wanted} kills`, JSON.stringify(restarts));
      const redis = server.client();
      expect(await redis.hget('ship:logs:', 'used')).toBe('0');
      const keys = await redis.keys('*');
      expect(keys.filter((key) => /^ship-stage|^ship-parts|^logs:/.test(key))).toEqual([]);
      redis.disconnect();
    }
  } finally {
    console.log(`seed ${seed}, ${rounds} rounds, ${kills} kills, restarts`, JSON.stringify(restarts));
    await server.close();
  }
});
