import { gzipSync } from 'node:zlib';
import { beforeEach, expect, test } from 'vitest';
import { seededRandom } from '../helpers/random.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { logLines, Scratch } from './harness.ts';
import { shipUnderFire } from './kill.ts';

const server = await redisForThisFile();
beforeEach(() => server.client().flushall());

test('processes killed with -9 here and there: every copy has every line once', async () => {
  using scratch = new Scratch();
  const source = scratch.files('in', {
    ...Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => [
        `d${index % 2}/${index}.log`,
        logLines(index * 150_000, index),
      ]),
    ),
    'packed.gz': gzipSync(logLines(1_500_000)),
    'no-end': 'one\ntwo',
    empty: '',
  });
  const { kills } = await shipUnderFire({
    server,
    source,
    target: scratch.path,
    consumers: 2,
    budget: '1MiB',
    part: '128KiB',
    kills: 12,
    everyMs: 120,
    random: seededRandom(7),
  });
  // A fast machine may be through before the last of them.
  expect(kills).toBeGreaterThan(5);
  expect(await server.client().hget('ship:logs:', 'used')).toBe('0');
  const left = (await server.client().keys('*')).filter((key) => /^ship-stage|^ship-parts|^logs:/.test(key));
  expect(left).toEqual([]);
});
