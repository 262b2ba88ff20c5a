import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Client } from '../../source/redis/client.ts';
import { isCluster } from '../../source/redis/client.ts';
import { run } from '../helpers/cli.ts';
import { startCluster } from '../helpers/redis-cluster.ts';
import { startRedis } from '../helpers/redis-server.ts';

/** What doctor is there for, planted on real servers of every kind and found there by the built command. */
type Servers = {
  readonly flags: readonly string[];
  /** For commands of features that live on one server; the same unless given. */
  readonly oneOf?: readonly string[];
  /** Where to plant: of several servers the last, which nobody looks at by chance. */
  readonly redis: Client;
  flush(): Promise<unknown>;
  close(): Promise<unknown>;
};

const kinds: readonly (readonly [string, () => Promise<Servers>])[] = [
  [
    'one server',
    async () => {
      const server = await startRedis('--appendonly', 'yes');
      const redis = server.client();
      return {
        flags: ['--url', server.url],
        redis,
        flush: () => redis.flushall(),
        close: () => server.close(),
      };
    },
  ],
  [
    'several servers',
    async () => {
      const servers = await Promise.all([1, 2, 3].map(() => startRedis('--appendonly', 'yes')));
      const clients = servers.map((server) => server.client());
      const [, , redis] = clients;
      if (!redis) throw new Error('Expected three servers');
      return {
        flags: servers.flatMap(({ url }) => ['--url', url]),
        oneOf: ['--url', servers[2]?.url ?? ''],
        redis,
        flush: () => Promise.all(clients.map((client) => client.flushall())),
        close: () => Promise.all(servers.map((server) => server.close())),
      };
    },
  ],
  [
    'a cluster',
    async () => {
      const cluster = await startCluster();
      for (const { client } of cluster.primaries) await client().config('SET', 'appendonly', 'yes');
      return {
        flags: [...cluster.urls.flatMap((url) => ['--url', url]), '--cluster'],
        redis: cluster.client(),
        flush: () => cluster.flush(),
        close: () => cluster.close(),
      };
    },
  ],
];

type Finding = {
  readonly code: string;
  readonly key: string;
  readonly message: string;
  readonly fix: string;
};

describe.each(kinds)('on %s', (_, open) => {
  let servers: Servers;
  let redis: Client;
  beforeAll(async () => {
    servers = await open();
    redis = servers.redis;
  });
  afterAll(() => servers.close());
  beforeEach(() => servers.flush());

  const doctor = async (...more: string[]) => {
    const { code, stdout, stderr } = await run(['doctor', '--json', ...more, ...servers.flags]);
    expect(stderr).toBe('');
    return { code, findings: JSON.parse(stdout) as Finding[] };
  };
  const found = async () => (await doctor()).findings.map(({ code, key }) => [code, key]).toSorted();
  /** A family's name as it stands in the keys there. */
  const tag = (name: string): string => (isCluster(redis) ? `{${name}}` : name);
  const stored = (id: number, sentS: number): string =>
    JSON.stringify({ id, ts: sentS, sender: 'joe', message: 'hi' });

  test('what our own commands leave is healthy', async () => {
    for (const words of [
      ['chat', 'create', 'ops', '--members', 'ann,bob'],
      ['chat', 'send', 'ops', 'hello', '--as', 'ann'],
      ['log', 'write', 'web', 'started'],
      ['limit', 'hit', 'key', '--max', '5', '--per', '1h'],
      ['hits', 'add', 'web', '3'],
      ['lock', 'acquire', 'deploy', '--ttl', '30s'],
      ['topic', 'publish', 'news', 'hello'],
      ['topic', 'subscribe', 'news', '--as', 'audit', '--until-caught-up'],
      ['buffer', 'incr', 'project', '42'],
    ]) {
      const spreads = ['limit', 'hits'].includes(words[0] ?? '');
      const flags = spreads ? servers.flags : (servers.oneOf ?? servers.flags);
      expect({ words, code: (await run([...words, ...flags])).code }).toEqual({ words, code: 0 });
    }
    expect(await doctor()).toEqual({ code: 0, findings: [] });
  });

  test('messages everybody has seen, and members who are not there any more', async () => {
    await redis.zadd(`chat:${tag('ops')}`, 2, 'ann', 2, 'bob', 3, 'gone', 2, 'away');
    for (const member of ['ann', 'bob']) await redis.zadd(`seen:${member}`, 2, 'ops');
    for (const id of [1, 2, 3]) {
      await redis.zadd(`msgs:${tag('ops')}`, id, stored(id, Date.now() / 1000));
    }
    // The other half of a membership lies in another slot of a cluster, where it may merely be late.
    const ghosts = isCluster(redis) ? [] : ['away', 'gone'].map(() => ['GHOST_MEMBER', 'chat:ops']);
    expect(await found()).toEqual([...ghosts, ['UNTRIMMED_MESSAGES', `msgs:${tag('ops')}`]]);

    const { code } = await doctor('--fix');
    expect(code).toBe(isCluster(redis) ? 0 : 1);
    expect(await redis.zrange(`msgs:${tag('ops')}`, '0', '-1')).toEqual([expect.stringContaining('"id":3')]);
    expect(await found()).toEqual(ghosts);
  });

  test('limits without an end, which end again', async () => {
    await redis.set(`limit:${tag('key')}:fixed:60000`, 20);
    expect(await found()).toEqual([['LIMIT_WITHOUT_TTL', `limit:${tag('key')}:fixed:60000`]]);
    expect((await doctor('--fix')).code).toBe(0);
    expect(await redis.pttl(`limit:${tag('key')}:fixed:60000`)).toBeGreaterThan(0);
    expect(await found()).toEqual([]);
  });

  test('a counter of a file that is gone, which is taken away', async () => {
    await redis.set(`${tag('logs:')}gone.log:done`, 3);
    expect(await found()).toEqual([['STALE_DONE', `${tag('logs:')}gone.log:done`]]);
    expect((await doctor('--fix')).code).toBe(0);
    expect(await redis.exists(`${tag('logs:')}gone.log:done`)).toBe(0);
  });

  test('a lock without an end, whose holder only a human can judge', async () => {
    await redis.set(`lock:${tag('deploy')}`, 'a-token-of-another-program');
    expect(await found()).toEqual([['LOCK_WITHOUT_TTL', `lock:${tag('deploy')}`]]);
    expect((await doctor('--fix')).code).toBe(1);
    expect(await redis.exists(`lock:${tag('deploy')}`)).toBe(1);
  });

  test('a channel on which nothing moves', async () => {
    const terms = { run: 'r', budget: 1000, used: 10, expect: ' 0 ', closed: '', done: '', parts: 1 };
    await redis.hset(`ship:${tag('logs:')}`, terms);
    const shipper = { token: 't', host: 'h', pid: 1, at: Date.now() - 60_000 };
    await redis.hset(`ship-who:${tag('logs:')}`, 's:t', JSON.stringify(shipper));
    expect(await found()).toEqual([['CHANNEL_STALLED', `ship:${tag('logs:')}`]]);
  });

  test('counts that nobody brings to SQL', async () => {
    await redis.zadd(`pending:${tag('views')}`, 3, '42');
    await redis.set(`pending:${tag('views')}:oldest`, Date.now() - 3_600_000);
    expect(await found()).toEqual([
      ['BUFFER_NOT_LISTED', `pending:${tag('views')}`],
      ['NOT_FLUSHED', `pending:${tag('views')}`],
    ]);
    await doctor('--fix');
    expect(await found()).toEqual([['NOT_FLUSHED', `pending:${tag('views')}`]]);
  });

  test('a policy that drops what nobody may lose', async () => {
    const servers = isCluster(redis) ? redis.nodes('master') : [redis];
    for (const server of servers)
      await server.config('SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru');
    expect((await found()).map(([code]) => code)).toEqual(servers.map(() => 'EVICTION'));
    for (const server of servers)
      await server.config('SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction');
    expect(await found()).toEqual([]);
  });

  test('keys of another type under every name of ours are reported, and break nothing', async () => {
    for (const key of [
      `chat:${tag('a')}`,
      `limit:${tag('a')}:sliding:60000`,
      `hits:${tag('a')}:1h:2026-11-20`,
      `pending:${tag('a')}`,
      `topic:msgs:${tag('a')}`,
      `common:${tag('a:info')}`,
    ]) {
      await redis.set(key, 'x');
    }
    await redis.zadd(`chat:${tag('b')}`, 1, 'ann');
    await redis.set(`msgs:${tag('b')}`, 'x');
    await redis.rpush(`lock:${tag('a')}`, 'x');
    await redis.rpush(`ship:${tag('a')}`, 'x');
    await redis.rpush(`${tag('a')}:done`, 'x');
    const { code, findings } = await doctor('--fix');
    expect(code).toBe(1);
    expect(findings.filter((finding) => finding.code === 'WRONG_TYPE').length).toBe(7);
  });
});
