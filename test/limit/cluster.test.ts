import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { hitAll } from '../../source/features/limit/check/hit-all.ts';
import { LeasedLimiter } from '../../source/features/limit/check/lease.ts';
import { discover } from '../../source/features/limit/discover.ts';
import limit from '../../source/features/limit/index.ts';
import { Limiter } from '../../source/features/limit/limit.ts';
import { list, reset } from '../../source/features/limit/list.ts';
import { initial } from '../../source/features/limit/state.ts';
import type { Client } from '../../source/redis/client.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';

/** The same in a cluster of three primaries, whose slots move meanwhile. */

let cluster: RedisCluster;
let redis: ReturnType<RedisCluster['client']>;
beforeAll(async () => {
  cluster = await startCluster();
  redis = cluster.client();
});
afterAll(() => cluster.close());
beforeEach(() => cluster.flush());

const perMs = 86_400_000 * 300;

test('hits of many subjects at once find their primaries, each with several limits', async () => {
  const limits = [
    { max: 5, perMs },
    { algorithm: 'sliding' as const, max: 4, perMs },
    { algorithm: 'gcra' as const, max: 3, perMs },
  ];
  const limiter = new Limiter(redis, limits, { localDeny: false });
  const subjects = Array.from({ length: 40 }, (_, i) => `user:${i}`);
  const verdicts = await Promise.all(
    subjects.flatMap((subject) => Array.from({ length: 6 }, () => limiter.hit(subject))),
  );
  for (const subject of subjects) {
    const own = verdicts.filter((verdict) => verdict.subject === subject);
    expect(own.filter(({ allowed }) => allowed)).toHaveLength(3);
  }
  await limiter.close();
  const { total, limits: found } = await list(redis);
  expect(total).toBe(120);
  expect(
    found
      .filter(({ algorithm }) => algorithm === 'gcra')
      .every(({ used, denied }) => used === 3 && denied === 3),
  ).toBe(true);
  expect(await reset(redis, 'user:7')).toBe(3);
  expect(await limiter.peek('user:7')).toMatchObject({ allowed: true, remaining: 3 });
});

test('a slot that moves under load loses no count', async () => {
  const limiter = new Limiter(redis, { algorithm: 'gcra', max: 3000, perMs }, { localDeny: false });
  let admitted = 0;
  const hitting = (async () => {
    for (let i = 0; i < 1500; i += 1) {
      const verdicts = await Promise.all([limiter.hit('hot'), limiter.hit('hot'), limiter.hit(`cold ${i}`)]);
      admitted += verdicts.slice(0, 2).filter(({ allowed }) => allowed).length;
    }
  })();
  await cluster.moveSlotOf('limit:{hot}:gcra:25920000000');
  await hitting;
  // A hit that was redirected is not judged twice.
  expect(admitted).toBe(3000);
  expect(await limiter.hit('hot')).toMatchObject({ allowed: false });
  await limiter.close();
});

test('subjects that share a tag are limited together; those that do not are refused with what to do', async () => {
  const demand = (subject: string) => ({ subject, max: 2, perMs });
  expect((await hitAll(redis, [demand('{acme}:ann'), demand('{acme}:all')])).allowed).toBe(true);
  expect((await hitAll(redis, [demand('{acme}:bob'), demand('{acme}:all')])).allowed).toBe(true);
  expect((await hitAll(redis, [demand('{acme}:eve'), demand('{acme}:all')])).allowed).toBe(false);
  await expect(hitAll(redis, [demand('ann'), demand('all')])).rejects.toThrow('CROSSSLOT');
});

test('a leased limiter and the seed layout work the same', async () => {
  const leased = new LeasedLimiter(redis, { max: 100, perMs }, { permits: 30 });
  const verdicts = await Promise.all(Array.from({ length: 150 }, () => leased.hit('hot')));
  expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(100);
  const seed = new Limiter(redis, { max: 20, perMs: 60_000, layout: 'seed' });
  expect(await seed.hit('7')).toMatchObject({ allowed: true });
  await Promise.all([leased.close(), seed.close()]);
});

test('the console sweeps through the limits, few commands at a time', async () => {
  const limiter = new Limiter(redis, { max: 5, perMs });
  for (let i = 0; i < 20; i += 1) await limiter.hit(`visitor:${i}`);
  await limiter.close();
  let sent = 0;
  const send = redis.sendCommand.bind(redis);
  Object.assign(redis, {
    sendCommand(...words: Parameters<typeof send>) {
      sent += 1;
      return send(...words);
    },
  });
  let slice = initial;
  for (let reading = 0; reading < 4; reading += 1) {
    const before = sent;
    slice = (
      await limit.feed.read(
        { redis: redis as Client, connections: [{ url: '', ask: redis }] as never, config: {} as never },
        slice,
      )
    )(slice);
    expect(sent - before).toBeLessThanOrEqual(9);
  }
  expect(slice.meters).toHaveLength(20);
  expect(slice.total).toBe(20);
});

test('limits are found by their keys on every primary', async () => {
  const subjects = ['a', 'b', 'c', 'd', 'e', 'f'];
  const limiter = new Limiter(redis, [
    { max: 5, perMs },
    { algorithm: 'gcra' as const, max: 3, perMs },
  ]);
  await Promise.all(subjects.map((subject) => limiter.hit(subject)));
  await limiter.close();
  expect(await discover(redis)).toEqual({ limits: [], foreign: [] });
  await redis.del('quarterdeck:limit');
  await redis.set('limit:stray:fixed:60000', 1, 'EX', 60);
  const { limits, foreign } = await discover(redis);
  expect(limits.map(({ subject, algorithm, used }) => `${subject} ${algorithm} ${used}`).toSorted()).toEqual(
    subjects.flatMap((subject) => [`${subject} fixed 1`, `${subject} gcra null`]),
  );
  expect(foreign).toEqual(['limit:stray:fixed:60000']);
});
