import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, test, vi } from 'vitest';
import { increment } from '../../source/features/buffer/buffer.ts';
import { flushGuard } from '../../source/features/buffer/guards.ts';
import { openTarget } from '../../source/features/buffer/sql/open-target.ts';
import { placeOf } from '../../source/features/buffer/sql/place.ts';
import { withTls } from '../../source/features/buffer/sql/postgres-connect.ts';
import { run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { cli, startPlay } from '../helpers/terminal.ts';

/** Whom a flush gives this user's password, and what it names before it writes. */

const server = await redisForThisFile();
afterEach(() => void vi.unstubAllEnvs());

test.each([
  ['postgres://app@db.example/app', 'verify-full'],
  ['postgres://app@10.0.0.7/app', 'verify-full'],
  ['postgres://app@[2001:db8::1]/app', 'verify-full'],
  ['postgres://app@localhost.evil.example/app', 'verify-full'],
  ['postgres://app@127.0.0.1.evil.example/app', 'verify-full'],
  ['postgres://app@localhost/app?host=db.example', 'verify-full'],
  // What `pg` would take for less, and warn of.
  ['postgres://app@db.example/app?sslmode=prefer', 'verify-full'],
  ['postgres://app@db.example/app?sslmode=require', 'verify-full'],
  ['postgres://app@db.example/app?sslmode=verify-ca', 'verify-full'],
  // Stated by the operator.
  ['postgres://app@db.example/app?sslmode=disable', 'disable'],
  ['postgres://app@db.example/app?sslmode=no-verify', 'no-verify'],
  // Does not leave this machine.
  ['postgres://app@localhost/app', null],
  ['postgres://app@127.0.0.1:5433/app', null],
  ['postgres://app@[::1]/app', null],
  ['postgres://app@db.example/app?host=/run/postgresql', null],
  ['postgres://app@%2Frun%2Fpostgresql/app', null],
  ['postgres:///app', null],
])('%s is connected to with sslmode %s', (url, mode) => {
  expect(new URL(withTls(url, {})).searchParams.get('sslmode')).toBe(mode);
});

test('PGHOST and PGSSLMODE mean what they say', () => {
  expect(withTls('postgres:///app', { PGHOST: 'db.example' })).toContain('sslmode=verify-full');
  expect(withTls('postgres://db.example/app', { PGSSLMODE: 'disable' })).not.toContain('sslmode');
});

/** Says that it has no TLS, asks for the password in clear text, and keeps what it gets. */
async function askingServer(host: string) {
  const got: Buffer[] = [];
  const asking = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      got.push(data);
      if (data.length === 8 && data.readInt32BE(4) === 80_877_103) socket.write('N');
      else socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
    });
  });
  asking.listen(0, host);
  await once(asking, 'listening');
  const { port } = asking.address() as AddressInfo;
  return { port, text: () => Buffer.concat(got).toString('latin1'), close: () => asking.close() };
}

test('a server that asks for the password in clear text, without TLS, does not get it', async () => {
  const asking = await askingServer('127.0.0.1');
  vi.stubEnv('PGPASSWORD', 's3cretpw');
  const opening = openTarget({ to: `postgres://app@127.0.0.1:${asking.port}/db`, table: 'project' });
  await expect(opening).rejects.toMatchObject({
    code: 'SQL_UNREACHABLE',
    message: expect.stringContaining('clear text'),
    hint: expect.stringContaining('scram-sha-256'),
  });
  expect(asking.text()).toContain('app');
  expect(asking.text()).not.toContain('s3cretpw');
  asking.close();
});

const elsewhere = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

test.skipIf(elsewhere === undefined)('to another address not even the user goes without TLS', async () => {
  const asking = await askingServer(elsewhere ?? '');
  vi.stubEnv('PGPASSWORD', 's3cretpw');
  const opening = openTarget({ to: `postgres://app@${elsewhere}:${asking.port}/db`, table: 'project' });
  await expect(opening).rejects.toMatchObject({
    code: 'SQL_UNREACHABLE',
    hint: expect.stringContaining('nothing goes without TLS'),
  });
  expect(asking.text()).toHaveLength(8);
  asking.close();
});

test('the console asks with database, host, user, table, column and key', async () => {
  const redis = server.client();
  await increment(redis, 'project', [['42', 3]]);
  const input = {
    type: 'project',
    to: 'postgres://app:s3cretpw@db.example:5433/shop',
    table: 'page',
    column: 'views',
    key: 'path',
    every: undefined,
  };
  const asked = await flushGuard.look({ redis } as never, input);
  expect(asked?.question).toBe(
    'Write project (1 id, +3) to PostgreSQL database shop on db.example:5433 as app, table page, column views, by its key path?',
  );
});

test('a flush that was typed whole into the palette is asked about, too', async () => {
  const redis = server.client();
  await increment(redis, 'typed', [['42', 3]]);
  const file = path.join(server.directory, 'typed.db');
  const play = startPlay({ args: [cli, '--url', server.url] });
  try {
    await play.shows('buffer');
    play.press(':', `buffer flush typed --to sqlite:${file}`, 'enter');
    await play.shows(`Write typed (1 id, +3) to SQLite ${file}`);
    await play.answer('n');
    await play.hides('Write typed');
    expect(await redis.zscore('pending:typed', '42')).toBe('3');
  } finally {
    await play.close();
  }
});

test('a place is named as the driver understands it, without its password', () => {
  vi.stubEnv('PGHOST', 'other.example');
  vi.stubEnv('PGDATABASE', 'stock');
  vi.stubEnv('PGUSER', 'bob');
  vi.stubEnv('PGPORT', '6000');
  expect(placeOf('postgres://')).toBe('PostgreSQL database stock on other.example:6000 as bob');
  expect(placeOf('postgres://a:s3cretpw@h/db')).not.toContain('s3cretpw');
  expect(placeOf('sqlite:/var/app.db')).toBe('SQLite /var/app.db');
});

test('a file whose name SQLite would take for a URI is that file', async () => {
  const cwd = mkdtempSync(path.join(tmpdir(), 'quarterdeck-trust-'));
  try {
    const file = path.join(cwd, 'file:counts.db?mode=memory');
    const database = new DatabaseSync(file);
    database.exec('CREATE TABLE uri (id text PRIMARY KEY, count integer)');
    await increment(server.client(), 'uri', [['a', 3]]);
    const words = ['buffer', 'flush', 'uri', '--to', 'sqlite:file:counts.db?mode=memory'];
    expect(await run(words, { url: server.url, cwd })).toMatchObject({ code: 0 });
    expect(database.prepare('SELECT * FROM uri').all()).toEqual([{ id: 'a', count: 3 }]);
    database.close();
    const missing = await run([...words.slice(0, -1), 'sqlite:file:/etc/passwd'], { url: server.url, cwd });
    expect(missing.stderr).toContain('there is no such file');
  } finally {
    rmSync(cwd, { recursive: true });
  }
});
