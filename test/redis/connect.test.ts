import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { type Config, readConfig } from '../../source/config.ts';
import { type Connection, connect } from '../../source/redis/connection/connect.ts';
import { freePort } from '../helpers/ports.ts';
import { startSentinel } from '../helpers/redis-sentinel.ts';
import { type RedisServer, redisForThisFile, startRedis } from '../helpers/redis-server.ts';

const opened: Connection[] = [];
const servers: RedisServer[] = [];
const server = await redisForThisFile();
afterEach(async () => {
  for (const connection of opened.splice(0)) connection.close();
  for (const extra of servers.splice(0)) await extra.close();
});

function settings(flags: Record<string, unknown>): Config {
  return readConfig(flags, { XDG_CONFIG_HOME: '/nonexistent', USER: 'tester' });
}

function open(config: Config): Connection {
  const connections = connect(config);
  opened.push(...connections);
  const [first] = connections;
  if (!first) throw new Error('Nothing opened');
  return first;
}

async function extra(...words: string[]): Promise<RedisServer> {
  const started = await startRedis(...words);
  servers.push(started);
  return started;
}

test('a unix socket, and a database in the query', async () => {
  const connection = open(settings({ url: [`${server.url}?db=2`] }));
  await connection.ready(5000);
  expect(connection.state().name).toBe('live');
  await connection.ask.set('k', 'v');
  expect(await server.client({ db: 2 }).get('k')).toBe('v');
});

test('several URLs are several shards, in their order', async () => {
  const other = await extra();
  const connections = connect(settings({ url: [server.url, other.url] }));
  opened.push(...connections);
  expect(connections.map(({ url }) => url)).toEqual([server.url, other.url]);
});

test('nobody there is refused at once', async () => {
  const connection = open(settings({ url: ['redis://127.0.0.1:1'] }));
  const before = performance.now();
  await expect(connection.ready(60_000)).rejects.toMatchObject({
    code: 'REDIS_UNREACHABLE',
    kind: 'connection',
  });
  expect(performance.now() - before).toBeLessThan(30_000);
});

test('a server that never answers is given up on in time', async () => {
  server.signal('SIGSTOP');
  try {
    const connection = open(settings({ url: [server.url] }));
    await expect(connection.ready(300)).rejects.toThrow(/no answer within 0.3s/);
  } finally {
    server.signal('SIGCONT');
  }
});

test('a password and an ACL user', async () => {
  const guarded = await extra('--requirepass', 'sesame');
  await expect(open(settings({ url: [guarded.url] })).ready(5000)).rejects.toMatchObject({
    code: 'REDIS_AUTH',
  });
  const wrong = { ...settings({ url: [guarded.url] }), password: 'wrong' };
  await expect(open(wrong).ready(5000)).rejects.toMatchObject({ code: 'REDIS_AUTH' });
  await expect(open(wrong).ready(5000)).rejects.not.toThrow('wrong-password');
  const right = open({ ...settings({ url: [guarded.url] }), password: 'sesame' });
  await right.ready(5000);
  await right.ask.call('ACL', 'SETUSER', 'ann', 'on', '>secret', '~*', '&*', '+@all');
  const ann = open({ ...settings({ url: [guarded.url] }), username: 'ann', password: 'secret' });
  await ann.ready(5000);
  expect(await ann.ask.call('ACL', 'WHOAMI')).toBe('ann');
});

const files = fileURLToPath(new URL('../fixtures/tls/', import.meta.url));

test('TLS with an authority of one\u2019s own', async () => {
  const port = await freePort();
  const tls = ['--tls-port', String(port), '--tls-auth-clients', 'no'];
  const certificates = ['--tls-cert-file', `${files}server.crt`, '--tls-key-file', `${files}server.key`];
  await extra(...tls, ...certificates, '--tls-ca-cert-file', `${files}ca.crt`);
  const url = [`rediss://localhost:${port}`];
  await expect(open(settings({ url })).ready(5000)).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' });
  const trusting = open(settings({ url, tlsCa: `${files}ca.crt` }));
  await trusting.ready(5000);
  expect(await trusting.ask.ping()).toBe('PONG');
});

test('a lost server is reported with its next retry, and comes back by itself', async () => {
  const going = await extra();
  const connection = open(settings({ url: [going.url] }));
  await connection.ready(5000);
  const seen: string[] = [];
  connection.onState(({ name }) => seen.push(name));
  await going.stop();
  await vi.waitFor(() => {
    expect(connection.state().name).toBe('lost');
    expect(connection.state().nextRetryAtMs).toBeGreaterThan(Date.now() - 5000);
  });
  const waiting = connection.ask.ping();
  await expect(connection.lost(100)).rejects.toMatchObject({ code: 'REDIS_LOST' });
  await going.start();
  expect(await waiting).toBe('PONG');
  expect(connection.state().name).toBe('live');
  expect(seen.at(0)).toBe('lost');
  expect(seen.at(-1)).toBe('live');
});

test('it counts what it sends', async () => {
  const connection = open(settings({ url: [server.url] }));
  await connection.ready(5000);
  const before = connection.sent();
  await Promise.all([connection.ask.ping(), connection.ask.get('a'), connection.ask.get('b')]);
  expect(connection.sent() - before).toBe(3);
});

test('a Sentinel group: the primary is found, and found again after a failover', async () => {
  const group = await startSentinel();
  try {
    const connection = open(settings({ url: [group.url], sentinel: group.name }));
    await connection.ready(5000);
    await connection.ask.set('k', 'before');
    await connection.ask.wait(1, 5000);
    await group.primary.stop();
    expect(await connection.ask.get('k')).toBe('before');
    await connection.ask.set('k', 'after');
    expect(await group.replica.client().get('k')).toBe('after');
  } finally {
    await group.close();
  }
});

test('sentinels that ask for a password of their own, and the database of their URL', async () => {
  const group = await startSentinel({ password: 'watch' });
  try {
    const url = [`${group.url}/3`];
    const without = open(settings({ url, sentinel: group.name }));
    await expect(without.ready(20_000)).rejects.toMatchObject({
      code: 'REDIS_AUTH',
      hint: expect.stringContaining('--sentinel-password-file'),
    });
    const named = { ...settings({ url, sentinel: group.name }), sentinelPassword: 'watch' };
    const connection = open(named);
    await connection.ready(20_000);
    await connection.ask.set('k', 'v');
    expect(await group.primary.client({ db: 3 }).get('k')).toBe('v');
    await expect(open({ ...named, sentinel: 'other' }).ready(20_000)).rejects.toMatchObject({
      code: 'SENTINEL_GROUP',
    });
    await group.stopSentinel();
    await expect(open(named).ready(20_000)).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' });
  } finally {
    await group.close();
  }
});

test('a Sentinel group over TLS, to the sentinels and to the servers', async () => {
  const group = await startSentinel({ tlsFiles: files });
  try {
    const connection = open(settings({ url: [group.url], sentinel: group.name, tlsCa: `${files}ca.crt` }));
    await connection.ready(20_000);
    await connection.ask.set('k', 'before');
    await connection.ask.wait(1, 5000);
    await group.primary.stop();
    expect(await connection.ask.get('k')).toBe('before');
  } finally {
    await group.close();
  }
});

test('a failover that is announced while the primary is being looked for does not end the client', async () => {
  const group = await startSentinel();
  const proxy = await holdAddresses(Number(new URL(group.url).port));
  const listener = group.client();
  const print = vi.spyOn(console, 'error');
  try {
    const connection = open(settings({ url: [proxy.url], sentinel: group.name }));
    await connection.ready(5000);
    await listener.subscribe('+switch-master');
    const switched = once(listener, 'message');
    const release = proxy.hold();
    await group.primary.stop();
    await proxy.asked();
    await switched;
    // What was sent to one subscriber has reached the other before the sentinel answers a later question.
    await listener.ping();
    await setImmediate();
    release();
    expect(await connection.ask.ping()).toBe('PONG');
    const lost = once(listener, 'close');
    await group.stopSentinel();
    await lost;
    await connection.ask.ping();
    expect(print).not.toHaveBeenCalled();
  } finally {
    print.mockRestore();
    proxy.close();
    await group.close();
  }
});

/** Stands before a sentinel, and holds back where it says the primary is. */
async function holdAddresses(port: number) {
  let held = Promise.resolve();
  let asked = Promise.withResolvers<void>();
  const server = createServer((client) => {
    const sentinel = createConnection(port, '127.0.0.1');
    let isAsking = false;
    client.on('data', (bytes) => {
      if (bytes.includes('get-master-addr-by-name')) isAsking = true;
      if (isAsking) asked.resolve();
      sentinel.write(bytes);
    });
    sentinel.on('data', async (bytes) => {
      if (isAsking) await held;
      client.write(bytes);
    });
    client.on('close', () => sentinel.destroy());
    sentinel.on('close', () => client.destroy());
    for (const socket of [client, sentinel]) socket.on('error', () => {});
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** From now on, until the function it returns is called. */
    hold(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      asked = Promise.withResolvers();
      return resolve;
    },
    asked: () => asked.promise,
    close: () => server.close(),
  };
}
