import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { open } from '../../source/features/shards/library.ts';
import { makeRouter } from '../../source/features/shards/router.ts';
import { checkOrder } from '../../source/features/shards/shard-fingerprint.ts';
import { everywhere, map, shardsOf, together } from '../../source/features/shards/shards.ts';
import { errorOf, run } from '../helpers/cli.ts';
import { startSentinel } from '../helpers/redis-sentinel.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';

let servers: RedisServer[];
beforeAll(async () => {
  servers = await Promise.all([startRedis(), startRedis(), startRedis()]);
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
});
beforeEach(async () => {
  await Promise.all(servers.map((server) => server.client().flushall()));
});

const listed = (order = servers) =>
  order.map((server) => ({ url: server.url, ask: server.client() as Redis }));
const urls = (order = servers): string[] => order.flatMap(({ url }) => ['--url', url]);

test('many keys are asked for on all their servers at once, and answered in the order they were given', async () => {
  const shards = shardsOf(listed(), 'crc32-signed');
  const keys = Array.from({ length: 50 }, (_, index) => `key:${index}`);
  await Promise.all(keys.map((key) => shards.clientOf(key).set(key, `value of ${key}`)));
  const answers = await map(shards, keys, (client, key) => client.get(key));
  expect(answers).toEqual(keys.map((key) => ({ ok: true, value: `value of ${key}` })));
});

test('a server that is down takes only its own answers with it', async () => {
  const [, down] = servers;
  const shards = shardsOf(listed(), 'crc32-signed');
  const keys = Array.from({ length: 30 }, (_, index) => `key:${index}`);
  await Promise.all(keys.map((key) => shards.clientOf(key).set(key, key)));
  await down?.stop();
  try {
    const answers = await map(shards, keys, (client, key) => client.get(key), { deadlineMs: 1000 });
    for (const [index, answer] of answers.entries()) {
      if (shards.route(keys[index] ?? '') === 1) {
        expect(answer).toMatchObject({ ok: false, error: { code: 'SHARD_DOWN', shard: 1 } });
      } else expect(answer).toEqual({ ok: true, value: keys[index] });
    }
    const all = await everywhere(shards, (client) => client.ping(), { deadlineMs: 1000 });
    expect(all.map(({ ok }) => ok)).toEqual([true, false, true]);
  } finally {
    await down?.start();
  }
});

test('an operation that would span servers is refused', () => {
  const shards = shardsOf(listed(), 'slot');
  expect(together(shards, ['chat:{ops}', 'msgs:{ops}'])).toBe(shards.clientOf('chat:{ops}'));
  expect(() => together(shards, ['key:0', 'key:1', 'key:2', 'key:3'])).toThrow(/live on different shards/);
});

test('a list in another order, of another length or for another router is recognised', async () => {
  const [a, b, c] = servers as [RedisServer, RedisServer, RedisServer];
  await checkOrder(shardsOf(listed(), 'crc32-signed'));
  await checkOrder(shardsOf(listed(), 'crc32-signed'));
  const refused = { code: 'SHARD_ORDER', kind: 'data' };
  await expect(checkOrder(shardsOf(listed([b, a, c]), 'crc32-signed'))).rejects.toMatchObject(refused);
  await expect(checkOrder(shardsOf(listed([a, b]), 'crc32-signed'))).rejects.toMatchObject(refused);
  await expect(checkOrder(shardsOf(listed(), 'ketama'))).rejects.toMatchObject(refused);
});

test('first users at once agree on one fingerprint', async () => {
  const users = Array.from({ length: 8 }, () => shardsOf(listed(), 'crc32'));
  for (let round = 0; round < 20; round += 1) {
    await Promise.all(users[0]?.urls.map((_, index) => users[0]?.client(index).flushall()) ?? []);
    await Promise.all(users.map((shards) => checkOrder(shards)));
    await Promise.all(users.map((shards) => checkOrder(shards)));
  }
});

test('a fingerprint that was only begun is completed', async () => {
  const shards = shardsOf(listed(), 'crc32');
  await shards.client(0).hset('quarterdeck:shard', 'set', 'begun');
  await checkOrder(shards);
  const expected = { set: 'begun', count: '3', router: 'crc32' };
  const found = await everywhere(shards, (client) => client.hgetall('quarterdeck:shard'));
  expect(found).toEqual([0, 1, 2].map((index) => ({ ok: true, value: { ...expected, index: `${index}` } })));
});

test('shards route answers without any server', async () => {
  const { code, stdout } = await run([
    'shards',
    'route',
    'user:5',
    'a',
    '--json',
    '--url',
    'redis://x',
    '--url',
    'redis://y',
    '--url',
    'redis://z',
  ]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual([
    { key: 'user:5', shard: 2, url: 'redis://z' },
    { key: 'a', shard: 2, url: 'redis://z' },
  ]);
});

test('an unknown router is a usage failure', async () => {
  for (const words of [
    ['shards', 'route', 'k', '--router', 'md5'],
    ['shards', 'status', '--router', 'md5'],
  ]) {
    const failed = await run([...words, '--json']);
    expect(failed.code).toBe(2);
    expect(errorOf(failed).message).toContain('crc32-signed, crc32, ketama, slot');
  }
});

test('shards status shows every server, the one that is down in words', async () => {
  const [, down] = servers;
  await down?.stop();
  try {
    const { code, stdout } = await run(['shards', 'status', '--json', ...urls()]);
    expect(code).toBe(0);
    const shown = JSON.parse(stdout) as { shard: number; state: string; role: string; usedBytes: number }[];
    expect(shown.map(({ shard, state, role }) => [shard, state, role])).toEqual([
      [0, 'up', 'primary'],
      [1, 'down', 'unknown'],
      [2, 'up', 'primary'],
    ]);
    expect(shown[0]?.usedBytes).toBeGreaterThan(0);
  } finally {
    await down?.start();
  }
});

test('a shard behind sentinels goes by the name of its group, whoever is its primary', async () => {
  const group = await startSentinel();
  const { hostname: host, port } = new URL(group.url);
  const behind = new Redis({ sentinels: [{ host, port: Number(port) }], name: group.name });
  try {
    const other = servers[0]?.client() as Redis;
    await using ring = await open([behind, other], { router: 'ketama' });
    const route = makeRouter('ketama', ['redis+sentinel://main', servers[0]?.url ?? '']);
    const keys = Array.from({ length: 50 }, (_, index) => `key:${index}`);
    expect(keys.map(ring.indexOf)).toEqual(keys.map(route));
  } finally {
    behind.disconnect();
    await group.close();
  }
}, 30_000);
