import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSecureContext, createServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { type Config, readConfig } from '../../source/config.ts';
import { type Connection, connect } from '../../source/redis/connection/connect.ts';
import { freePort } from '../helpers/ports.ts';
import { type RedisServer, redisForThisFile, startRedis } from '../helpers/redis-server.ts';

const files = fileURLToPath(new URL('../fixtures/tls/', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-tls-'));
const ca = `${files}ca.crt`;
const tlsCert = `${files}client.crt`;
const tlsKey = privately('client.key');
const opened: Connection[] = [];
const servers: RedisServer[] = [];
afterEach(() => {
  for (const connection of opened.splice(0)) connection.close();
});
afterAll(async () => {
  for (const server of servers) await server.close();
  rmSync(folder, { recursive: true });
});

/** Git keeps no modes: a copy that nobody else may read. */
function privately(name: string): string {
  const copy = path.join(folder, name);
  copyFileSync(`${files}${name}`, copy);
  chmodSync(copy, 0o600);
  return copy;
}

async function startTls(certificate: string, asksClients: 'yes' | 'no'): Promise<number> {
  const port = await freePort();
  const words = ['--tls-port', String(port), '--tls-auth-clients', asksClients, '--tls-ca-cert-file', ca];
  const pair = [`${files}${certificate}.crt`, `${files}${certificate}.key`];
  servers.push(
    await startRedis(
      ...words,
      ...['--tls-cert-file', pair[0] ?? '', '--tls-key-file', pair[1] ?? ''],
      ...['--bind', '127.0.0.1 -::1'],
    ),
  );
  return port;
}

function settings(flags: Record<string, unknown>): Config {
  return readConfig(flags, { XDG_CONFIG_HOME: '/nonexistent', USER: 'tester' });
}

function open(url: string | readonly string[], flags: Record<string, unknown> = {}): Connection {
  const [connection] = connect(settings({ url: [url].flat(), ...flags }));
  if (!connection) throw new Error('Nothing opened');
  opened.push(connection);
  return connection;
}

async function ping(connection: Connection): Promise<string> {
  await connection.ready(10_000);
  return await connection.ask.ping();
}

const plain = await redisForThisFile('--bind', '127.0.0.1');
const plainPort = await freePort();
await plain.client().config('SET', 'port', plainPort);
const port = await startTls('server', 'no');
const guardedPort = await startTls('server', 'yes');
const elsewherePort = await startTls('elsewhere', 'no');

test.each(['localhost', '127.0.0.1', '[::1]'])(
  'a certificate for %s, without a warning of Node',
  async (host) => {
    const warned = vi.fn();
    process.on('warning', warned);
    try {
      expect(await ping(open(`rediss://${host}:${port}`, { tlsCa: ca }))).toBe('PONG');
      expect(warned).not.toHaveBeenCalled();
    } finally {
      process.off('warning', warned);
    }
  },
);

test('a client certificate', async () => {
  const connection = open(`rediss://localhost:${guardedPort}`, { tlsCa: ca, tlsCert, tlsKey });
  expect(await ping(connection)).toBe('PONG');
});

test('a certificate for another name, which is named', async () => {
  const url = `rediss://127.0.0.1:${elsewherePort}`;
  expect(await ping(open(url, { tlsCa: ca, tlsServername: 'redis.example' }))).toBe('PONG');
});

test('a proxy that chooses the server by SNI gets the host, or --tls-servername, and no address', async () => {
  const named: (string | false)[] = [];
  const pair = (name: string) => ({
    cert: readFileSync(`${files}${name}.crt`),
    key: readFileSync(`${files}${name}.key`),
  });
  const proxy = createServer(
    {
      ...pair('server'),
      SNICallback(name, done) {
        done(null, createSecureContext(pair(name === 'redis.example' ? 'elsewhere' : 'server')));
      },
    },
    (socket) => {
      named.push(socket.servername ?? '');
      const behind = connectPlain(plainPort, '127.0.0.1');
      for (const end of [socket, behind]) end.on('error', () => {});
      socket.pipe(behind).pipe(socket);
    },
  );
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const address = proxy.address();
  const at = typeof address === 'object' ? address?.port : undefined;
  try {
    for (const [host, tlsServername, name] of [
      ['localhost', undefined, 'localhost'],
      ['127.0.0.1', undefined, false],
      ['127.0.0.1', 'redis.example', 'redis.example'],
    ] as const) {
      const connection = open(`rediss://${host}:${at}`, {
        tlsCa: ca,
        ...(tlsServername !== undefined && { tlsServername }),
      });
      expect(await ping(connection)).toBe('PONG');
      await connection.listen().subscribe('news');
      expect(named.splice(0)).toEqual([name, name]);
      connection.close();
    }
  } finally {
    proxy.close();
  }
});

describe('each failure says which flag mends it', () => {
  test.each([
    ['an unknown authority', () => open(`rediss://localhost:${port}`), '--tls-ca FILE'],
    [
      'no client certificate',
      () => open(`rediss://localhost:${guardedPort}`, { tlsCa: ca }),
      '--tls-cert FILE',
    ],
    [
      'another name',
      () => open(`rediss://localhost:${elsewherePort}`, { tlsCa: ca }),
      '--tls-servername NAME',
    ],
    ['another address', () => open(`rediss://127.0.0.1:${elsewherePort}`, { tlsCa: ca }), '--tls-servername'],
  ])('%s', async (_, make, flag) => {
    const failure = await make()
      .ready(10_000)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'REDIS_UNREACHABLE',
      kind: 'connection',
      hint: expect.stringContaining(flag),
      message: expect.not.stringMatching(/\n|openssl/),
    });
  });

  test('no TLS there', async () => {
    const failure = await open(`rediss://localhost:${plainPort}`, { tlsCa: ca })
      .ready(1500)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ hint: expect.stringContaining('redis:// instead of rediss://') });
  });
});

describe('what cannot be right is refused before anything is tried', () => {
  const empty = path.join(folder, 'empty.crt');
  writeFileSync(empty, 'nothing\n');
  test.each([
    ['an authority without a certificate', { tlsCa: empty }, /--tls-ca: \S+empty\.crt holds no certificate/],
    ['a certificate without its key', { tlsCert }, /need each other/],
    ['a key of another certificate', { tlsCert, tlsKey: privately('server.key') }, /is not the key of/],
    ['a certificate for a key', { tlsCert, tlsKey: privately('client.crt') }, /no private key/],
    [
      'a key that is not there',
      { tlsCert, tlsKey: '/nonexistent' },
      /--tls-key: \/nonexistent cannot be read/,
    ],
  ])('%s', (_, flags, reason) => {
    expect(() => settings(flags)).toThrow(reason);
  });

  test('a key that others can read', () => {
    const shared = privately('elsewhere.key');
    chmodSync(shared, 0o644);
    expect(() => settings({ tlsCert: `${files}elsewhere.crt`, tlsKey: shared })).toThrow(/chmod 600/);
  });
});

test('a renewed certificate is used at the next reconnect', async () => {
  const copy = path.join(folder, 'renewed.crt');
  copyFileSync(ca, copy);
  const connection = open(`rediss://localhost:${port}`, { tlsCa: copy });
  await connection.ready(10_000);
  const given = connection.ask.options;
  copyFileSync(`${files}elsewhere.crt`, copy);
  await servers[0]?.client().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await vi.waitFor(() => expect(connection.state().name).toBe('lost'));
  expect(String((given as { tls?: { ca?: Buffer } }).tls?.ca)).toContain('BEGIN CERTIFICATE');
  copyFileSync(ca, copy);
  expect(await connection.ask.ping()).toBe('PONG');
});

describe('a Cluster', async () => {
  const [nodePort, busPort] = [await freePort(), await freePort()];
  const pair = (name: string): string[] => [
    ...['tls-cert-file', `${files}${name}.crt`, 'tls-key-file', `${files}${name}.key`],
  ];
  const [certWord = '', cert = '', keyWord = '', key = ''] = pair('server');
  const node = await startRedis(
    ...['--tls-port', String(nodePort), '--tls-auth-clients', 'no', '--tls-ca-cert-file', ca],
    ...[`--${certWord}`, cert, `--${keyWord}`, key],
    ...['--cluster-enabled', 'yes', '--tls-cluster', 'yes', '--cluster-port', String(busPort)],
    ...['--cluster-announce-ip', '127.0.0.1'],
  );
  servers.push(node);
  const admin = node.client();
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  const url = `rediss://localhost:${nodePort}`;
  const refusal = (address: string | readonly string[], flags: Record<string, unknown>): Promise<unknown> =>
    open(address, { cluster: true, ...flags })
      .ready(20_000)
      .catch((error: unknown) => error);

  test('whose nodes have the right certificate, though the name of one has no address', async () => {
    await vi.waitFor(async () => expect(await admin.call('CLUSTER', 'INFO')).toContain('state:ok'), 20_000);
    const connection = open([url, 'rediss://nowhere.invalid:1'], { cluster: true, tlsCa: ca });
    await connection.ready(20_000);
    expect(await connection.ask.set('k', 'v')).toBe('OK');
  });

  test.each([
    ['an unknown authority', {}, [], '--tls-ca FILE'],
    ['another name', { tlsCa: ca }, pair('elsewhere'), '--tls-servername NAME'],
    ['no client certificate', { tlsCa: ca }, ['tls-auth-clients', 'yes'], '--tls-cert FILE'],
  ])('is refused at once, with the flag that mends it: %s', async (_, flags, changed, flag) => {
    if (changed.length > 0) await admin.call('CONFIG', 'SET', ...changed);
    try {
      expect(await refusal(url, flags)).toMatchObject({
        code: 'REDIS_UNREACHABLE',
        message: expect.not.stringMatching(/\n|openssl|slots cache/),
        hint: expect.stringContaining(flag),
      });
    } finally {
      await admin.call('CONFIG', 'SET', ...pair('server'), 'tls-auth-clients', 'no');
    }
  });

  test('is refused at once where it wants a password', async () => {
    await admin.call('CONFIG', 'SET', 'requirepass', 'right');
    try {
      expect(await refusal(url, { tlsCa: ca })).toMatchObject({
        code: 'REDIS_AUTH',
        message: expect.stringContaining('NOAUTH'),
      });
      expect(await refusal(url.replace('//', '//:wrong@'), { tlsCa: ca })).toMatchObject({
        code: 'REDIS_AUTH',
        message: expect.stringContaining('WRONGPASS'),
      });
    } finally {
      await admin.call('CONFIG', 'SET', 'requirepass', '');
    }
  });

  test.each([
    ['its name has no address', 'redis://nowhere.invalid:1', 'ENOTFOUND nowhere.invalid', '--url'],
    ['nobody listens there', 'redis://127.0.0.1:1', 'ECONNREFUSED 127.0.0.1:1', '--url'],
    ['it is none', `redis://127.0.0.1:${plainPort}`, 'cluster support disabled', 'leave --cluster out'],
  ])('is refused at once where %s', async (_, address, reason, hint) => {
    expect(await refusal(address, {})).toMatchObject({
      code: 'REDIS_UNREACHABLE',
      message: expect.stringContaining(reason),
      hint: expect.stringContaining(hint),
    });
  });
});
