import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { errorOf, finished, run, start } from '../helpers/cli.ts';
import { type PostgresServer, startPostgres } from '../helpers/postgres.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { type Database, databases } from './databases.ts';

let server: RedisServer;
let redis: Redis;
let sqlite: Database;
let postgres: PostgresServer;

beforeAll(async () => {
  [server, sqlite, postgres] = await Promise.all([startRedis(), databases.sqlite(), startPostgres()]);
  redis = server.client();
  await sqlite.run(
    'CREATE TABLE project (id integer PRIMARY KEY, count integer NOT NULL DEFAULT 0, views integer)',
  );
  await postgres.query('CREATE TABLE project (id bigint PRIMARY KEY, count bigint NOT NULL DEFAULT 0)');
  await postgres.query("CREATE ROLE app LOGIN PASSWORD 's3cret/!'");
  await postgres.query('GRANT CREATE, USAGE ON SCHEMA public TO app');
  await postgres.query('GRANT SELECT, INSERT, UPDATE ON project TO app');
});
beforeEach(async () => {
  await redis.flushall();
  await sqlite.run('DELETE FROM project');
  await postgres.query('DELETE FROM project');
});
afterAll(() => Promise.all([server.close(), sqlite.close(), postgres.close()]));

async function json(words: readonly string[], stdin = ''): Promise<unknown> {
  const { code, stdout, stderr } = await run([...words, '--json'], { url: server.url, stdin });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

async function refusal(words: readonly string[], stdin = '') {
  const outcome = await run([...words, '--json'], { url: server.url, stdin });
  return { exit: outcome.code, ...errorOf(outcome) };
}

describe('incr', () => {
  test('counts one id and tells what is pending', async () => {
    expect(await json(['buffer', 'incr', 'project', '42'])).toEqual({
      type: 'project',
      id: '42',
      pending: 1,
    });
    expect(await json(['buffer', 'incr', 'project', '42', '9'])).toMatchObject({ pending: 10 });
    expect(await redis.zscore('pending:project', '42')).toBe('10');
    expect(await redis.keys('*:seq:*')).toEqual([]);
  });

  test('counts lines of stdin, with and without BY', async () => {
    const lines = ['7\t3', '8', 'a tab\tin it\t5', '', '7\t4'].join('\n');
    expect(await json(['buffer', 'incr', 'project', '-'], lines)).toMatchObject({
      lines: 5,
      total: 13,
      pending: 13,
    });
    expect(await redis.zrange('pending:project', '0', '-1', 'WITHSCORES')).toEqual([
      '8',
      '1',
      'a tab\tin it',
      '5',
      '7',
      '7',
    ]);
  });

  test.each(['7\t0', '7\t-1', '7\t0.5', '7\tmany', '7\t9007199254740992', '\t5', 'a\0b\t1'])(
    'a bad line %j is refused after counting those before it',
    async (bad) => {
      const failure = await refusal(['buffer', 'incr', 'project', '-'], `1\t1\n2\t2\n${bad}\n3\t3\n`);
      expect(failure).toMatchObject({
        exit: 4,
        code: 'BAD_LINE',
        message: expect.stringContaining('Line 3'),
      });
      expect(failure.hint).toContain('line 3');
      expect(await redis.zrange('pending:project', '0', '-1')).toEqual(['1', '2']);
    },
  );

  test('what editors put around lines is no part of an id', async () => {
    await json(['buffer', 'incr', 'project', '-'], '\uFEFF42\t1\r\n17\r\n\r\n42\t2\r\n');
    expect(await redis.zrange('pending:project', '0', '-1', 'WITHSCORES')).toEqual(['17', '1', '42', '3']);
  });

  test('bytes that are not UTF-8 are refused', async () => {
    const stdin = Buffer.from([0x61, 0xff, 0x09, 0x31, 0x0a]);
    const outcome = await run(['buffer', 'incr', 'project', '-', '--json'], { url: server.url, stdin });
    expect({ exit: outcome.code, ...errorOf(outcome) }).toMatchObject({ exit: 4, code: 'LINE_NOT_UTF8' });
  });

  test.each(['0', '-1', '0.5', '1e3', '9007199254740992', 'x'])('BY %s is a usage error', async (by) => {
    expect(await refusal(['buffer', 'incr', 'project', '42', by])).toMatchObject({ exit: 2 });
    expect(await redis.exists('pending:project')).toBe(0);
  });

  test('keys of another type, sums past 2^53 and reserved names', async () => {
    await redis.set('pending:project', 'mine');
    expect(await refusal(['buffer', 'incr', 'project', '42'])).toMatchObject({ exit: 4, code: 'WRONG_TYPE' });
    await redis.zadd('pending:views', Number.MAX_SAFE_INTEGER, '42');
    expect(await refusal(['buffer', 'incr', 'views', '42'])).toMatchObject({
      exit: 4,
      code: 'COUNT_TOO_LARGE',
    });
    expect(await refusal(['buffer', 'incr', 'views:batch', '42'])).toMatchObject({
      exit: 2,
      code: 'BAD_TYPE',
    });
  });

  test('what was read is counted when SIGTERM ends it', async () => {
    const child = start(['buffer', 'incr', 'project', '-'], { url: server.url });
    const ended = finished(child);
    child.stdin?.write('7\t3\n8\t1\n');
    await vi.waitFor(async () => expect(await redis.zcard('pending:project')).toBe(2), { timeout: 10_000 });
    child.stdin?.write('7\t4\n');
    // The pipe has handed the line over once the next write is taken.
    await new Promise((resolve) => child.stdin?.write('9\t1\n', resolve));
    await vi.waitFor(async () => expect(await redis.zcard('pending:project')).toBe(3), { timeout: 10_000 });
    child.kill('SIGTERM');
    expect((await ended).code).toBe(143);
    expect(await redis.zrange('pending:project', '0', '-1', 'WITHSCORES')).toEqual([
      '8',
      '1',
      '9',
      '1',
      '7',
      '7',
    ]);
    expect(await redis.keys('*:seq:*')).toEqual([]);
  });
});

describe('pending', () => {
  test('tells ids, totals, what is in flight and the oldest, of one type or all', async () => {
    expect(await json(['buffer', 'pending'])).toEqual([]);
    const before = Date.now();
    await json(['buffer', 'incr', 'project', '-'], '1\t5\n2\t6\n');
    await json(['buffer', 'incr', 'views', '1']);
    const all = (await json(['buffer', 'pending'])) as { type: string; oldestMs: number }[];
    expect(all).toMatchObject([
      { type: 'project', ids: 2, total: 11, inflight: 0, batch: null },
      { type: 'views', ids: 1, total: 1, inflight: 0 },
    ]);
    expect(all[0]?.oldestMs).toBeGreaterThanOrEqual(before - 5);
    expect(all[0]?.oldestMs).toBeLessThanOrEqual(Date.now() + 5);
    expect(await refusal(['buffer', 'pending', 'projekt'])).toMatchObject({
      exit: 4,
      code: 'BUFFER_UNKNOWN',
      hint: expect.stringContaining('Did you mean `project`?'),
    });
    const { stdout } = await run(['buffer', 'pending'], { url: server.url });
    expect(stdout).toMatch(
      /^project {2}2 ids {2}\+11 {2}oldest [\d.]+s\nviews {5}1 id {3}\+1 {2}oldest [\d.]+s\n$/,
    );
  });

  test('finds what only others have written when asked to', async () => {
    await redis.zincrby('pending:foreign', 3, 'x');
    await redis.set('pending:text', 'x');
    await redis.zadd('pending:foreign:inflight', 1, 'y');
    expect(await json(['buffer', 'pending'])).toEqual([]);
    expect(await json(['buffer', 'pending', '--discover'])).toMatchObject([
      { type: 'foreign', ids: 1, total: 3, inflight: 1, oldestMs: null },
    ]);
  });

  test('a key of another type is refused by name, and listed among the others', async () => {
    await json(['buffer', 'incr', 'views', '1']);
    await json(['buffer', 'incr', 'project', '1']);
    await redis.del('pending:project');
    await redis.set('pending:project', 'mine');
    expect(await refusal(['buffer', 'pending', 'project'])).toMatchObject({ exit: 4, code: 'WRONG_TYPE' });
    const { stdout, stderr } = await run(['buffer', 'pending', '--json'], { url: server.url });
    expect(JSON.parse(stdout)).toMatchObject([{ type: 'views' }]);
    expect(stderr).toContain('pending:project');
  });

  test('adds up exactly however many ids there are', async () => {
    const lines = Array.from({ length: 6001 }, (_, id) => `id${id}\t${id + 1}`).join('\n');
    await json(['buffer', 'incr', 'project', '-'], lines);
    expect(await json(['buffer', 'pending', 'project'])).toMatchObject([
      { ids: 6001, total: (6001 * 6002) / 2 },
    ]);
  });
});

describe('flush', () => {
  test('to SQLite, then with nothing left', async () => {
    await json(['buffer', 'incr', 'project', '-'], '1\t5\n2\t6\n');
    const words = ['buffer', 'flush', 'project', '--to', sqlite.to];
    expect(await json(words)).toEqual({
      type: 'project',
      batch: expect.stringMatching(/^[0-9a-f-]{36}$/),
      rows: 2,
      total: 11,
      aside: 0,
      leftPending: 0,
      setAside: 0,
      durationMs: expect.any(Number),
    });
    expect(await sqlite.counts('project')).toEqual({ 1: 5, 2: 6 });
    expect(await json(words)).toMatchObject({ batch: null, rows: 0, total: 0 });
    const { stdout } = await run(words, { url: server.url });
    expect(stdout).toBe('project: nothing pending\n');
  });

  test('into another table, key and column', async () => {
    await json(['buffer', 'incr', 'hits', '1', '5']);
    await json(['buffer', 'flush', 'hits', '--to', sqlite.to, '--table', 'project', '--column', 'views']);
    expect(await sqlite.counts('project', 'views')).toEqual({ 1: 5 });
  });

  test('to PostgreSQL by a user whose password comes from PGPASSWORD', async () => {
    await json(['buffer', 'incr', 'project', '7', '5']);
    const words = ['buffer', 'flush', 'project', '--to', postgres.urlOf('app'), '--json'];
    const outcome = await run(words, { url: server.url, env: { PGPASSWORD: 's3cret/!' } });
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(await postgres.query('SELECT id, count FROM project')).toEqual([{ id: '7', count: '5' }]);
  });

  test('a password in the URL works, is warned about, and is never printed or kept', async () => {
    await json(['buffer', 'incr', 'project', '7', '5']);
    for (const [url, code] of [
      [postgres.urlOf('app', 's3cret/!'), 0],
      [postgres.urlOf('app', 'wr0ng-s3cret'), 5],
      [`${postgres.urlOf('app', 's3cret/!')}&sslmode=s3cret-mode`.replace('/postgres?', '/nowhere?'), 5],
    ] as const) {
      const outcome = await run(['buffer', 'flush', 'project', '--to', url, '--debug'], { url: server.url });
      expect(outcome.code).toBe(code);
      expect(outcome.stderr).toContain('PGPASSWORD');
      expect(outcome.stdout + outcome.stderr).not.toMatch(/s3cret\/|s3cret%2F|wr0ng/);
      const kept = await redis.hgetall('pending:project:status');
      expect(JSON.stringify(kept)).not.toMatch(/s3cret\/|s3cret%2F|wr0ng/);
      await json(['buffer', 'incr', 'project', '7']);
    }
  });

  test('nothing but the URL of a database is a target, and it is not repeated', async () => {
    for (const to of ['mysql://u:s3cret@h/d', 's3cret', 'sqlite:', 'postgres:/s3cret']) {
      const failure = await refusal(['buffer', 'flush', 'project', '--to', to]);
      expect(failure).toMatchObject({ exit: 2, code: 'BAD_TARGET' });
      expect(failure.message).not.toContain('s3cret');
    }
    expect(await refusal(['buffer', 'flush', 'project'])).toMatchObject({ exit: 2 });
    const quoted = ['buffer', 'flush', 'project', '--to', sqlite.to, '--table'];
    expect(await refusal([...quoted, 'x"; DROP'])).toMatchObject({ exit: 2, code: 'BAD_TARGET' });
    expect(await refusal([...quoted, 'project', '--every', '1ms'])).toMatchObject({ exit: 2 });
  });

  test.each(['sqlite', 'postgres'] as const)(
    '%s: table, column or key missing; counts stay pending',
    async (kind) => {
      const to = kind === 'sqlite' ? sqlite.to : postgres.url();
      await json(['buffer', 'incr', 'nowhere', '7', '5']);
      await json(['buffer', 'incr', 'project', '7', '5']);
      const words = ['buffer', 'flush', 'project', '--to', to];
      const failure = await refusal(['buffer', 'flush', 'nowhere', '--to', to]);
      expect(failure).toMatchObject({ exit: 5, code: 'SQL_NO_TABLE' });
      expect(failure.hint).toContain('CREATE TABLE');
      expect(await refusal([...words, '--column', 'nope'])).toMatchObject({ exit: 5, code: 'SQL_NO_COLUMN' });
      expect(await refusal([...words, '--key', 'count', '--column', 'id'])).toMatchObject({
        exit: 5,
        code: 'SQL_NO_KEY',
      });
      expect(await redis.zscore('pending:project', '7')).toBe('5');
      expect(await redis.zscore('pending:nowhere', '7')).toBe('5');
    },
  );

  test('a database that is not there, not readable, not a database, or locked', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-bad-'));
    const garbage = path.join(directory, 'garbage.db');
    writeFileSync(garbage, 'this is no database, whatever its name says. '.repeat(50));
    await json(['buffer', 'incr', 'project', '7', '5']);
    const refused = (to: string) => refusal(['buffer', 'flush', 'project', '--to', to]);
    const unreachable = { exit: 5, code: 'SQL_UNREACHABLE' };
    expect(await refused(`sqlite:${directory}/missing.db`)).toMatchObject(unreachable);
    expect(await refused(`sqlite:${directory}`)).toMatchObject(unreachable);
    expect(await refused(`sqlite:${garbage}`)).toMatchObject({
      ...unreachable,
      message: expect.stringContaining('not a readable SQLite database'),
    });
    expect(await refused('postgres://nobody@127.0.0.1:1/db')).toMatchObject(unreachable);
    expect(await refused(postgres.url('nowhere'))).toMatchObject(unreachable);
    const file = sqlite.to.slice('sqlite:'.length);
    const holder = new DatabaseSync(file);
    holder.exec('BEGIN EXCLUSIVE');
    expect(await refused(sqlite.to)).toMatchObject({ exit: 5, message: expect.stringContaining('locked') });
    holder.exec('ROLLBACK');
    holder.close();
    const [kept] = (await json(['buffer', 'pending', 'project'])) as { total: number; inflight: number }[];
    expect((kept?.total ?? 0) + (kept?.inflight ?? 0)).toBe(5);
    expect(await json(['buffer', 'flush', 'project', '--to', sqlite.to])).toMatchObject({
      rows: 1,
      total: 5,
    });
    rmSync(directory, { recursive: true });
  });

  // Not by permissions: root may open everything, and these nobody may.
  test.each([
    ['below a file', (file: string) => path.join(file, 'counts.db')],
    ['that is a directory', (file: string) => path.dirname(file)],
    ['that is no database', () => '/proc/version'],
    ['in a folder where nothing can be made', () => '/proc/counts.db'],
  ])('a file %s', async (_, where) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-bad-'));
    const file = path.join(directory, 'mine.db');
    new DatabaseSync(file).exec('CREATE TABLE project (id integer PRIMARY KEY, count integer)');
    const failure = await refusal(['buffer', 'flush', 'project', '--to', `sqlite:${where(file)}`]);
    expect(failure).toMatchObject({ exit: 5, code: expect.stringMatching(/^SQL_/) });
    rmSync(directory, { recursive: true });
  });

  test('a key of another type', async () => {
    await redis.set('pending:project', 'mine');
    const failure = await refusal(['buffer', 'flush', 'project', '--to', sqlite.to]);
    expect(failure).toMatchObject({ exit: 4, code: 'WRONG_TYPE' });
  });

  test('an id that does not fit the key is set aside by name; listed, tried again, dropped', async () => {
    await json(['buffer', 'incr', 'project', '-'], '7\t5\nundefined\t1\n');
    const words = ['buffer', 'flush', 'project', '--to', postgres.url(), '--json'];
    const { code, stdout, stderr } = await run(words, { url: server.url });
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, rows: 1, total: 5, aside: 1 });
    expect(stderr).toContain('Set aside: +1 of `undefined` in project: the id is no whole number');
    expect(stderr).toContain('buffer aside project');
    expect(await json(['buffer', 'pending', 'project'])).toMatchObject([
      { ids: 0, inflight: 0, aside: 1, asideIds: 1, condition: 'aside', exact: true },
    ]);
    expect(await json(['buffer', 'aside', 'project'])).toEqual([
      {
        type: 'project',
        id: 'undefined',
        count: 1,
        code: 'ID_TYPE',
        reason: 'the id is no whole number, and the key column holds only those',
        sinceMs: expect.any(Number),
        tries: 1,
        nextRetryMs: expect.any(Number),
      },
    ]);
    const shown = await run(['buffer', 'aside'], { url: server.url });
    expect(shown.stdout).toMatch(
      /^project {2}undefined {2}\+1 {2}ID_TYPE {2}the id is no whole .* {2}1 try, again at /,
    );
    expect(await json(['buffer', 'retry', 'project', 'undefined'])).toEqual({
      type: 'project',
      retried: 1,
      unknown: [],
    });
    expect(await json(['buffer', 'retry', 'project', '--all'])).toMatchObject({ retried: 1 });
    expect(await json(['buffer', 'aside'])).toMatchObject([{ nextRetryMs: 0 }]);
    for (const [words, exit, code] of [
      [['retry', 'project'], 2, 'USAGE'],
      [['retry', 'project', 'undefined', '--all'], 2, 'USAGE'],
      [['retry', 'project', 'x'], 4, 'NOT_ASIDE'],
      [['retry', 'projekt', '--all'], 4, 'BUFFER_UNKNOWN'],
      [['aside', 'projekt'], 4, 'BUFFER_UNKNOWN'],
      [['drop', 'project', 'undefined'], 2, 'NOT_CONFIRMED'],
      [['drop', 'project', '--all'], 2, 'NOT_CONFIRMED'],
      [['drop', 'project', '--all', '--too-long', '--yes'], 2, 'USAGE'],
      [['drop', 'project', '--yes'], 2, 'USAGE'],
      [['drop', 'project', 'x', '--yes'], 4, 'NOT_ASIDE'],
    ] as const)
      expect(await refusal(['buffer', ...words])).toMatchObject({ exit, code });
    expect(await json(['buffer', 'drop', 'project', 'undefined', 'x', '--yes'])).toEqual({
      type: 'project',
      dropped: [{ id: 'undefined', count: 1 }],
      unknown: ['x'],
    });
    expect(await json(['buffer', 'aside', 'project'])).toEqual([]);
  });

  test('what one person mistypes is their failure alone; a batch that stays in flight is everybody’s', async () => {
    await json(['buffer', 'incr', 'project', '7', '5']);
    const failure = () => redis.hexists('pending:project:status', 'failure');
    for (const to of ['sqlte:x.db', 'sqlite:/nowhere/x.db', 'postgres://nobody@127.0.0.1:1/db'])
      expect((await refusal(['buffer', 'flush', 'project', '--to', to])).exit).toBeGreaterThan(1);
    await refusal(['buffer', 'flush', 'project', '--to', sqlite.to, '--column', 'nope']);
    await refusal(['buffer', 'flush', 'project', '--to', sqlite.to, '--every', '1s', '--table', 'nope']);
    expect(await failure()).toBe(0);
    await sqlite.run('ALTER TABLE project RENAME TO kept');
    await sqlite.run('CREATE TABLE project (id integer PRIMARY KEY, count integer CHECK (count < 0))');
    const counts = Array.from({ length: 150 }, (_, id) => `${id}\t1`).join('\n');
    await json(['buffer', 'incr', 'project', '-'], counts);
    const refused = await refusal(['buffer', 'flush', 'project', '--to', sqlite.to]);
    expect(refused).toMatchObject({ exit: 5, code: 'SQL_REFUSED' });
    expect(await failure()).toBe(1);
    await sqlite.run('DROP TABLE project');
    await sqlite.run('ALTER TABLE kept RENAME TO project');
    await json(['buffer', 'flush', 'project', '--to', sqlite.to]);
    expect(await failure()).toBe(0);
  });

  test('what SQL cannot take is reported and stays', async () => {
    await redis.zadd('pending:project', 2.5, '7');
    const outcome = await run(['buffer', 'flush', 'project', '--to', sqlite.to], { url: server.url });
    expect(outcome).toMatchObject({ code: 0, stdout: expect.stringContaining('1 row, +2') });
    expect(outcome.stderr).toContain('1 id of project');
  });
});

describe('flush --every', () => {
  test('writes as counts come, a line for each batch, until SIGTERM; and lets go of its lock', async () => {
    const child = start(['buffer', 'flush', 'project', '--to', sqlite.to, '--every', '100ms', '--json'], {
      url: server.url,
    });
    const ended = finished(child);
    await json(['buffer', 'incr', 'project', '7', '5']);
    await vi.waitFor(async () => expect(await sqlite.counts('project')).toEqual({ 7: 5 }), {
      timeout: 10_000,
    });
    expect(await redis.exists('lock:flush:project')).toBe(1);
    await json(['buffer', 'incr', 'project', '7', '6']);
    await vi.waitFor(async () => expect(await sqlite.counts('project')).toEqual({ 7: 11 }), {
      timeout: 10_000,
    });
    child.kill('SIGTERM');
    const { code, stdout } = await ended;
    expect(code).toBe(143);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { total: number });
    expect(lines.map(({ total }) => total)).toEqual([5, 6]);
    expect(await redis.exists('lock:flush:project')).toBe(0);
  });

  test('a second one stands by and takes over', async () => {
    const words = ['buffer', 'flush', 'project', '--to', sqlite.to, '--every', '100ms', '--json'];
    const first = start(words, { url: server.url });
    await vi.waitFor(async () => expect(await redis.exists('lock:flush:project')).toBe(1), {
      timeout: 10_000,
    });
    const holder = await redis.get('lock:flush:project');
    const second = start(words, { url: server.url });
    await vi.waitFor(async () => expect((await redis.keys('*lock*')).length).toBeGreaterThan(2), {
      timeout: 10_000,
    });
    expect(await redis.get('lock:flush:project')).toBe(holder);
    const ended = finished(second);
    const gone = once(first, 'exit');
    first.kill('SIGTERM');
    await gone;
    await json(['buffer', 'incr', 'project', '7', '5']);
    await vi.waitFor(async () => expect(await sqlite.counts('project')).toEqual({ 7: 5 }), {
      timeout: 10_000,
    });
    second.kill('SIGTERM');
    expect((await ended).code).toBe(143);
  });

  test('a missing table ends it at once; a database that is away is awaited, in words', async () => {
    const every = ['--every', '100ms', '--json'];
    await json(['buffer', 'incr', 'nowhere', '7', '5']);
    expect(await refusal(['buffer', 'flush', 'nowhere', '--to', sqlite.to, ...every])).toMatchObject({
      exit: 5,
      code: 'SQL_NO_TABLE',
    });
    await json(['buffer', 'incr', 'project', '7', '5']);
    await postgres.crash();
    const child = start(['buffer', 'flush', 'project', '--to', postgres.url(), ...every], {
      url: server.url,
    });
    const ended = finished(child);
    await vi.waitFor(
      async () => {
        const failure = JSON.parse((await redis.hget('pending:project:status', 'failure')) ?? '{}');
        expect(failure).toMatchObject({ attempts: 2, retryAtMs: expect.any(Number) });
      },
      { timeout: 15_000 },
    );
    await postgres.start();
    await vi.waitFor(
      async () => expect(await postgres.query('SELECT count FROM project')).toEqual([{ count: '5' }]),
      { timeout: 15_000 },
    );
    await vi.waitFor(async () => expect(await redis.hexists('pending:project:status', 'failure')).toBe(0));
    child.kill('SIGTERM');
    const { code, stderr } = await ended;
    expect(code).toBe(143);
    expect(stderr).toMatch(/Cannot open postgres:\/\/.*Trying a 2nd time in [\d.]+s\n.*Trying a 3rd time/);
  });
});
