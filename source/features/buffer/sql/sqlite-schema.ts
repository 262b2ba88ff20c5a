import type { DatabaseSync } from 'node:sqlite';
import { SqlSchemaError } from '../errors.ts';
import { type KeyKind, type Names, quoted } from './target.ts';

/** What a flush needs to know of a table before it claims anything. */
export type Table = {
  readonly keyKind: KeyKind;
  /** Whether a row of only key and count may be inserted; else rows can only be updated. */
  readonly canInsert: boolean;
  /** The statements that made the table, its indexes and triggers. */
  readonly definition: string;
  readonly notes: readonly string[];
};

type Affinity = 'integer' | 'text' | 'none' | 'real' | 'numeric';

/** @throws {SqlSchemaError} */
export function checkTable(db: DatabaseSync, names: Names, label: string): Table {
  const schema = quoted(names.schema ?? 'main');
  const columns = db.prepare(`PRAGMA ${schema}.table_xinfo(${quoted(names.table)})`).all();
  if (columns.length === 0) {
    throw new SqlSchemaError(
      'SQL_NO_TABLE',
      `${label} has no table \`${names.table}\``,
      `Create it, such as CREATE TABLE ${names.table} (${names.key} TEXT PRIMARY KEY, ${names.column} INTEGER NOT NULL DEFAULT 0), or name another with --table`,
    );
  }
  const typeOf = (wanted: string): string => {
    const column = columns.find(({ name }) => isAmong([wanted], String(name)));
    if (column) return String(column.type);
    throw new SqlSchemaError(
      'SQL_NO_COLUMN',
      `Table \`${names.table}\` in ${label} has no column \`${wanted}\``,
      `It has ${columns.map((each) => each.name).join(', ')}; choose with --key and --column`,
    );
  };
  const isStrict = db
    .prepare(`PRAGMA ${schema}.table_list(${quoted(names.table)})`)
    .all()
    .some(({ strict }) => strict === 1);
  const keyKind = keyKindOf(typeOf(names.key), isStrict, names, label);
  checkCount(typeOf(names.column), isStrict, names, label);
  const collation = uniqueCollation(db, schema, names, columns);
  if (collation === undefined) {
    throw new SqlSchemaError(
      'SQL_NO_KEY',
      `Column \`${names.key}\` of \`${names.table}\` in ${label} is not unique`,
      `An id must mean one row: CREATE UNIQUE INDEX ${names.table}_${names.key} ON ${names.table} (${names.key}), or another --key`,
    );
  }
  return {
    keyKind,
    canInsert: columns.every(
      ({ name, notnull, dflt_value, hidden, pk }) =>
        !notnull || dflt_value !== null || hidden || pk || isAmong([names.key, names.column], String(name)),
    ),
    definition: db
      .prepare(
        `SELECT sql FROM ${schema}.sqlite_schema WHERE tbl_name = ? COLLATE NOCASE ORDER BY type, name`,
      )
      .all(names.table)
      .map(({ sql }) => String(sql))
      .join('\n'),
    notes:
      keyKind === 'text' && collation !== 'BINARY'
        ? [`Ids that differ by what ${collation} does not tell apart are one row in \`${names.table}\``]
        : [],
  };
}

/** SQLite decides by the name of a type what it turns values into. */
function affinityOf(declared: string): Affinity {
  const name = declared.toUpperCase();
  if (name.includes('INT')) return 'integer';
  if (/CHAR|CLOB|TEXT/.test(name)) return 'text';
  if (name === '' || name.includes('BLOB')) return 'none';
  return /REAL|FLOA|DOUB/.test(name) ? 'real' : 'numeric';
}

function keyKindOf(declared: string, isStrict: boolean, names: Names, label: string): KeyKind {
  const isAny = isStrict && declared.toUpperCase() === 'ANY';
  const affinity = isAny ? 'none' : affinityOf(declared);
  if (affinity === 'integer') return 'integer';
  if (affinity === 'text' || (affinity === 'none' && (isAny || !isStrict))) return 'text';
  throw new SqlSchemaError(
    'SQL_KEY_TYPE',
    `Column \`${names.key}\` of \`${names.table}\` in ${label} is ${declared}, which turns ids into other ones (\`007\` into 7, \`1e3\` into 1000)`,
    'Declare it TEXT, or INTEGER where ids are whole numbers',
  );
}

function checkCount(declared: string, isStrict: boolean, names: Names, label: string): void {
  const isAny = isStrict && declared.toUpperCase() === 'ANY';
  const affinity = isAny || declared === '' ? 'numeric' : affinityOf(declared);
  if (affinity === 'integer' || affinity === 'numeric') return;
  const why = affinity === 'real' ? 'which rounds large counts' : 'which does not add up';
  throw new SqlSchemaError(
    'SQL_COLUMN_TYPE',
    `Column \`${names.column}\` of \`${names.table}\` in ${label} is ${declared}, ${why}`,
    'Counts belong into an INTEGER column; choose it with --column',
  );
}

type Columns = ReturnType<ReturnType<DatabaseSync['prepare']>['all']>;

/** How the unique index of the key compares ids; undefined where there is none. */
function uniqueCollation(
  db: DatabaseSync,
  schema: string,
  names: Names,
  columns: Columns,
): string | undefined {
  const indexes = db.prepare(`PRAGMA ${schema}.index_list(${quoted(names.table)})`).all();
  for (const index of indexes) {
    if (!index.unique || index.partial) continue;
    const parts = db
      .prepare(`PRAGMA ${schema}.index_xinfo(${quoted(String(index.name))})`)
      .all()
      .filter(({ key }) => key);
    const [first] = parts;
    if (parts.length === 1 && first && isAmong([names.key], String(first.name))) return String(first.coll);
  }
  // The rowid itself has no index.
  const primary = columns.filter((column) => column.pk);
  return primary.length === 1 && isAmong([names.key], String(primary[0]?.name)) ? 'BINARY' : undefined;
}

/** SQLite compares names without regard to case. */
function isAmong(names: readonly string[], name: string): boolean {
  return names.some((candidate) => candidate.toLowerCase() === name.toLowerCase());
}
