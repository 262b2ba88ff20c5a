import { beforeEach, expect, test } from 'vitest';
import { discover } from '../../source/features/hits/discover.ts';
import { Hits } from '../../source/features/hits/hits.ts';
import { run } from '../helpers/cli.ts';
import { awayFromTheEnd, hourMs } from '../helpers/clock.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

let bucket: number;
const server = await redisForThisFile();
const redis = server.client();
beforeEach(async () => {
  await awayFromTheEnd(hourMs, 20_000);
  await redis.flushall();
  bucket = Math.floor(Number((await redis.time())[0]) / 10);
});

const list = (...flags: string[]) =>
  run(['hits', 'list', '--json', ...flags], { url: server.url, env: { TZ: 'UTC' } });

/** As other programs count: a plain key for each ten seconds, named after the epoch or a tenth of it. */
const count = (id: string, at: number, hits: number, zero = '') =>
  redis.set(`${id}:${at}${zero}`, hits, 'EX', 86_400);

test('series of other programs, by their plain keys', async () => {
  await count('42', bucket, 3);
  await count('42', bucket - 1, 3, '0');
  await count('42', bucket - 1, 1);
  await count('42', bucket - 360, 8);
  await count('with:colon', bucket - 8640 + 30, 5);
  const { own, seed, foreign } = await discover(redis);
  expect({ own, foreign }).toEqual({ own: [], foreign: [] });
  const byName = Object.fromEntries(seed.map((each) => [each.series, each]));
  expect(Object.keys(byName).toSorted()).toEqual(['42', 'with:colon']);
  // The bucket an hour ago may have left the last hour since.
  expect([7, 15]).toContain(byName['42']?.lastHour);
  expect(byName['42']).toMatchObject({ layout: 'seed' });
  expect(byName['with:colon']).toMatchObject({ lastHour: 0, layout: 'seed' });
});

test('a series that the index lost is found, and put back unless the session only reads', async () => {
  const hits = new Hits(redis);
  hits.add('web', 3);
  await hits.close();
  await redis.del('quarterdeck:hits');
  const found = [{ series: 'web', today: 3, yesterday: 0, lastHour: 3 }];

  expect(JSON.parse((await list()).stdout)).toEqual([]);
  expect(JSON.parse((await list('--discover', '--read-only')).stdout)).toEqual(found);
  expect(JSON.parse((await list()).stdout)).toEqual([]);
  expect(JSON.parse((await list('--discover')).stdout)).toEqual(found);
  expect(JSON.parse((await list()).stdout)).toEqual(found);
});

test('what only looks alike is passed over, and said', async () => {
  await redis.set('phone:123456789', '1');
  await redis.rpush(`queue:${bucket}`, 'x');
  await redis.set(`note:${bucket}`, 'hello');
  await redis.set('hits:web:1h:2026-11-20', 'x');
  await redis.hset(`hits:${'n'.repeat(600)}:1h:2026-11-20`, '0', '1');
  const { seed, own, foreign } = await discover(redis);
  expect({ own, seed }).toEqual({ own: [], seed: [] });
  expect(foreign.map((key) => key.slice(0, 20)).toSorted()).toEqual([
    'hits:nnnnnnnnnnnnnnn',
    'hits:web:1h:2026-11-',
    `note:${bucket}`,
    `queue:${bucket}`,
  ]);
  await redis.del(`hits:${'n'.repeat(600)}:1h:2026-11-20`);

  const { code, stdout, stderr } = await list('--discover');
  expect({ code, found: JSON.parse(stdout) as unknown }).toEqual({ code: 0, found: [] });
  expect(stderr).toMatch(
    /^quarterdeck: 3 keys are named like hit counters and cannot be read as such, passed over: \S/,
  );
});

test('the same for people', async () => {
  await count('42', bucket, 3);
  const { stdout } = await run(['hits', 'list', '--discover'], { url: server.url });
  expect(stdout).toMatch(/^42 +3 today +new on yesterday +3 in the last hour {2}plain keys\n$/);
});

test('it looks at a bounded rate', async () => {
  const filler = Array.from({ length: 3000 }, (_, index) => [`filler:${index}`, 'x']).flat();
  await redis.mset(filler);
  const startedAtMs = performance.now();
  await discover(redis);
  // Six or so calls of 500 keys, ten a second.
  expect(performance.now() - startedAtMs).toBeGreaterThan(400);
});
