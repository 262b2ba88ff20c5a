import { describe, expect, test } from 'vitest';
import { parseInfo } from '../../source/redis/server/parse-info.ts';
import { isTooOld, serverIn } from '../../source/redis/server/server-version.ts';
import { checkSupport } from '../../source/redis/server/support.ts';
import { errorOf, run } from '../helpers/cli.ts';
import { startCluster } from '../helpers/redis-cluster.ts';
import { redisForThisFile, startRedis } from '../helpers/redis-server.ts';

const server = await redisForThisFile();

async function user(name: string, ...rules: string[]) {
  const all = ['reset', 'on', '>pw', '~*', '&*', '+@all'];
  await server.client().call('ACL', 'SETUSER', name, ...all, ...rules);
  return server.client({ username: name, password: 'pw' });
}

test.each([
  ['redis_version:7.0.15', 'redis', '7.0.15', 'redis 7.0.15'],
  ['redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1', 'valkey', '8.1.1', 'valkey 8.1.1'],
  ['redis_version:7.2.4\r\nredict_version:7.3.6', 'redict', '7.3.6', 'redict 7.3.6'],
  ['', 'unknown', undefined, 'a server that does not give its version'],
])('which server: %j', (info, name, version, label) => {
  expect(serverIn(parseInfo(info))).toEqual({ name, version, label });
});

test.each([
  ['redis_version:6.0.16', true],
  ['redis_version:7.0.0', false],
  ['redis_version:10.1.0', false],
  ['redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1', false],
  ['', false],
])('too old: %j %s', (info, expected) => {
  expect(isTooOld(serverIn(parseInfo(info)))).toBe(expected);
});

describe('what is missing', () => {
  test('nothing, on this server', async () => {
    const redis = server.client();
    const support = await checkSupport(redis);
    expect(support.missing).toEqual([]);
    expect(support.version).toMatch(/^\d+\.\d+/);
    const calls = async () => /cmdstat_eval:calls=\d+/.exec(await redis.info('commandstats'))?.[0];
    const before = await calls();
    await checkSupport(redis);
    expect(await calls()).toBe(before);
  });

  test.each([
    [['-info'], 'info'],
    [['-memory'], 'memory-usage'],
    [['resetchannels'], 'channels'],
    [['-eval'], 'script-flags'],
  ])('%s', async (rules, ability) => {
    const { missing } = await checkSupport(await user(`without-${ability}`, ...rules));
    expect(missing).toContain(ability);
  });

  test('the channels of one module are channels', async () => {
    const redis = await user('locker', 'resetchannels', '&lock-wake:*');
    expect((await checkSupport(redis)).missing).toEqual([]);
  });

  test('in a cluster the channels are sharded', async () => {
    const cluster = await startCluster();
    try {
      expect((await checkSupport(cluster.client())).missing).toEqual([]);
    } finally {
      await cluster.close();
    }
  });
});

test('a client that cannot be used is refused', async () => {
  await expect(checkSupport(server.client({ keyPrefix: 'x:' }))).rejects.toMatchObject({
    code: 'UNSUPPORTED_CLIENT',
  });
});

describe('the command line where INFO is denied', () => {
  test('figures of the server are null, the rest is there; doctor says what it did not check', async () => {
    const guarded = await startRedis();
    try {
      await guarded.client().call('ACL', 'SETUSER', 'default', '-@dangerous', '-info');
      const { url } = guarded;
      const snapshot = await run(['snapshot', '--json'], { url });
      expect(snapshot).toMatchObject({ code: 0, stderr: '' });
      const { server: figures, lock } = JSON.parse(snapshot.stdout) as { server: unknown; lock: unknown };
      expect(figures).toMatchObject({ version: null, role: null, usedBytes: null, clients: null });
      expect(lock).toEqual([]);
      const doctor = await run(['doctor', '--json'], { url });
      expect(doctor.stderr).toBe('');
      expect(JSON.parse(doctor.stdout)).toEqual([expect.objectContaining({ code: 'NOT_CHECKED' })]);
    } finally {
      await guarded.close();
    }
  });

  test('a refusal names the command, and is no bug', async () => {
    const guarded = await startRedis();
    try {
      await guarded.client().call('ACL', 'SETUSER', 'default', '-time');
      const refused = await run(['lock', 'run', 'job', '--json', '--', 'true'], { url: guarded.url });
      expect(refused.code).toBe(3);
      expect(errorOf(refused)).toMatchObject({
        code: 'REDIS_DENIED',
        message: expect.stringContaining('TIME'),
      });
    } finally {
      await guarded.close();
    }
  });
});
