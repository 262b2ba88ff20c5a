import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as breathe, setTimeout as wait } from 'node:timers/promises';
import { messageOf } from '../../errors.ts';
import { SqlFailedError, SqlSchemaError, SqlUnreachableError } from './errors.ts';
import { type Batch, batchesTable, type Names, type OnStep, pagesOf, quoted, type Target } from './target.ts';

/**
 * SQLite by node:sqlite. Its calls block the process, so they come a page at a time with the event loop served in
 * between, and a file that another process has locked is waited for here rather than inside SQLite.
 */

const lockedPatienceMs = 5000;
const lockedPauseMs = 50;
/** SQLite's primary result codes. */
const codes = { busy: 5, locked: 6, readOnly: 8, corrupt: 11, cannotOpen: 14, notADatabase: 26 } as const;

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
    db = new DatabaseSync(file, { timeout: lockedPauseMs });
    const opened = db;
    // A commit that was answered must outlive a power cut, or Redis lets go of what SQL then forgets.
    opened.exec('PRAGMA synchronous = FULL');
    const canInsert = await patiently(() => checkTable(opened, names, label));
    const batches = names.schema ? `${quoted(names.schema)}.${quoted(batchesTable)}` : quoted(batchesTable);
    const identity = await patiently(() => identityOf(opened, batches));
    return {
      label,
      to: `sqlite:${path.resolve(file)}`,
      identity,
      apply: (batch, onStep) => apply(opened, { names, label, batches, canInsert }, batch, onStep),
      async close() {
        opened.close();
      },
    };
  } catch (error) {
    db?.close();
    throw error instanceof SqlSchemaError ? error : unreachable(label, error);
  }
}

/** Whether a row of only key and count may be inserted; else rows can only be updated. */
function checkTable(db: DatabaseSync, names: Names, label: string): boolean {
  const schema = quoted(names.schema ?? 'main');
  const columns = db.prepare(`PRAGMA ${schema}.table_xinfo(${quoted(names.table)})`).all();
  const known = columns.map((column) => String(column.name).toLowerCase());
  if (columns.length === 0) {
    throw new SqlSchemaError(
      'SQL_NO_TABLE',
      `${label} has no table \`${names.table}\``,
      `Create it, such as CREATE TABLE ${names.table} (${names.key} TEXT PRIMARY KEY, ${names.column} INTEGER NOT NULL DEFAULT 0), or name another with --table`,
    );
  }
  for (const name of [names.key, names.column]) {
    if (known.includes(name.toLowerCase())) continue;
    throw new SqlSchemaError(
      'SQL_NO_COLUMN',
      `Table \`${names.table}\` in ${label} has no column \`${name}\``,
      `It has ${columns.map((column) => column.name).join(', ')}; choose with --key and --column`,
    );
  }
  const kind = String(columns.find(({ name }) => isAmong([names.column], String(name)))?.type);
  if (/CHAR|CLOB|TEXT|BLOB/i.test(kind)) {
    throw new SqlSchemaError(
      'SQL_COLUMN_TYPE',
      `Column \`${names.column}\` of \`${names.table}\` in ${label} is ${kind}, which does not add up`,
      'Counts belong into an INTEGER column; choose it with --column',
    );
  }
  if (!isUnique(db, schema, names, columns)) {
    throw new SqlSchemaError(
      'SQL_NO_KEY',
      `Column \`${names.key}\` of \`${names.table}\` in ${label} is not unique`,
      `An id must mean one row: CREATE UNIQUE INDEX ${names.table}_${names.key} ON ${names.table} (${names.key}), or another --key`,
    );
  }
  return columns.every(
    ({ name, notnull, dflt_value, hidden, pk }) =>
      !notnull || dflt_value !== null || hidden || pk || isAmong([names.key, names.column], String(name)),
  );
}

type Columns = ReturnType<ReturnType<DatabaseSync['prepare']>['all']>;

function isUnique(db: DatabaseSync, schema: string, names: Names, columns: Columns): boolean {
  const primary = columns.filter((column) => column.pk);
  if (primary.length === 1 && isAmong([names.key], String(primary[0]?.name))) return true;
  const indexes = db.prepare(`PRAGMA ${schema}.index_list(${quoted(names.table)})`).all();
  return indexes.some((index) => {
    if (!index.unique || index.partial) return false;
    const parts = db.prepare(`PRAGMA ${schema}.index_info(${quoted(String(index.name))})`).all();
    return parts.length === 1 && isAmong([names.key], String(parts[0]?.name));
  });
}

/** SQLite compares names without regard to case. */
function isAmong(names: readonly string[], name: string): boolean {
  return names.some((candidate) => candidate.toLowerCase() === name.toLowerCase());
}

function identityOf(db: DatabaseSync, batches: string): string {
  db.exec(
    `CREATE TABLE IF NOT EXISTS ${batches}
      (id TEXT PRIMARY KEY, note TEXT NOT NULL, applied_at TEXT NOT NULL DEFAULT (datetime('now')))`,
  );
  const find = db.prepare(`SELECT note FROM ${batches} WHERE id = 'target'`);
  if (!find.get()) {
    db.prepare(`INSERT INTO ${batches} (id, note) VALUES ('target', ?) ON CONFLICT DO NOTHING`).run(
      randomUUID(),
    );
  }
  return String(find.get()?.note);
}

type Opened = {
  readonly names: Names;
  readonly label: string;
  readonly batches: string;
  readonly canInsert: boolean;
};

async function apply(
  db: DatabaseSync,
  { names, label, batches, canInsert }: Opened,
  batch: Batch,
  onStep?: OnStep,
): Promise<boolean> {
  const { quotedTable: table, quotedKey: key, quotedColumn: column } = names;
  try {
    await patiently(() => db.exec('BEGIN IMMEDIATE'));
    onStep?.('begun');
    const { changes } = db
      .prepare(`INSERT INTO ${batches} (id, note) VALUES (?, ?) ON CONFLICT DO NOTHING`)
      .run(batch.id, batch.note);
    if (changes === 0) {
      db.exec('ROLLBACK');
      return false;
    }
    onStep?.('recorded');
    const write = db.prepare(
      canInsert
        ? `INSERT INTO ${table} AS row (${key}, ${column}) VALUES (?1, ?2)
            ON CONFLICT (${key}) DO UPDATE SET ${column} = coalesce(row.${column}, 0) + excluded.${column}`
        : `UPDATE ${table} SET ${column} = coalesce(${column}, 0) + ?2 WHERE ${key} = ?1`,
    );
    for (const page of pagesOf(batch.rows)) {
      for (const { id, count } of page) {
        // Numbers are bound as doubles; a big integer keeps large counts exact.
        if (write.run(id, BigInt(count)).changes === 0) throw noRow(label, names, id);
      }
      onStep?.('page-written');
      await breathe();
    }
    const forget = db.prepare(`DELETE FROM ${batches} WHERE id = ?`);
    for (const id of batch.forget) forget.run(id);
    onStep?.('written');
    await patiently(() => db.exec('COMMIT'));
    onStep?.('sql-committed');
    return true;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error instanceof SqlFailedError ? error : failed(label, error);
  }
}

/** A row that cannot be made up: its table wants more than a key and a count. */
export function noRow(label: string, names: Names, id: string): SqlFailedError {
  return new SqlFailedError(
    label,
    `\`${names.table}\` has no row \`${id}\`, and its other columns have no defaults`,
    {
      hint: 'Insert the row (or give the other columns defaults) and flush again; the batch stays in flight',
    },
  );
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
