import type { Cluster } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { list } from '../../source/features/lock/inspect.ts';
import { acquire } from '../../source/features/lock/lock.ts';
import { run } from '../helpers/cli.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';

/** Locks on three primaries: the keys of one share a slot, and its waiters are notified on a channel of that slot. */

let cluster: RedisCluster;
let redis: Cluster;
let other: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
  redis = cluster.client();
  other = cluster.client();
});
beforeEach(() => cluster.flush());
afterAll(() => cluster.close());

test('locks on every primary are taken, waited for in silence and handed over at once', async () => {
  const names = Array.from({ length: 9 }, (_, index) => `job ${index}`);
  await Promise.all(
    names.map(async (name) => {
      const held = await acquire(redis, name, { ttlMs: 20_000 });
      const fences: number[] = [];
      const waits = [other, redis, other].map(async (client) => {
        const mine = await acquire(client, name, { waitMs: 15_000 });
        fences.push(mine?.fence ?? 0);
        await mine?.release();
      });
      await vi.waitFor(async () => expect(await redis.zcard(`lock-queue:{${name}}`)).toBe(3), 10_000);
      expect((await list(redis)).find((lock) => lock.name === name)?.waiting).toBe(3);
      const startedAt = performance.now();
      await held?.release();
      await Promise.all(waits);
      // Whoever is not notified waits for the TTL.
      expect(performance.now() - startedAt).toBeLessThan(15_000);
      expect([held?.fence ?? 0, ...fences]).toEqual([held?.fence ?? 0, ...fences].toSorted((a, b) => a - b));
      expect(new Set(fences).size).toBe(3);
      expect(await redis.exists(`lock:{${name}}`)).toBe(0);
    }),
  );
});

test('a slot that moves takes its lock and its waiters with it', async () => {
  const held = await acquire(redis, 'moving', { ttlMs: 20_000 });
  const wait = acquire(other, 'moving', { ttlMs: 2000, waitMs: 20_000 });
  await vi.waitFor(async () => expect(await redis.zcard('lock-queue:{moving}')).toBe(1), 10_000);
  await cluster.moveSlotOf('lock:{moving}');
  expect(await held?.extend(1500)).toBe(true);
  await held?.release();
  const mine = await wait;
  expect(mine?.fence).toBeGreaterThan(held?.fence ?? 0);
  expect(await mine?.release()).toBe(true);
});

test('commands name locks as users do', async () => {
  const [first = ''] = cluster.urls;
  const words = ['--cluster', '--url', first];
  const acquired = await run(['lock', 'acquire', 'deploy', '--json', ...words]);
  const { token } = JSON.parse(acquired.stdout) as { token: string };
  expect(await redis.get('lock:{deploy}')).toBe(token);
  const listed = await run(['lock', 'list', '--json', ...words]);
  expect(JSON.parse(listed.stdout)).toMatchObject([{ name: 'deploy', isHeld: true }]);
  const ran = await run(['lock', 'run', 'other', ...words, '--', 'sh', '-c', 'echo $LOCK_NAME']);
  expect(ran).toMatchObject({ code: 0, stdout: 'other\n' });
  expect((await run(['lock', 'release', 'deploy', token, ...words])).code).toBe(0);
});
