import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as breathe, setTimeout as wait } from 'node:timers/promises';
import { messageOf } from '../../../errors.ts';
import { SqlFailedError, SqlSchemaError, SqlUnreachableError, TooManyRefusedError } from '../errors.ts';
import { checkTable, type Table } from './sqlite-schema.ts';
import {
  type Applied,
  asideTable,
  type Batch,
  batchesTable,
  byId,
  type Names,
  type OnStep,
  pagesOf,
  quoted,
  type Refusal,
  type Row,
  sorted,
  type Target,
} from './target.ts';

/**
 * SQLite by node:sqlite. Its calls block the process, so they come a page at a time with the event loop served in
 * between, and a file that another process has locked is waited for here rather than inside SQLite.
 */

const lockedPatienceMs = 5000;
const lockedPauseMs = 50;
/** SQLite's primary result codes. */
const codes = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  corrupt: 11,
  cannotOpen: 14,
  tooBig: 18,
  constraint: 19,
  mismatch: 20,
  notADatabase: 26,
} as const;
/** Those that one row brings about. */
const ofRows: ReadonlyMap<number | undefined, string> = new Map([
  [codes.constraint, 'SQLITE_CONSTRAINT'],
  [codes.mismatch, 'SQLITE_MISMATCH'],
  [codes.tooBig, 'SQLITE_TOOBIG'],
]);

/** @throws {SqlUnreachableError | SqlSchemaError} */
export async function openSqlite(file: string, names: Names): Promise<Target> {
  const label = `SQLite ${path.resolve(file)}`;
  if (!existsSync(file)) {
    throw new SqlUnreachableError(label, 'there is no such file', {
      hint: 'Create the database and its table first',
    });
  }
  let db: DatabaseSync | undefined;
  try {
    // By its whole path: SQLite takes a name that begins with `file:` for a URI, which leads elsewhere.
    db = new DatabaseSync(path.resolve(file), { timeout: lockedPauseMs });
    const opened = db;
    // A commit that was answered must outlive a power cut, or Redis lets go of what SQL then forgets.
    opened.exec('PRAGMA synchronous = FULL');
    const table = await patiently(() => checkTable(opened, names, label));
    const within = (name: string): string =>
      names.schema ? `${quoted(names.schema)}.${quoted(name)}` : quoted(name);
    const about: Opened = {
      names,
      label,
      table,
      batches: within(batchesTable),
      aside: within(asideTable),
    };
    const identity = await patiently(() => prepareOwnTables(opened, about));
    return {
      label,
      to: `sqlite:${path.resolve(file)}`,
      identity,
      definition: createHash('sha1').update(table.definition).digest('hex').slice(0, 12),
      notes: table.notes,
      apply: (batch, onStep) => apply(opened, about, batch, onStep),
      async close() {
        opened.close();
      },
    };
  } catch (error) {
    db?.close();
    throw error instanceof SqlSchemaError ? error : unreachable(label, error);
  }
}

type Opened = {
  readonly names: Names;
  readonly label: string;
  readonly table: Table;
  readonly batches: string;
  readonly aside: string;
};

/** @returns what names the database for good */
function prepareOwnTables(db: DatabaseSync, { batches, aside }: Opened): string {
  db.exec(
    `CREATE TABLE IF NOT EXISTS ${batches}
      (id TEXT PRIMARY KEY, note TEXT NOT NULL, applied_at TEXT NOT NULL DEFAULT (datetime('now')));
    CREATE TABLE IF NOT EXISTS ${aside}
      (batch TEXT NOT NULL, id TEXT NOT NULL, count INTEGER NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL,
        PRIMARY KEY (batch, id))`,
  );
  const find = db.prepare(`SELECT note FROM ${batches} WHERE id = 'target'`);
  if (!find.get()) {
    db.prepare(`INSERT INTO ${batches} (id, note) VALUES ('target', ?) ON CONFLICT DO NOTHING`).run(
      randomUUID(),
    );
  }
  return String(find.get()?.note);
}

async function apply(
  db: DatabaseSync,
  opened: Opened,
  batch: Batch,
  onStep: OnStep | undefined,
): Promise<Applied> {
  /** Refused for good: SQLite gave the whole transaction up over it, or would not commit because of it. */
  const known = new Map<string, Refusal>();
  let isCareful = false;
  try {
    for (;;) {
      const applied = await attempt(db, opened, batch, { isCareful, known }, onStep);
      if (applied) return applied;
      isCareful = true;
    }
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error instanceof SqlFailedError || error instanceof TooManyRefusedError
      ? error
      : failed(opened.label, error);
  }
}

/**
 * One transaction. Undefined: a row was refused; it is done again with a savepoint around each row, for a trigger may
 * leave half of its row behind.
 */
async function attempt(
  db: DatabaseSync,
  opened: Opened,
  batch: Batch,
  { isCareful, known }: { readonly isCareful: boolean; readonly known: Map<string, Refusal> },
  onStep: OnStep | undefined,
): Promise<Applied | undefined> {
  const { batches, aside, table, label } = opened;
  await patiently(() => db.exec('BEGIN IMMEDIATE'));
  onStep?.('begun');
  const { changes } = db
    .prepare(`INSERT INTO ${batches} (id, note) VALUES (?, ?) ON CONFLICT DO NOTHING`)
    .run(batch.id, batch.note);
  if (changes === 0) {
    const refused = recorded(db, aside, batch.id);
    db.exec('ROLLBACK');
    return { isNew: false, refused };
  }
  onStep?.('recorded');
  const { taken, refused: unfit } = sorted(batch.rows, table.keyKind);
  const refused = [...unfit, ...known.values()];
  const write = writer(db, opened, isCareful);
  const start = db.prepare('SAVEPOINT quarterdeck_row');
  const keep = db.prepare('RELEASE quarterdeck_row');
  for (const page of pagesOf(taken)) {
    for (const row of page) {
      if (known.has(row.id)) continue;
      try {
        if (isCareful) start.run();
        const refusal = write(row);
        if (refusal) refused.push(refusal);
        if (isCareful) keep.run();
      } catch (error) {
        const refusal = refusalOf(row, error);
        if (!refusal) throw error;
        // A trigger may end the transaction with everything that was in it.
        if (!db.isTransaction) known.set(row.id, refusal);
        else if (isCareful) db.exec('ROLLBACK TO quarterdeck_row; RELEASE quarterdeck_row');
        if (!db.isTransaction || !isCareful) {
          if (db.isTransaction) db.exec('ROLLBACK');
          return;
        }
        refused.push(refusal);
      }
    }
    onStep?.('page-written');
    await breathe();
  }
  if (refused.length > (batch.mostRefused ?? Number.POSITIVE_INFINITY))
    throw new TooManyRefusedError(label, refused, batch.rows.length);
  const set = db.prepare(
    `INSERT INTO ${aside} (batch, id, count, code, reason) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  for (const { id, count, code, reason } of refused) set.run(batch.id, id, BigInt(count), code, reason);
  for (const [from, column] of [
    [batches, 'id'],
    [aside, 'batch'],
  ] as const) {
    const forget = db.prepare(`DELETE FROM ${from} WHERE ${column} = ?`);
    for (const id of batch.forget) forget.run(id);
  }
  onStep?.('written');
  try {
    await patiently(() => db.exec('COMMIT'));
  } catch (error) {
    // A foreign key that is only looked at now.
    const violating = codeOf(error) === codes.constraint ? violators(db, opened, taken) : [];
    if (violating.length === 0) throw error;
    for (const row of violating)
      known.set(row.id, { ...row, code: 'SQLITE_CONSTRAINT', reason: messageOf(error) });
    db.exec('ROLLBACK');
    return;
  }
  onStep?.('sql-committed');
  return { isNew: true, refused: refused.toSorted(byId) };
}

/**
 * Writes one row, or says why its count cannot be added exactly; throws what SQLite refuses. An INSERT is looked at
 * before it turns into an UPDATE: a constraint may refuse -5 as a new row although 3 are left of the row that is there.
 * So a row that was refused is updated first.
 */
function writer(
  db: DatabaseSync,
  { names, table }: Opened,
  isCareful: boolean,
): (row: Row) => Refusal | undefined {
  const { quotedTable, quotedKey: key, quotedColumn: column } = names;
  const isExact = (old: string): string =>
    `typeof(${old}) IN ('integer', 'null') AND typeof(coalesce(${old}, 0) + ?2) = 'integer'`;
  const update = db.prepare(
    `UPDATE ${quotedTable} SET ${column} = coalesce(${column}, 0) + ?2 WHERE ${key} = ?1 AND ${isExact(column)}`,
  );
  const upsert = table.canInsert
    ? db.prepare(
        `INSERT INTO ${quotedTable} AS row (${key}, ${column}) VALUES (?1, ?2)
          ON CONFLICT (${key}) DO UPDATE SET ${column} = coalesce(row.${column}, 0) + ?2
          WHERE ${isExact(`row.${column}`)}`,
      )
    : undefined;
  const ways = isCareful || !upsert ? [update, ...(upsert ? [upsert] : [])] : [upsert];
  const find = db.prepare(`SELECT typeof(${column}) AS kind FROM ${quotedTable} WHERE ${key} = ?`);
  return (row) => {
    // Numbers are bound as doubles; a big integer keeps large ones exact.
    const id = table.keyKind === 'integer' ? BigInt(row.id) : row.id;
    if (ways.some((way) => way.run(id, BigInt(row.count)).changes > 0)) return;
    const found = find.get(id);
    if (!found) {
      const reason = `\`${names.table}\` has no such row, and its other columns have no defaults`;
      return { ...row, code: 'NO_ROW', reason };
    }
    const kind = String(found.kind);
    const reason =
      kind === 'integer'
        ? `\`${names.column}\` of this row would pass 2^63 - 1`
        : `\`${names.column}\` of this row holds a ${kind}, to which nothing can be added exactly`;
    return { ...row, code: 'COUNT_TYPE', reason };
  };
}

/** Those of the rows that break a foreign key. */
function violators(db: DatabaseSync, { names }: Opened, rows: readonly Row[]): Row[] {
  const schema = quoted(names.schema ?? 'main');
  const isWithoutRowid = db
    .prepare(`PRAGMA ${schema}.table_list(${quoted(names.table)})`)
    .all()
    .some(({ wr }) => wr === 1);
  if (isWithoutRowid) return [];
  const broken = db.prepare(`PRAGMA ${schema}.foreign_key_check(${quoted(names.table)})`).all();
  const find = db.prepare(
    `SELECT CAST(${names.quotedKey} AS TEXT) AS id FROM ${names.quotedTable} WHERE rowid = ?`,
  );
  const ids = new Set(broken.flatMap(({ rowid }) => (rowid == null ? [] : [String(find.get(rowid)?.id)])));
  return rows.filter(({ id }) => ids.has(id) || (/^-?\d+$/.test(id) && ids.has(String(BigInt(id)))));
}

function recorded(db: DatabaseSync, aside: string, batch: string): Refusal[] {
  const rows = db.prepare(`SELECT id, count, code, reason FROM ${aside} WHERE batch = ?`).all(batch);
  return rows
    .map(({ id, count, code, reason }) => ({
      id: String(id),
      count: Number(count),
      code: String(code),
      reason: String(reason),
    }))
    .sort(byId);
}

function refusalOf(row: Row, error: unknown): Refusal | undefined {
  const code = ofRows.get(codeOf(error));
  return code === undefined ? undefined : { ...row, code, reason: messageOf(error) };
}

/** Repeats what finds the file locked, without blocking the process meanwhile. */
async function patiently<Result>(act: () => Result): Promise<Result> {
  const until = performance.now() + lockedPatienceMs;
  for (;;) {
    try {
      return act();
    } catch (error) {
      const code = codeOf(error);
      if ((code !== codes.busy && code !== codes.locked) || performance.now() > until) throw error;
      await wait(lockedPauseMs);
    }
  }
}

function codeOf(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined;
}

function unreachable(label: string, error: unknown): SqlUnreachableError {
  const code = codeOf(error);
  const detail =
    code === codes.busy || code === codes.locked
      ? `another process keeps it locked (waited ${lockedPatienceMs / 1000}s)`
      : code === codes.notADatabase || code === codes.corrupt
        ? 'it is not a readable SQLite database'
        : code === codes.readOnly
          ? 'it may not be written'
          : code === codes.cannotOpen
            ? 'it cannot be opened: look at the permissions of the file and its directory'
            : messageOf(error);
  return new SqlUnreachableError(label, detail, { cause: error });
}

function failed(label: string, error: unknown): SqlFailedError {
  const code = codeOf(error);
  const isLocked = code === codes.busy || code === codes.locked;
  const detail = isLocked
    ? `another process keeps it locked (waited ${lockedPatienceMs / 1000}s)`
    : messageOf(error);
  return new SqlFailedError(label, detail, { cause: error });
}
