import type { Cluster } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as buffer from '../../source/features/buffer/library.ts';
import * as chat from '../../source/features/chat/library.ts';
import * as hits from '../../source/features/hits/library.ts';
import * as limit from '../../source/features/limit/library.ts';
import * as lock from '../../source/features/lock/library.ts';
import * as log from '../../source/features/log/library.ts';
import * as topic from '../../source/features/topic/library.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';
import { cli, type Play, startPlay } from '../helpers/terminal.ts';

// What stands on the terminal is as old as it says, on a Cluster with many things, beside others who write without pause.

const count = 30;
const hourMs = 3_600_000;
let cluster: RedisCluster;
let client: Cluster;
let play: Play;

beforeAll(async () => {
  cluster = await startCluster();
  client = cluster.client();
  await using limiter = limit.open(client, { max: 100, perMs: hourMs });
  await using counter = hits.open(client);
  for (let index = 0; index < count; index += 1) {
    const name = `thing:${index}`;
    await lock.acquire(client, name, { ttlMs: hourMs });
    await limiter.hit(name);
    counter.add(name, 1);
    await topic.publish(client, name, 'x');
    await chat.create(client, { room: name, members: ['ada', 'bob'] });
    await buffer.increment(client, name, [['7', 3]]);
    await using writer = log.open(client, name);
    writer.write('started');
  }
  await counter.flush();
  const args = [cli, '--cluster', '--url', cluster.urls[0] ?? '', '--operator', 'ada'];
  play = startPlay({ args, columns: 200, rows: 60 });
}, 60_000);
afterAll(async () => {
  await play?.close();
  client?.disconnect();
  await cluster?.close();
});

test('beside a busy writer no pane is stale for a moment, and its ages go on', async () => {
  await play.shows(/ of 30 ━*.* by/);
  await play.shows('● live');
  await play.hides(/waiting ─/);
  let isBusy = true;
  const writing = (async () => {
    for (let round = 0; isBusy; round += 1) {
      await Promise.all(
        Array.from({ length: 200 }, (_, index) => client.set(`other:${round % 50}:${index}`, 'x')),
      );
    }
  })();
  const seen = new Set<string>();
  const beganMs = performance.now();
  try {
    while (performance.now() - beganMs < 10_000) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      const text = play.lines().join('\n');
      expect(text).toContain('● live');
      expect(text).not.toMatch(/stale|failed|waiting ─|no answer/);
      // What is left of a lock, which the clock moves.
      seen.add(/thing:0\b.*? (\d+m\d\ds)/.exec(text)?.[1] ?? '');
    }
  } finally {
    isBusy = false;
    await writing;
  }
  expect(seen.size).toBeGreaterThan(5);
}, 60_000);

test('a pane that cannot be read keeps its last rows, says how old, names the key and what it should be, and is a need', async () => {
  await play.shows(/8 buffer.*\n.*\n.*thing:\d/);
  await client.del('quarterdeck:buffer');
  await client.set('quarterdeck:buffer', 'somebody else');
  await play.shows(/ 8 buffer.* failed, \ds old /);
  await play.shows(/[╰┗][─━] Key `quarterdeck:buffer` does not hold a zset/);
  await play.shows(/^ ! \d+ needs? you .*8 buffer/m);
  expect(play.lines().join('\n')).toMatch(/8 buffer.*\n.*\n.*thing:\d/);
  await client.del('quarterdeck:buffer');
  await client.zadd('quarterdeck:buffer', Date.now(), 'thing:0');
  await play.hides(/failed, /);
}, 60_000);
