import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { acquire } from '../../source/features/lock/lock.ts';
import type { Client } from '../../source/redis/client.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { cli, startPlay } from '../helpers/terminal.ts';

// Real locks, marked and broken with one question, on one server and on a cluster.

const server = await redisForThisFile();
let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.close());

const names = ['a', 'b', 'c', 'd', 'e', 'f'];
const held = async (client: Client): Promise<readonly string[]> => {
  const found = await Promise.all(
    names.map(
      async (name) =>
        [name, (await client.exists(`lock:${name}`)) + (await client.exists(`lock:{${name}}`))] as const,
    ),
  );
  return found.filter(([, count]) => count > 0).map(([name]) => name);
};

test.each([
  ['one server', 80, 24],
  ['a cluster', 120, 40],
] as const)(
  'on %s at %dx%d five are done, and the one that changed hands is refused',
  async (where, columns, rows) => {
    const client = where === 'one server' ? server.client() : cluster.client();
    const place =
      where === 'one server' ? ['--url', server.url] : ['--url', cluster.urls[0] ?? '', '--cluster'];
    for (const name of names) await acquire(client, name, { ttlMs: 600_000, waitMs: 0 });
    const play = startPlay({ args: [cli, ...place, '--operator', 'ada'], columns, rows });
    try {
      await play.shows('● live');
      play.press('6');
      await play.shows(/1-6 of 6/);
      play.press('*');
      await play.shows('6 marked');
      play.press('x');
      await play.shows(/Break 6 marked of lock: a, b, c, d, e, f\?/);
      await play.answer('p');
      await play.shows(/── a[\s\S]*script, which may/);
      // A frame arrives in pieces.
      await play.hides('y: yes');
      play.press('esc');
      await play.shows('y: yes');
      const key = where === 'one server' ? 'lock:c' : 'lock:{c}';
      await client.set(key, 'somebody-else', 'PX', 600_000);
      await play.answer('y');
      await play.shows(/5 done, 1 refused/);
      await play.shows(/c: Not done: c has changed since the question/);
      await vi.waitFor(async () => expect(await held(client)).toEqual(['c']));
      play.press('esc');
      await play.shows('1 marked');
    } finally {
      await play.close();
    }
  },
);
