import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTarget } from '../../source/features/buffer/sql/open-target.ts';
import type { Applied, Batch, Target } from '../../source/features/buffer/sql/target.ts';
import { type Database, databases } from './databases.ts';

let serial = 0;
const isNew = (applied: Awaited<ReturnType<Target['apply']>>): boolean =>
  typeof applied !== 'string' && applied.isNew;
const refusedIds = (applied: Awaited<ReturnType<Target['apply']>>): string[] =>
  typeof applied === 'string' ? [] : applied.refused.map(({ id }) => id);

function batch(counts: Record<string, number>, more: Partial<Batch> = {}): Batch {
  serial += 1;
  const rows = Object.entries(counts).map(([id, count]) => ({ id, count }));
  return { id: `batch-${serial}`, note: 'test', rows, forget: [], ...more };
}

/** What every database must do to take part in a flush that is exactly once in effect. */
describe.each(Object.entries(databases))('%s', (kind, make) => {
  let database: Database;
  const opened: Target[] = [];

  beforeAll(async () => {
    database = await make();
  });
  afterAll(async () => {
    await Promise.all(opened.map((target) => target.close()));
    await database.close();
  });

  async function open(table: string, more: { key?: string; column?: string } = {}): Promise<Target> {
    const target = await openTarget({ to: database.to, table, ...more });
    opened.push(target);
    return target;
  }
  async function fresh(table: string, id = 'text', count = 'bigint NOT NULL DEFAULT 0'): Promise<Target> {
    await database.run(`CREATE TABLE ${table} (id ${id} PRIMARY KEY, count ${count})`);
    return open(table);
  }

  test('adds to rows that exist and makes those that do not', async () => {
    const target = await fresh('plain');
    await database.run(`INSERT INTO plain VALUES ('a', 10)`);
    expect(await target.apply(batch({ a: 1, b: 2 }))).toEqual({ isNew: true, refused: [] });
    expect(await target.apply(batch({ b: 40 }))).toMatchObject({ isNew: true });
    expect(await database.counts('plain')).toEqual({ a: 11, b: 42 });
  });

  test('applies a batch id once, by whichever connection, also at the same moment', async () => {
    const one = await fresh('once');
    const other = await open('once');
    const same = batch({ a: 1 });
    const applied = await Promise.all([one.apply(same), other.apply(same)]);
    expect(applied.filter(isNew)).toHaveLength(1);
    expect(isNew(await other.apply(same))).toBe(false);
    expect(await database.counts('once')).toEqual({ a: 1 });
  });

  test('batches at the same moment over one connection do not mingle', async () => {
    const target = await fresh('single', 'text', 'integer NOT NULL CHECK (count < 100)');
    const outcomes = await Promise.all([
      target.apply(batch({ a: 1 })),
      target.apply(batch({ a: 10, z: 1000 })),
      target.apply(batch({ a: 20 })),
    ]);
    expect(outcomes.map(refusedIds)).toEqual([[], ['z'], []]);
    expect(await database.counts('single')).toEqual({ a: 31 });
  });

  test('refuses single rows and applies the others; whoever comes later learns which', async () => {
    const target = await fresh('whole', 'text', 'integer NOT NULL CHECK (count < 100)');
    const big = batch({ a: 1, y: 5000, z: 1000 });
    const first = await target.apply(big);
    expect(first).toMatchObject({
      isNew: true,
      refused: [
        { id: 'y', count: 5000, code: expect.stringMatching(/^(SQLITE_CONSTRAINT|23514)$/) },
        { id: 'z', count: 1000, reason: expect.stringMatching(/constraint/i) },
      ],
    });
    expect(await database.counts('whole')).toEqual({ a: 1 });
    const other = await open('whole');
    expect(await other.apply(big)).toEqual({ ...(first as Applied), isNew: false });
    expect(await database.counts('whole')).toEqual({ a: 1 });
    await target.apply(batch({}, { forget: [big.id] }));
    expect(await database.run(`SELECT id FROM quarterdeck_aside WHERE batch = '${big.id}'`)).toEqual([]);
  });

  test('when too many are refused it is the table: nothing is applied, and some are named', async () => {
    const target = await fresh('most', 'text', 'integer NOT NULL CHECK (count < 100)');
    const many = batch({ a: 1, b: 1000, c: 1000, d: 1000, e: 1000 }, { mostRefused: 3 });
    await expect(target.apply(many)).rejects.toMatchObject({
      code: 'SQL_REFUSED',
      kind: 'program',
      message: expect.stringMatching(/refuses 4 of 5 ids, such as `b` \(.*`c`.*`d`/s),
    });
    expect(await database.counts('most')).toEqual({});
    expect(refusedIds(await target.apply({ ...many, mostRefused: 4 }))).toEqual(['b', 'c', 'd', 'e']);
    expect(await database.counts('most')).toEqual({ a: 1 });
  });

  test('counts large numbers exactly, and adds to NULL as to 0', async () => {
    const target = await fresh('large', 'text', 'bigint');
    await database.run(`INSERT INTO large VALUES ('a', 9007199254740993), ('b', NULL)`);
    await target.apply(batch({ a: 9007199254740991, b: 9007199254740991 }));
    const rows = await database.run('SELECT id, CAST(count AS text) AS n FROM large ORDER BY id');
    expect(rows.map((row) => row.n)).toEqual(['18014398509481984', '9007199254740991']);
  });

  test('takes whole-number keys; two spellings of one key are one row', async () => {
    const target = await fresh('numbers', 'integer');
    await target.apply(batch({ 7: 1, '07': 10, 8: 100 }));
    expect(await database.counts('numbers')).toEqual({ 7: 11, 8: 100 });
    const odd = ['undefined', '1e3', '7.0', '+7', ' 7', '7 ', '0x7', '1_000', '', '9223372036854775808'];
    const found = await target.apply(batch(Object.fromEntries([...odd, '-7'].map((id) => [id, 1]))));
    expect(refusedIds(found)).toEqual(odd.toSorted());
    expect(await database.counts('numbers')).toEqual({ 7: 11, 8: 100, '-7': 1 });
  });

  test('updates rows of a table that wants more than key and count, and names a row that is not there', async () => {
    await database.run(
      'CREATE TABLE project (id integer PRIMARY KEY, title text NOT NULL, count bigint NOT NULL DEFAULT 0)',
    );
    await database.run(`INSERT INTO project (id, title) VALUES (1, 'one'), (2, 'two')`);
    const target = await open('project');
    await target.apply(batch({ 1: 5, 2: 6 }));
    expect(await database.counts('project')).toEqual({ 1: 5, 2: 6 });
    expect(await target.apply(batch({ 1: 5, 3: 6 }))).toMatchObject({
      refused: [
        {
          id: '3',
          code: 'NO_ROW',
          reason: '`project` has no such row, and its other columns have no defaults',
        },
      ],
    });
    expect(await database.counts('project')).toEqual({ 1: 10, 2: 6 });
  });

  test('quotes words of SQL and odd but plain names', async () => {
    await database.run('CREATE TABLE "select" ("from" text UNIQUE, "Group" bigint)');
    const target = await open('select', { key: 'from', column: 'Group' });
    await target.apply(batch({ "'; DROP TABLE x; --": 3, 'a"b\\': 4 }));
    const rows = await database.run('SELECT "from" AS k, "Group" AS n FROM "select" ORDER BY "Group"');
    expect(rows.map((row) => [row.k, Number(row.n)])).toEqual([
      ["'; DROP TABLE x; --", 3],
      ['a"b\\', 4],
    ]);
  });

  test('refuses names that are not plain before opening anything', async () => {
    for (const table of [
      'a b',
      'a;b',
      '"a"',
      'a.b.c',
      '',
      '1a',
      'x'.repeat(64),
      'quarterdeck_aside',
      'quarterdeck_batches',
    ]) {
      await expect(openTarget({ to: database.to, table })).rejects.toMatchObject({ code: 'BAD_TARGET' });
    }
    await expect(openTarget({ to: database.to, table: 'a', key: "id'" })).rejects.toMatchObject({
      kind: 'usage',
    });
    await expect(openTarget({ to: database.to, table: 'a', column: 'id' })).rejects.toMatchObject({
      kind: 'usage',
    });
  });

  test('says what the schema lacks, without having changed it', async () => {
    await database.run('CREATE TABLE lacking (id text, label text, n bigint)');
    const refusal = async (table: string, more: { key?: string; column?: string }) =>
      openTarget({ to: database.to, table, ...more }).catch((error: unknown) => error);
    expect(await refusal('nowhere', {})).toMatchObject({ code: 'SQL_NO_TABLE', kind: 'program' });
    expect(await refusal('lacking', {})).toMatchObject({ code: 'SQL_NO_COLUMN', kind: 'program' });
    expect(await refusal('lacking', { column: 'n' })).toMatchObject({ code: 'SQL_NO_KEY', kind: 'program' });
    await database.run('CREATE UNIQUE INDEX lacking_id ON lacking (id)');
    expect(await refusal('lacking', { column: 'label' })).toMatchObject({ code: 'SQL_COLUMN_TYPE' });
    expect(await refusal('lacking', { column: 'n', key: 'nope' })).toMatchObject({ code: 'SQL_NO_COLUMN' });
    await (await open('lacking', { column: 'n' })).apply(batch({ a: 1 }));
  });

  test('a partial unique index or one over two columns does not make a key', async () => {
    await database.run('CREATE TABLE pairs (id text, day text, count bigint, UNIQUE (id, day))');
    await database.run('CREATE UNIQUE INDEX pairs_some ON pairs (id) WHERE day IS NULL');
    await expect(openTarget({ to: database.to, table: 'pairs' })).rejects.toMatchObject({
      code: 'SQL_NO_KEY',
    });
  });

  test('keeps one identity for good and forgets the batches it is asked to', async () => {
    const first = await fresh('memory');
    const second = await open('memory');
    expect(second.identity).toBe(first.identity);
    const old = batch({ a: 1 });
    await first.apply(old);
    await first.apply(batch({ a: 1 }, { forget: [old.id] }));
    expect(await database.run(`SELECT id FROM quarterdeck_batches WHERE id = '${old.id}'`)).toEqual([]);
  });

  test('many pages in one transaction', async () => {
    const target = await fresh('pages');
    const counts = Object.fromEntries(Array.from({ length: 3500 }, (_, id) => [`id${id}`, id + 1]));
    expect(isNew(await target.apply(batch(counts)))).toBe(true);
    expect(await database.counts('pages')).toEqual(counts);
  });

  test('meeting batches over the same rows do not deadlock', async () => {
    await fresh('meeting');
    const counts = Object.fromEntries(Array.from({ length: 1500 }, (_, id) => [`${id}`, 1]));
    const sorted = Object.entries(counts).sort(([one], [other]) => (one < other ? -1 : 1));
    const rows = sorted.map(([id, count]) => ({ id, count }));
    const targets = await Promise.all([1, 2, 3, 4].map(() => open('meeting')));
    await Promise.all(targets.map((target) => target.apply(batch({}, { rows }))));
    const after = await database.counts('meeting');
    expect(new Set(Object.values(after))).toEqual(new Set([4]));
  });

  // What only a server with types, schemas and users can do.
  if (kind !== 'postgres') return;

  test('ids are not cut to the length of the column', async () => {
    const target = await fresh('short', 'varchar(3)');
    expect(await target.apply(batch({ abcd: 1 }))).toMatchObject({
      refused: [{ id: 'abcd', code: '22001' }],
    });
    await database.run('CREATE TABLE fixed (id char(8) PRIMARY KEY, count bigint)');
    const fixed = await open('fixed');
    expect(fixed.notes).toEqual(['Ids that differ by spaces at their end are one row in `fixed`']);
    await fixed.apply(batch({ abcd: 1, abcde: 2 }));
    expect(Object.values(await database.counts('fixed'))).toEqual([1, 2]);
  });

  test('writes to a table in another schema, and to uuid keys', async () => {
    await database.run('CREATE SCHEMA stats');
    await database.run('CREATE TABLE stats.views (id uuid PRIMARY KEY, count numeric NOT NULL)');
    const target = await open('stats.views');
    await target.apply(batch({ 'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11': 3 }));
    expect(await database.counts('stats.views')).toEqual({ 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11': 3 });
  });

  test('a user with no more rights than it takes', async () => {
    const owner = await fresh('modest');
    await database.run("CREATE ROLE modest LOGIN PASSWORD 'x'");
    const to = database.to.replace('postgres@', 'modest:x@');
    const denied = openTarget({ to, table: 'modest' });
    await expect(denied).rejects.toMatchObject({
      code: 'SQL_UNREACHABLE',
      hint: expect.stringContaining('SELECT'),
    });
    await database.run('GRANT SELECT, INSERT, UPDATE ON modest, quarterdeck_batches TO modest');
    const target = await openTarget({ to, table: 'modest' });
    const old = batch({ a: 1 });
    await target.apply(old);
    await target.apply(batch({ a: 1 }, { forget: [old.id] }));
    expect(isNew(await target.apply(old))).toBe(false);
    expect(isNew(await owner.apply(batch({ a: 1 })))).toBe(true);
    expect(await database.counts('modest')).toEqual({ a: 3 });
    await target.close();
  });
});
