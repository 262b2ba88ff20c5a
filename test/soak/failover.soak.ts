import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import calculateSlot from 'cluster-key-slot';
import { expect, test } from 'vitest';
import { readConfig } from '../../source/config.ts';
import { IncrementBuffer } from '../../source/features/buffer/buffer.ts';
import { pendingOf } from '../../source/features/buffer/pending.ts';
import { create } from '../../source/features/chat/chat.ts';
import { history } from '../../source/features/chat/rooms.ts';
import { send } from '../../source/features/chat/send.ts';
import { Limiter } from '../../source/features/limit/limit.ts';
import { acquire } from '../../source/features/lock/lock.ts';
import { isGap } from '../../source/features/topic/layout.ts';
import { publish } from '../../source/features/topic/publish.ts';
import { subscribe } from '../../source/features/topic/subscribe.ts';
import { connect } from '../../source/redis/connect.ts';
import { finished, start } from '../helpers/cli.ts';
import { startCluster } from '../helpers/redis-cluster.ts';

/** A name whose family lies on the first primary of three: the one that dies. */
function doomed(name: string): string {
  for (let salt = 0; ; salt += 1) {
    const tagged = `{${name}${salt}}`;
    if (calculateSlot(tagged) < 5000) return tagged;
  }
}

type Tally = { acknowledged: number; longestGapMs: number; lastMs: number };

/** Acts again and again until ended; counts what was acknowledged and the longest time in which nothing was. */
async function load(ended: AbortSignal, act: () => Promise<unknown>): Promise<Tally> {
  const tally: Tally = { acknowledged: 0, longestGapMs: 0, lastMs: performance.now() };
  while (!ended.aborted) {
    await act();
    const now = performance.now();
    tally.longestGapMs = Math.max(tally.longestGapMs, now - tally.lastMs);
    tally.lastMs = now;
    tally.acknowledged += 1;
    await wait(2);
  }
  return tally;
}

test('one primary of three dies under the load of every feature: all resume, invariants hold, losses are counted', async () => {
  const cluster = await startCluster({ replicasEach: 1 });
  const flags = [...cluster.urls.flatMap((url) => ['--url', url]), '--cluster'];
  const config = readConfig({ url: [...cluster.urls], cluster: true }, {});
  const [connection] = connect(config);
  if (!connection) throw new Error('No connection');
  await connection.ready(10_000);
  const redis = connection.ask;
  const listen = (): ReturnType<typeof connection.listen> => connection.listen();
  const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-failover-'));

  const [room, topic, type, lock, subject, channel] = [
    'ops',
    'news',
    'project',
    'deploy',
    'key',
    'logs:',
  ].map(doomed) as [string, string, string, string, string, string];
  await create(redis, room, ['ann', 'bob']);
  const counting = new IncrementBuffer(redis, { maxDelayMs: 60_000 });
  const limiter = new Limiter(redis, { max: 1_000_000, perMs: 86_400_000 }, { localDeny: false });
  const fences: number[] = [];
  const ended = new AbortController();
  const reading = new AbortController();
  const read: number[] = [];
  const subscriber = subscribe(
    redis,
    topic,
    { as: 'audit', from: 'start', listener: listen(), signal: reading.signal },
    (item) => {
      if (!isGap(item)) read.push(item.id);
    },
  );

  const base = path.join(directory, 'logs');
  mkdirSync(base);
  const text = Array.from({ length: 20_000 }, (_, index) => `line ${index} of a log that is shipped\n`).join(
    '',
  );
  for (let file = 0; file < 60; file += 1) writeFileSync(path.join(base, `${file}.log`), text);
  const outs = ['0', '1'].map((id) => path.join(directory, `out-${id}`));
  const shipping = [
    ...outs.map((out, id) =>
      finished(
        start(['ship', 'consume', channel, '--as', String(id), '--out', out, ...flags], { stdin: '' }),
      ),
    ),
    finished(
      start(
        [
          'ship',
          'run',
          base,
          '--channel',
          channel,
          '--consumers',
          '2',
          '--budget',
          '1MiB',
          '--part',
          '256KiB',
          '--json',
          ...flags,
        ],
        { stdin: '' },
      ),
    ),
  ];

  const loads = {
    chat: load(ended.signal, () => send(redis, room, 'ann', 'hello')),
    topic: load(ended.signal, () => publish(redis, topic, 'message')),
    buffer: load(ended.signal, async () => {
      counting.add(type, 'id');
      await counting.flush();
    }),
    limit: load(ended.signal, () => limiter.hit(subject)),
    lock: load(ended.signal, async () => {
      const held = await acquire(redis, lock, { ttlMs: 2000, waitMs: 30_000, listen });
      if (!held) return;
      fences.push(held.fence);
      await held.release();
    }),
  };
  await wait(3000);
  await cluster.primaries[0]?.stop('SIGKILL');
  await wait(12_000);
  ended.abort();
  const tallies = Object.fromEntries(
    await Promise.all(Object.entries(loads).map(async ([name, running]) => [name, await running] as const)),
  );

  const [stored, pending, use] = await Promise.all([
    history(redis, room, 0, 1_000_000),
    pendingOf(redis, type),
    limiter.peek(subject),
  ]);
  const lastId = tallies.topic?.acknowledged ?? 0;
  await expect.poll(() => read.length, { timeout: 30_000 }).toBeGreaterThan(0);
  await wait(2000);
  reading.abort();
  await subscriber.catch(() => 0);
  const results = await Promise.all(shipping);

  const acknowledged = (name: string): number => tallies[name]?.acknowledged ?? 0;
  const report = {
    chat: { ...tallies.chat, lost: acknowledged('chat') - stored.length },
    topic: { ...tallies.topic, lost: lastId - new Set(read).size },
    buffer: { ...tallies.buffer, lost: acknowledged('buffer') - pending.total },
    limit: { ...tallies.limit, lost: acknowledged('limit') - (1_000_000 - use.remaining) },
    lock: { ...tallies.lock, held: fences.length },
    ship: results.map(({ code }) => code),
  };
  console.log(JSON.stringify(report, undefined, 1));

  for (const name of Object.keys(loads)) {
    expect(tallies[name]?.longestGapMs, name).toBeLessThan(10_000);
    expect(acknowledged(name), name).toBeGreaterThan(100);
  }
  // Exclusion by fence, order of a topic, whole copies: these hold whatever the failover lost.
  for (const [index, fence] of fences.entries())
    if (index > 0) expect(fence).toBeGreaterThan(fences[index - 1] ?? 0);
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
  for (const out of outs) expect(spawnSync('diff', ['-r', base, out], { encoding: 'utf8' }).stdout).toBe('');

  connection.close();
  await cluster.close();
  rmSync(directory, { recursive: true });
});
