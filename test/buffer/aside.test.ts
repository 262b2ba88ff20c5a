import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { increment } from '../../source/features/buffer/buffer.ts';
import { doctor } from '../../source/features/buffer/doctor.ts';
import { type Aside, asidePages, dropAside, retryAside } from '../../source/features/buffer/flush/aside.ts';
import { type Flushed, flush, hasWork } from '../../source/features/buffer/flush/flush.ts';
import { pendingOf } from '../../source/features/buffer/pending.ts';
import { openTarget } from '../../source/features/buffer/sql/open-target.ts';
import type { FlushStep } from '../../source/features/buffer/sql/target.ts';
import { runHere } from '../helpers/batch.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { type Database, databases } from './databases.ts';

/** Ids that SQL refuses: set aside with the reason, out of the way of the others, and never lost. */

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());

async function asideOf(type: string, client: Redis = redis): Promise<Aside[]> {
  const all: Aside[] = [];
  for await (const page of asidePages(client, type)) all.push(...page);
  return all.sort((one, other) => (one.id < other.id ? -1 : 1));
}
const idsAside = async (type: string): Promise<string[]> => (await asideOf(type)).map(({ id }) => id);

describe.each(['sqlite', 'postgres'] as const)('%s', (kind) => {
  let database: Database;
  beforeAll(async () => {
    database = await databases[kind]();
  });
  afterAll(() => database.close());

  /** A flush as a process of its own does it: the database is opened for it. */
  async function flushed(type: string, onStep?: (step: FlushStep) => void): Promise<Flushed> {
    const target = await openTarget({ to: database.to, table: type });
    try {
      return await flush(redis, type, target, onStep ? { onStep } : {});
    } finally {
      await target.close();
    }
  }
  const checked = (type: string): Promise<unknown> =>
    database.run(`CREATE TABLE ${type} (id text PRIMARY KEY, count integer NOT NULL CHECK (count < 100))`);

  test('one bad id of a thousand: the others are written, it is named, and what is counted for it joins it', async () => {
    await checked('one');
    const counts = Array.from({ length: 999 }, (_, index) => [`good${index}`, 1] as const);
    await increment(redis, 'one', [...counts, ['bad', 100]]);
    const first = await flushed('one');
    expect(first).toMatchObject({ rows: 999, total: 999, refused: [{ id: 'bad', count: 100 }] });
    expect(Object.keys(await database.counts('one'))).toHaveLength(999);
    expect(await asideOf('one')).toEqual([
      {
        type: 'one',
        id: 'bad',
        count: 100,
        code: expect.stringMatching(/^(SQLITE_CONSTRAINT|23514)$/),
        reason: expect.stringMatching(/check/i),
        sinceMs: expect.any(Number),
        tries: 1,
        nextRetryMs: expect.any(Number),
      },
    ]);
    expect(await hasWork(redis, 'one')).toBe('aside');
    await increment(redis, 'one', [
      ['bad', 7],
      ['good0', 1],
    ]);
    expect(await flushed('one')).toMatchObject({ rows: 1, refused: [] });
    expect(await asideOf('one')).toMatchObject([{ id: 'bad', count: 107, tries: 1 }]);
    expect(await pendingOf(redis, 'one')).toMatchObject({ ids: 0, aside: { ids: 1, total: 107 } });
    expect(await doctor.examine(redis, ['pending:one:aside'])).toMatchObject([
      {
        code: 'SET_ASIDE',
        message: expect.stringContaining('Set aside: 1 id of one (+107), such as `bad`'),
      },
    ]);
  });

  test('asked for again it is tried with the next flush, and later each time it fails', async () => {
    await checked('again');
    await increment(redis, 'again', [['bad', 100]]);
    await flushed('again');
    const [first] = await asideOf('again');
    expect(await retryAside(redis, 'again', ['bad', 'unknown'])).toEqual({
      retried: 1,
      unknown: ['unknown'],
    });
    expect(await hasWork(redis, 'again')).toBe(true);
    expect(await flushed('again')).toMatchObject({ rows: 0, refused: [{ id: 'bad' }] });
    const [second] = await asideOf('again');
    expect(second).toMatchObject({ count: 100, tries: 2, sinceMs: first?.sinceMs });
    const hour = 3_600_000;
    const pauses = [first, second].map((each) => Number(each?.nextRetryMs) - Number(first?.sinceMs));
    expect(pauses[0]).toBe(hour);
    expect(pauses[1]).toBeGreaterThanOrEqual(2 * hour);

    await database.run(`INSERT INTO again (id, count) VALUES ('bad', -50)`);
    expect(await retryAside(redis, 'again', 'all')).toEqual({ retried: 1, unknown: [] });
    expect(await flushed('again')).toMatchObject({ rows: 1, total: 100, refused: [] });
    expect(await database.counts('again')).toEqual({ bad: 50 });
    expect(await redis.keys('pending:again:aside*')).toEqual(['pending:again:aside:why']);
    expect(await redis.hkeys('pending:again:aside:why')).toEqual(['']);
  });

  test('once the table is defined otherwise, all of it is tried again by itself', async () => {
    await database.run('CREATE TABLE mended (id text PRIMARY KEY, count integer NOT NULL)');
    await database.run(
      kind === 'sqlite'
        ? `CREATE TRIGGER guard BEFORE INSERT ON mended WHEN NEW.id = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END`
        : `ALTER TABLE mended ADD CONSTRAINT guard CHECK (id <> 'bad')`,
    );
    await increment(redis, 'mended', [
      ['bad', 3],
      ['good', 4],
    ]);
    await flushed('mended');
    expect(await idsAside('mended')).toEqual(['bad']);
    expect(await flushed('mended')).toMatchObject({ batch: undefined });
    await database.run(kind === 'sqlite' ? 'DROP TRIGGER guard' : 'ALTER TABLE mended DROP CONSTRAINT guard');
    expect(await flushed('mended')).toMatchObject({ rows: 1, total: 3 });
    expect(await database.counts('mended')).toEqual({ bad: 3, good: 4 });
    expect(await idsAside('mended')).toEqual([]);
  });

  test('dropped, it is forgotten, and what amounted to is answered', async () => {
    await checked('gone');
    await increment(redis, 'gone', [
      ['bad', 100],
      ['worse', 200],
    ]);
    await flushed('gone');
    expect(await dropAside(redis, 'gone', ['bad', 'nobody'])).toEqual({
      dropped: [{ id: 'bad', count: 100 }],
      unknown: ['nobody'],
    });
    expect(await idsAside('gone')).toEqual(['worse']);
    expect(await redis.zrange('pending:gone:aside:due', '0', '-1')).toEqual(['worse']);
    await increment(redis, 'gone', [['bad', 5]]);
    await flushed('gone');
    expect(await database.counts('gone')).toEqual({ bad: 5 });
  });

  test('a table that refuses much of a batch is at fault itself: nothing is set aside, and all stays in flight', async () => {
    await checked('most');
    const counts = Array.from({ length: 150 }, (_, index) => [`bad${index}`, 100] as const);
    await increment(redis, 'most', [...counts, ['good', 1]]);
    await expect(flushed('most')).rejects.toMatchObject({ code: 'SQL_REFUSED' });
    expect(await idsAside('most')).toEqual([]);
    expect(await redis.zcard('pending:most:inflight')).toBe(151);
    expect(await database.counts('most')).toEqual({});
  });

  const steps: readonly FlushStep[] = [
    'claimed',
    'begun',
    'recorded',
    'written',
    'sql-committed',
    'committed',
  ];
  test.each(steps)('a flush that dies at "%s" loses nothing, whatever it refused', async (step) => {
    const type = `dies_${step.replace('-', '_')}`;
    await checked(type);
    await increment(redis, type, [
      ['bad', 100],
      ['good', 4],
    ]);
    const dying = flushed(type, (reached) => {
      if (reached === step) throw new Error('died');
    });
    await expect(dying).rejects.toThrow();
    await increment(redis, type, [['bad', 11]]);
    await flushed(type);
    expect(await database.counts(type)).toEqual({ good: 4 });
    expect(await asideOf(type)).toMatchObject([{ id: 'bad', count: 111 }]);
    expect(await redis.exists(`pending:${type}`, `pending:${type}:inflight`, `pending:${type}:batch`)).toBe(
      0,
    );
  });

  test('two flushers of one batch set the same ids aside', async () => {
    await checked('two');
    for (let round = 0; round < 10; round += 1) {
      await increment(redis, 'two', [
        ['bad', 100],
        [`good${round}`, 1],
      ]);
      await Promise.all([flushed('two'), flushed('two')]);
    }
    expect(await asideOf('two')).toMatchObject([{ id: 'bad', count: 1000 }]);
    expect(Object.values(await database.counts('two'))).toEqual(Array.from({ length: 10 }, () => 1));
  });

  test.each(poisons[kind])('refused by %s', async (name, tables) => {
    const type = name.replaceAll(/\W/g, '_');
    for (const sql of tables.replaceAll(/\bT(?=\b|_)/g, type).split(';;')) await database.run(sql);
    const before = await database.counts(type);
    const good = Array.from({ length: 120 }, (_, index) => [String(1000 + index), 1] as const);
    await increment(redis, type, [...good, ['66', 6], ['67', 7]]);
    const done = await flushed(type);
    expect(done.refused.map(({ id, reason }) => [id, reason !== ''])).toEqual([
      ['66', true],
      ['67', true],
    ]);
    const counts = await database.counts(type);
    const isGrown = ([id, count]: readonly [string, number]) => count === (before[id] ?? 0) + 1;
    expect(Object.entries(counts).filter(isGrown)).toHaveLength(120);
    expect([counts['66'], counts['67']]).toEqual([before['66'], before['67']]);
    expect(await asideOf(type)).toMatchObject([
      { id: '66', count: 6 },
      { id: '67', count: 7 },
    ]);
  });
});

/** `T` is the table; ids 66 and 67 are those that do not go in. Statements end with `;;`. */
const poisons: Readonly<Record<'sqlite' | 'postgres', readonly (readonly [string, string])[]>> = {
  sqlite: [
    ['a check', 'CREATE TABLE T (id text PRIMARY KEY, count integer CHECK (id NOT IN (66, 67)))'],
    [
      'a foreign key',
      `CREATE TABLE T_parents (id text PRIMARY KEY);;
       WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1200) INSERT INTO T_parents SELECT i FROM n;;
       CREATE TABLE T (id text PRIMARY KEY REFERENCES T_parents (id), count integer)`,
    ],
    [
      'a foreign key that is looked at last',
      `CREATE TABLE T_parents (id integer PRIMARY KEY);;
       WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1200) INSERT INTO T_parents SELECT i FROM n;;
       CREATE TABLE T (id integer PRIMARY KEY REFERENCES T_parents (id) DEFERRABLE INITIALLY DEFERRED, count integer)`,
    ],
    ...(['ABORT', 'FAIL', 'ROLLBACK'] as const).map((how): readonly [string, string] => [
      `a trigger that ends in ${how}`,
      `CREATE TABLE T (id text PRIMARY KEY, count integer);;
         CREATE TRIGGER T_guard AFTER INSERT ON T WHEN NEW.id IN ('66', '67') BEGIN SELECT RAISE(${how}, 'no such thing'); END`,
    ]),
    [
      'a column that is not null',
      `CREATE TABLE T (id text PRIMARY KEY, title text NOT NULL, count integer);;
       WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1200) INSERT INTO T SELECT i, 't', 0 FROM n`,
    ],
  ],
  postgres: [
    ['a check', "CREATE TABLE T (id text PRIMARY KEY, count integer CHECK (id NOT IN ('66', '67')))"],
    [
      'a range',
      `CREATE TABLE T (id smallint PRIMARY KEY, count smallint);;
       INSERT INTO T VALUES (66, -32768), (67, 32767);; UPDATE T SET count = 32767`,
    ],
    [
      'a length',
      'CREATE DOMAIN T_four AS text CHECK (length(VALUE) = 4);; CREATE TABLE T (id T_four PRIMARY KEY, count bigint)',
    ],
    [
      'a foreign key',
      `CREATE TABLE T_parents (id bigint PRIMARY KEY);; INSERT INTO T_parents SELECT generate_series(1000, 1200);;
       CREATE TABLE T (id bigint PRIMARY KEY REFERENCES T_parents, count bigint)`,
    ],
    [
      'a foreign key that is looked at last',
      `CREATE TABLE T_parents (id bigint PRIMARY KEY);; INSERT INTO T_parents SELECT generate_series(1000, 1200);;
       CREATE TABLE T (id bigint PRIMARY KEY REFERENCES T_parents DEFERRABLE INITIALLY DEFERRED, count bigint)`,
    ],
    [
      'a missing partition',
      `CREATE TABLE T (id bigint PRIMARY KEY, count bigint) PARTITION BY RANGE (id);;
       CREATE TABLE T_part PARTITION OF T FOR VALUES FROM (1000) TO (2000)`,
    ],
    [
      'a trigger',
      `CREATE TABLE T (id bigint PRIMARY KEY, count bigint);;
       CREATE FUNCTION T_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF NEW.id IN (66, 67) THEN RAISE EXCEPTION 'no such thing'; END IF; RETURN NEW; END $$;;
       CREATE TRIGGER T_guard AFTER INSERT ON T FOR EACH ROW EXECUTE FUNCTION T_guard()`,
    ],
    [
      'a row that is missing',
      `CREATE TABLE T (id bigint PRIMARY KEY, title text NOT NULL, count bigint);;
       INSERT INTO T SELECT generate_series(1000, 1200), 't', 0`,
    ],
  ],
};

test('in SQLite a count that cannot be added to is left as it is', async () => {
  const database = await databases.sqlite();
  try {
    await database.run('CREATE TABLE odd (id text PRIMARY KEY, count)');
    await database.run(
      `INSERT INTO odd VALUES ('text', 'abc'), ('real', 1.5), ('null', NULL), ('most', 9223372036854775807), ('least', -9223372036854775808)`,
    );
    const ids = ['text', 'real', 'null', 'most', 'least', 'new'];
    await increment(
      redis,
      'odd',
      ids.map((id) => [id, 2]),
    );
    const target = await openTarget({ to: database.to, table: 'odd' });
    const { refused } = await flush(redis, 'odd', target);
    await target.close();
    expect(refused.map(({ id, code, reason }) => [id, code, reason])).toEqual([
      ['most', 'COUNT_TYPE', '`count` of this row would pass 2^63 - 1'],
      ['real', 'COUNT_TYPE', '`count` of this row holds a real, to which nothing can be added exactly'],
      ['text', 'COUNT_TYPE', '`count` of this row holds a text, to which nothing can be added exactly'],
    ]);
    const rows = await database.run(
      'SELECT id, CAST(count AS text) AS n, typeof(count) AS t FROM odd ORDER BY id',
    );
    expect(rows.map(({ id, n, t }) => [id, n, t])).toEqual([
      ['least', '-9223372036854775806', 'integer'],
      ['most', '9223372036854775807', 'integer'],
      ['new', '2', 'integer'],
      ['null', '2', 'integer'],
      ['real', '1.5', 'real'],
      ['text', 'abc', 'text'],
    ]);
  } finally {
    await database.close();
  }
});

test('an id of 2 MiB is not read but set aside, whoever dies when, and the others are written', async () => {
  const database = await databases.sqlite();
  try {
    await database.run('CREATE TABLE long (id text PRIMARY KEY, count integer)');
    const target = await openTarget({ to: database.to, table: 'long' });
    const put = "redis.call('ZADD', KEYS[1], ARGV[1], string.rep(ARGV[2], ARGV[3]))";
    for (const [count, letter, bytes] of [
      ['7', 'x', 2 * 1024 ** 2],
      ['2.5', 'y', 65_537],
      ['3', 'z', 65_536],
    ] as const)
      await redis.eval(put, 1, 'pending:long', count, letter, bytes);
    await redis.zadd('pending:long', 1, 'good', 9, 'other');
    const sent = async () =>
      Number(/total_net_output_bytes:(\d+)/.exec(await redis.info('stats'))?.[1] ?? 'none');
    const before = await sent();
    const dying = flush(redis, 'long', target, {
      onStep(step) {
        if (step === 'sql-committed') throw new Error('died');
      },
    });
    await expect(dying).rejects.toThrow('died');
    const flushed = await flush(redis, 'long', target);
    expect(flushed.refused).toMatchObject([
      {
        id: expect.stringMatching(/^x+… \(2.0M, cut\)$/),
        count: 7,
        code: 'ID_LENGTH',
        reason: 'an id of 2.0M is not read: those of up to 64K are',
      },
    ]);
    expect(flushed.leftPending).toBe(1);
    expect(await database.counts('long')).toEqual({ good: 1, other: 9, ['z'.repeat(65_536)]: 3 });
    expect(await asideOf('long')).toMatchObject([{ count: 7, code: 'ID_LENGTH', nextRetryMs: undefined }]);
    expect(await pendingOf(redis, 'long')).toMatchObject({ ids: 1, total: 2.5, inflight: { ids: 0 } });
    expect(await retryAside(redis, 'long', 'all')).toEqual({ retried: 1, unknown: [] });
    expect(await flush(redis, 'long', target)).toMatchObject({ rows: 0, refused: [{ count: 7 }] });
    await redis.eval(put, 1, 'pending:long', 1, 'x', 2 * 1024 ** 2);
    await flush(redis, 'long', target);
    expect(await asideOf('long')).toMatchObject([{ count: 8, code: 'ID_LENGTH' }]);
    expect((await sent()) - before).toBeLessThan(300_000);
    await target.close();
    expect(await doctor.examine(redis, ['pending:long:aside'])).toContainEqual(
      expect.objectContaining({
        code: 'SET_ASIDE',
        message: expect.stringContaining(': an id of 2.0M is not read'),
        fix: expect.stringContaining('quarterdeck buffer drop long --too-long'),
      }),
    );
    await redis.zadd('pending:long:aside', 4, 'short', 1, 'other');
    const drop = (...how: string[]) => runHere(['buffer', 'drop', 'long', ...how], { url: server.url });
    expect(await drop('--too-long')).toMatchObject({ code: 2 });
    expect(await redis.zcard('pending:long:aside')).toBe(3);
    expect(await drop('--too-long', '--yes')).toMatchObject({ code: 0, stdout: 'long: forgot +8 of 1 id\n' });
    const { stdout } = await drop('--all', '--yes', '--json');
    expect(JSON.parse(stdout)).toEqual({
      type: 'long',
      dropped: expect.toSatisfy((rows: object[]) => rows.length === 2),
      unknown: [],
    });
    expect(await asideOf('long')).toEqual([]);
  } finally {
    await database.close();
  }
});

test('PostgreSQL without the right to make the table for it: the id is named, and everything stays in flight', async () => {
  const database = await databases.postgres();
  try {
    await database.run('CREATE TABLE strict (id text PRIMARY KEY, count integer CHECK (count < 100))');
    await database.run("CREATE ROLE modest LOGIN PASSWORD 'x'");
    const owner = await openTarget({ to: database.to, table: 'strict' });
    await owner.close();
    await database.run('GRANT SELECT, INSERT, UPDATE ON strict, quarterdeck_batches TO modest');
    const target = await openTarget({ to: database.to.replace('postgres@', 'modest:x@'), table: 'strict' });
    await increment(redis, 'strict', [
      ['bad', 100],
      ['good', 1],
    ]);
    await expect(flush(redis, 'strict', target)).rejects.toMatchObject({
      code: 'SQL_FAILED',
      message: expect.stringContaining('quarterdeck_aside cannot be made'),
      hint: expect.stringContaining('CREATE TABLE IF NOT EXISTS'),
    });
    await target.close();
    expect(await redis.zcard('pending:strict:inflight')).toBe(2);
    expect(await database.counts('strict')).toEqual({});
  } finally {
    await database.close();
  }
});

test('a user who lacks a right of a script has changed nothing, and hears which', async () => {
  const database = await databases.sqlite();
  try {
    await database.run('CREATE TABLE acl (id text PRIMARY KEY, count integer CHECK (count < 100))');
    const target = await openTarget({ to: database.to, table: 'acl' });
    const commands = [
      'rename',
      'hset',
      'set',
      'zincrby',
      'zrem',
      'zadd',
      'zscore',
      'zrange',
      'unlink',
      'hdel',
      'hget',
      'zcard',
      'zcount',
      'zrangebyscore',
      'type',
      'exists',
      'get',
    ];
    for (const command of commands) {
      await redis.flushall();
      await redis.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>pw', '~*', '&*', '+@all', `-${command}`);
      const client = server.client({ username: 'app', password: 'pw' });
      await redis.zadd('pending:acl', 100, 'bad', 3, 'good', 2.5, 'half');
      await redis.zadd('pending:acl:aside', 5, 'old');
      const outcome = await flush(client, 'acl', target).catch((error: unknown) => error);
      const everything = async () => {
        const sql = await database.counts('acl');
        const sums: Record<string, number> = { ...sql };
        for (const key of ['pending:acl', 'pending:acl:inflight', 'pending:acl:aside']) {
          if (key.endsWith('inflight') && Object.keys(sql).length > 0) continue;
          const flat = await redis.zrange(key, '0', '-1', 'WITHSCORES');
          for (let index = 0; index < flat.length; index += 2)
            sums[flat[index] ?? ''] = (sums[flat[index] ?? ''] ?? 0) + Number(flat[index + 1]);
        }
        return sums;
      };
      // Where a command is only used behind the commit, the batch is in flight and SQL has it: the next flush finishes it.
      if (outcome instanceof Error) expect(String(outcome), command).toMatch(new RegExp(command, 'i'));
      await redis.call('ACL', 'SETUSER', 'app', '+@all');
      const again = await openTarget({ to: database.to, table: 'acl' });
      await flush(redis, 'acl', again);
      await again.close();
      expect(await everything(), command).toEqual({ bad: 100, good: 3, half: 2.5, old: 5 });
      await database.run('DELETE FROM acl');
      client.disconnect();
    }
    await target.close();
  } finally {
    await database.close();
  }
});
