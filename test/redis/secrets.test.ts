import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, expect, test } from 'vitest';
import { readConfig } from '../../source/config.ts';
import { type Connection, connect } from '../../source/redis/connection/connect.ts';
import { startCluster } from '../helpers/redis-cluster.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile('--requirepass', 'first');
const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-secrets-'));
const passwordFile = path.join(folder, 'password');
const opened: Connection[] = [];
afterEach(() => {
  for (const connection of opened.splice(0)) connection.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

function open(flags: Record<string, unknown>): Connection {
  const [connection] = connect(readConfig(flags, { XDG_CONFIG_HOME: '/nonexistent', USER: 'tester' }));
  if (!connection) throw new Error('Nothing opened');
  opened.push(connection);
  return connection;
}

function keep(password: string): void {
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
}

test.each([
  ['--password-file', { passwordFile }],
  ['--password-command', { passwordCommand: `cat '${passwordFile}'` }],
  ['a --password-command that takes its time', { passwordCommand: `sleep 0.5; cat '${passwordFile}'` }],
])('what %s gives is read again at each reconnect', async (_, flags) => {
  const admin = server.client({ password: 'first' });
  await admin.config('SET', 'requirepass', 'first');
  keep('first');
  const connection = open({ url: [server.url], ...flags });
  await connection.ready(10_000);
  keep('second');
  await admin.config('SET', 'requirepass', 'second');
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  expect(await connection.ask.set('k', 'v')).toBe('OK');
  await admin.config('SET', 'requirepass', 'first');
});

test.each([
  ['--password-file', { passwordFile }],
  ['a --password-command that takes its time', { passwordCommand: `sleep 0.3; cat '${passwordFile}'` }],
])('copies of a connection get what %s gives, those that are there and those to come', async (_, flags) => {
  const admin = server.client({ password: 'first' });
  await admin.config('SET', 'requirepass', 'first');
  keep('first');
  const { ask } = open({ url: [server.url], ...flags });
  if (!(ask instanceof Redis)) throw new Error('Expected one server');
  const reader = ask.duplicate();
  expect(await reader.ping()).toBe('PONG');
  keep('second');
  await admin.config('SET', 'requirepass', 'second');
  const later = ask.duplicate();
  try {
    expect(await later.ping()).toBe('PONG');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    expect(await reader.ping()).toBe('PONG');
    expect(await later.ping()).toBe('PONG');
  } finally {
    reader.disconnect();
    later.disconnect();
    await admin.config('SET', 'requirepass', 'first');
  }
});

test('a user by flag, also over a socket, and in its URL', async () => {
  const admin = server.client({ password: 'first' });
  await admin.call('ACL', 'SETUSER', 'ann', 'on', '>secret', '~*', '&*', '+@all');
  const env = { XDG_CONFIG_HOME: '/nonexistent', USER: 'tester', QUARTERDECK_PASSWORD: 'secret' };
  for (const flags of [{ url: [server.url], user: 'ann' }, { url: [server.url.replace('//', '//ann@')] }]) {
    const [connection] = connect(readConfig(flags, env));
    if (!connection) throw new Error('Nothing opened');
    opened.push(connection);
    await connection.ready(10_000);
    expect(await connection.ask.call('ACL', 'WHOAMI')).toBe('ann');
  }
});

test.each([
  ['--password-file', { passwordFile }],
  ['a --password-command that takes its time', { passwordCommand: `sleep 0.3; cat '${passwordFile}'` }],
])(
  'the nodes of a cluster get what %s gives, also those first needed after it was renewed',
  async (_, flags) => {
    const cluster = await startCluster();
    try {
      const admins = cluster.primaries.map((node) => node.client());
      const setEverywhere = async (password: string) => {
        await Promise.all(admins.map((admin) => admin.config('SET', 'requirepass', password)));
        await Promise.all(admins.map((admin) => admin.call('AUTH', password)));
      };
      keep('first');
      await setEverywhere('first');
      const connection = open({ url: [...cluster.urls], cluster: true, ...flags });
      await connection.ready(20_000);
      expect(await connection.ask.set('k', 'v')).toBe('OK');
      keep('second');
      await setEverywhere('second');
      // Of three primaries, one at most was connected to so far.
      for (const key of ['k', 'another', 'third', 'l']) expect(await connection.ask.set(key, 'w')).toBe('OK');
      keep('third');
      await setEverywhere('third');
      await Promise.all(
        admins.map((admin) => admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')),
      );
      for (const key of ['k', 'another', 'third', 'l']) expect(await connection.ask.set(key, 'x')).toBe('OK');
    } finally {
      await cluster.close();
    }
  },
);
