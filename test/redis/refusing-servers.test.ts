import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { failureOf } from '../../source/commands/failure.ts';
import { readConfig } from '../../source/config.ts';
import { type Connection, connect } from '../../source/redis/connection/connect.ts';
import { startCluster } from '../helpers/redis-cluster.ts';
import { startSentinel } from '../helpers/redis-sentinel.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';

// Servers that answer, and not with what was asked for: what a command reports then, and when.

const opened: Connection[] = [];
const servers: RedisServer[] = [];
afterEach(async () => {
  for (const connection of opened.splice(0)) connection.close();
  for (const server of servers.splice(0)) await server.close();
});

async function start(...words: string[]): Promise<RedisServer> {
  const server = await startRedis(...words);
  servers.push(server);
  return server;
}

function open(url: string, more: Record<string, unknown> = {}): Connection {
  const [connection] = connect(
    readConfig({ url: [url], ...more }, { XDG_CONFIG_HOME: '/nonexistent', USER: 'tester' }),
  );
  if (!connection) throw new Error('Nothing opened');
  opened.push(connection);
  return connection;
}

async function connectionsOf(server: RedisServer): Promise<number> {
  const stats = await server.client().info('stats');
  return Number(/total_connections_received:(\d+)/.exec(stats)?.[1]);
}

test('a write to a replica is given up on in time, with the reason, after few connections', async () => {
  const server = await start('--replicaof', '127.0.0.1 1');
  const connection = open(server.url);
  await connection.ready(10_000);
  const before = await connectionsOf(server);
  const waiting = connection.ask.set('k', 'v').catch(() => {});
  await expect(connection.lost(3000)).rejects.toMatchObject({
    code: 'REDIS_REPLICA',
    kind: 'connection',
    message: expect.stringContaining(`${server.url} is a read-only replica`),
  });
  expect((await connectionsOf(server)) - before).toBeLessThan(10);
  connection.close();
  await waiting;
});

test('what is read on a replica without its primary is given up on, with the reason', async () => {
  const server = await start('--replica-serve-stale-data', 'no');
  const connection = open(server.url);
  await connection.ready(10_000);
  await server.client().replicaof('127.0.0.1', '1');
  connection.ask.get('k').catch(() => {});
  await expect(connection.lost(1000)).rejects.toMatchObject({ code: 'REDIS_PRIMARY_DOWN' });
});

test('a failover that goes on is waited for', async () => {
  const group = await startSentinel();
  try {
    await group.primary.stop();
    const connection = open(group.url, { sentinel: group.name });
    await connection.ready(50_000);
    expect(await connection.ask.set('k', 'v')).toBe('OK');
  } finally {
    await group.close();
  }
});

test('it goes on by itself once the server takes writes again', async () => {
  const server = await start('--replicaof', '127.0.0.1 1');
  const connection = open(server.url);
  await connection.ready(10_000);
  const written = connection.ask.set('k', 'v');
  await vi.waitFor(async () => expect(await connectionsOf(server)).toBeGreaterThan(3));
  await server.client().replicaof('NO', 'ONE');
  expect(await written).toBe('OK');
});

test('a server that falls silent is given up on in time, though its socket stays open', async () => {
  const server = await start();
  const connection = open(server.url);
  await connection.ready(10_000);
  const lost = connection.lost(400);
  server.signal('SIGSTOP');
  try {
    connection.ask.ping().catch(() => {});
    await expect(lost).rejects.toMatchObject({ code: 'REDIS_LOST' });
  } finally {
    server.signal('SIGCONT');
  }
});

test('a server that nobody asks anything, and commands that wait, are not lost', async () => {
  const server = await start();
  const connection = open(server.url);
  await connection.ready(10_000);
  const lost = connection.lost(200).catch((error: unknown) => error);
  await connection.ask.call('BLPOP', 'none', '0.6');
  expect(await Promise.race([lost, 'live'])).toBe('live');
});

test('too many clients', async () => {
  const server = await start('--maxclients', '1');
  await server.client().ping();
  await expect(open(server.url).ready(1500)).rejects.toMatchObject({
    kind: 'connection',
    message: expect.stringContaining('max number of clients reached'),
    hint: expect.stringContaining('maxclients'),
  });
});

test('what answers and is no Redis is reported in our words', async () => {
  const other = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  try {
    const failure: unknown = await open(`redis://127.0.0.1:${port}`)
      .ready(300)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'REDIS_UNREACHABLE',
      message: expect.stringContaining('The answer is no reply of Redis: it begins with "H"'),
    });
    expect(String(failure)).not.toContain('report');
  } finally {
    other.close();
  }
});

test.each([
  'Unknown RESP type 72 "H". Please report this.',
  'Protocol error, got "H" as reply type byte. Please report this.',
])('a command that was answered so is no bug of ours: %s', (said) => {
  expect(failureOf(new Error(said))).toMatchObject({
    kind: 'connection',
    code: 'REDIS_PROTOCOL',
    message: 'The answer is no reply of Redis: it begins with "H"',
  });
});

describe('what is missing or denied is done without, in silence', () => {
  test.each([
    ['INFO does not exist', ['--rename-command', 'INFO', ''], []],
    ['CLIENT does not exist', ['--rename-command', 'CLIENT', ''], []],
    ['HELLO does not exist', ['--rename-command', 'HELLO', ''], []],
    ['INFO is denied', [], ['-info']],
    ['CLIENT is denied', [], ['-client']],
    ['HELLO is denied', [], ['-hello']],
    ['all that is dangerous is denied', [], ['-@dangerous']],
  ])('%s', async (_, words, rules) => {
    const server = await start(...words);
    if (rules.length > 0) await server.client().call('ACL', 'SETUSER', 'default', ...rules);
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
    try {
      const connection = open(server.url);
      await connection.ready(10_000);
      expect(await connection.ask.set('k', 'v')).toBe('OK');
      const listener = connection.listen();
      await listener.subscribe('news');
      expect(warned).not.toHaveBeenCalled();
    } finally {
      warned.mockRestore();
    }
  });
});

test('a process that closes while its connections become ready ends, whatever ioredis left ticking', async () => {
  const cluster = await startCluster();
  try {
    const [url = ''] = cluster.urls;
    const script = fileURLToPath(new URL('close-early.ts', import.meta.url));
    // Between connect and ready a ready check is under way.
    for (const event of ['connecting', 'connect', 'ready', 'refreshing']) {
      const child = spawn(process.execPath, [script, url, event], { stdio: 'inherit' });
      const [code] = await once(child, 'exit');
      expect(code, `closed at ${event}`).toBe(0);
    }
  } finally {
    await cluster.close();
  }
});
