import type { Cluster } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { increment } from '../../source/features/buffer/buffer.ts';
import { discover } from '../../source/features/buffer/discover.ts';
import { flush } from '../../source/features/buffer/flush/flush.ts';
import { keepFlushing } from '../../source/features/buffer/flush/flusher.ts';
import { glance, pendingOf } from '../../source/features/buffer/pending.ts';
import { openTarget } from '../../source/features/buffer/sql/open-target.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';
import { type Database, databases } from './databases.ts';

let cluster: RedisCluster;
let redis: Cluster;
let database: Database;

beforeAll(async () => {
  [cluster, database] = await Promise.all([startCluster(), databases.sqlite()]);
  redis = cluster.client();
  await database.run('CREATE TABLE counts (id text PRIMARY KEY, count integer NOT NULL)');
});
afterAll(() => Promise.all([cluster.close(), database.close()]));

test('each type keeps to one slot, under its name as a hash tag', async () => {
  for (const type of ['project', 'views', 'mail']) await increment(redis, type, [['a', 3]]);
  expect(await redis.zscore('pending:{project}', 'a')).toBe('3');
  expect(await glance(redis, ['project', 'views', 'mail'])).toMatchObject([
    { type: 'project', total: 3 },
    { type: 'views', total: 3 },
    { type: 'mail', total: 3 },
  ]);
  expect((await discover(redis, new AbortController().signal)).sort()).toEqual(['mail', 'project', 'views']);
  const target = await openTarget({ to: database.to, table: 'counts' });
  for (const type of ['project', 'views', 'mail']) await flush(redis, type, target);
  await target.close();
  expect(await database.counts('counts')).toEqual({ a: 9 });
});

test('counting and flushing go on while the slot moves', async () => {
  await database.run('DELETE FROM counts');
  const ended = new AbortController();
  const flushing = keepFlushing({
    redis,
    type: 'moving',
    target: { to: database.to, table: 'counts' },
    everyMs: 5,
    signal: ended.signal,
    firstRetryMs: 5,
  });
  let isMoving = true;
  const moving = (async () => {
    for (let turn = 0; turn < 3; turn += 1) await cluster.moveSlotOf('pending:{moving}');
    isMoving = false;
  })();
  let sent = 0;
  while (isMoving || sent < 100) {
    await increment(redis, 'moving', [
      ['a', 1],
      ['b', 2],
    ]);
    sent += 1;
  }
  await moving;
  ended.abort();
  await flushing;
  const target = await openTarget({ to: database.to, table: 'counts' });
  await flush(redis, 'moving', target);
  await target.close();
  expect(await database.counts('counts')).toEqual({ a: sent, b: 2 * sent });
  expect(await pendingOf(redis, 'moving')).toMatchObject({ ids: 0, inflight: { ids: 0 } });
});
