import calculateSlot from 'cluster-key-slot';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { status } from '../../source/features/ship/channel/status.ts';
import { ship } from '../../source/features/ship/ship.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';
import { copyInto, readTree, Scratch } from './harness.ts';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startCluster({ replicasEach: 1 });
});
afterAll(() => cluster.close());

test('a primary dies whose replica lacks announcements, blocks and reports: all of it comes again, once', async () => {
  using scratch = new Scratch();
  const directory = scratch.files('in', { 'a.log': 4_000_000, 'b.log': 4_000_000, 'c.log': 4_000_000 });
  const redis = cluster.client();
  const listening = cluster.client();
  const listen = () => listening;
  const damages: string[] = [];
  const copies = ['0', '1'].map((id) => `${scratch.path}/copy-${id}`);
  const copying = copies.map((copy, id) =>
    copyInto(cluster.client(), copy, { as: String(id), listen, onDamage: (text) => damages.push(text) }),
  );
  const terms = { budgetBytes: 1024 * 1024, partBytes: 64 * 1024, consumers: 2 };
  const shipping = ship(redis, [directory], { ...terms, channel: 'logs:', listen });
  const isPast = async (parts: number): Promise<void> => {
    const { totals } = (await status(redis, 'logs:')) ?? {};
    expect(totals?.parts).toBeGreaterThan(parts);
  };
  await vi.waitFor(() => isPast(10), 10_000);
  const owner = Math.floor((calculateSlot('chat:{logs:}') * cluster.primaries.length) / 16_384);
  const replica = cluster.replicas[owner];
  const before = (await status(redis, 'logs:'))?.totals.parts ?? 0;
  replica?.signal('SIGSTOP');
  // What lies in its socket it would still take in: from here on nothing is sent.
  await cluster.primaryOf('chat:{logs:}').call('CLIENT', 'KILL', 'TYPE', 'replica');
  await vi.waitFor(() => isPast(before + 20), { timeout: 10_000, interval: 5 });
  await cluster.killPrimaryOf('chat:{logs:}');
  replica?.signal('SIGCONT');

  const shipped = await shipping;
  await Promise.all(copying);
  expect(shipped).toMatchObject({ files: 3, bytes: 12_000_000, failed: [] });
  expect(shipped.peakBytes).toBeLessThanOrEqual(shipped.budgetBytes);
  expect(damages).toEqual([]);
  for (const copy of copies) expect(readTree(copy)).toEqual(readTree(directory));
  expect(await status(redis, 'logs:')).toMatchObject({ state: 'done', usedBytes: 0 });
}, 90_000);
