import calculateSlot from 'cluster-key-slot';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { forget } from '../../source/features/ship/channel/forget.ts';
import { channels, status } from '../../source/features/ship/channel/status.ts';
import { ship } from '../../source/features/ship/ship.ts';
import { finished, start } from '../helpers/cli.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';
import { copyInto, readTree, Scratch } from './harness.ts';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.close());
beforeEach(() => cluster.flush());

const terms = { budgetBytes: 1024 * 1024, partBytes: 64 * 1024, consumers: 2 };

test('channels on every primary, each in one slot, with a tag of ours or of the user', async () => {
  using scratch = new Scratch();
  const directory = scratch.files('in', { 'a.log': 300_000, 'b c:done': 'b\n', 'empty.log': '' });
  for (const channel of ['logs:', 'other:', '{tag}:x', 'third:']) {
    const copies = [0, 1].map((id) => `${scratch.path}/${channel}-${id}`);
    const listening = cluster.client();
    const copying = copies.map((copy, id) =>
      copyInto(cluster.client(), copy, { as: String(id), channel, listen: () => listening }),
    );
    const shipped = await ship(cluster.client(), [directory], { ...terms, channel, listen: () => listening });
    await Promise.all(copying);
    expect(shipped).toMatchObject({ files: 3, bytes: 300_002 });
    for (const copy of copies) expect(readTree(copy)).toEqual(readTree(directory));
    expect(await status(cluster.client(), channel)).toMatchObject({ state: 'done', usedBytes: 0 });
  }
  expect((await channels(cluster.client())).toSorted()).toEqual(['logs:', 'other:', 'third:', '{tag}:x']);
  const left = await Promise.all(cluster.primaries.map((primary) => primary.client().keys('*logs:*')));
  expect(new Set(left.flat().map((key) => calculateSlot(key))).size).toBe(1);
  expect(left.flat()).toContain('chat:{logs:}');
});

test('goes on while its slot moves', async () => {
  using scratch = new Scratch();
  const directory = scratch.files('in', { 'a.log': 3_000_000 });
  const copying = [0, 1].map((id) =>
    copyInto(cluster.client(), `${scratch.path}/copy-${id}`, { as: String(id) }),
  );
  const shipping = ship(cluster.client(), [directory], { ...terms, channel: 'logs:' });
  const redis = cluster.client();
  await vi.waitFor(async () => expect((await status(redis, 'logs:'))?.totals.parts).toBeGreaterThan(3), 5000);
  await cluster.moveSlotOf('chat:{logs:}');
  await Promise.all([shipping, ...copying]);
  for (const id of [0, 1]) expect(readTree(`${scratch.path}/copy-${id}`)).toEqual(readTree(directory));
});

test('a forgotten consumer, and the command line', async () => {
  using scratch = new Scratch();
  const directory = scratch.files('in', { 'a.log': 'a\n' });
  const url = ['--cluster', ...cluster.urls.flatMap((each) => ['--url', each])];
  const words = ['--channel', 'logs:', '--consumers', '2', '--json', ...url];
  const running = finished(start(['ship', 'run', directory, ...words], { stdin: '' }));
  const consuming = ['ship', 'consume', 'logs:', '--as', '0', ...url];
  const reading = finished(start(consuming, { stdin: '' }));
  const redis = cluster.client();
  await vi.waitFor(async () => expect((await status(redis, 'logs:'))?.consumers[0]?.done).toBe(1), 10_000);
  expect(await forget(cluster.client(), 'logs:', '1')).toBeGreaterThan(0);
  expect(await running).toMatchObject({ code: 0, stderr: '' });
  expect(await reading).toEqual({ code: 0, stdout: 'a\n', stderr: '' });
});
