import type { Client as PostgresClient } from 'pg';
import { SqlSchemaError } from './errors.ts';
import { type Names, quoted } from './target.ts';

/** What a flush needs to know of a table before it claims anything. */
export type Table = {
  readonly schema: string;
  /** With its schema, so that nothing later depends on the search path. */
  readonly quoted: string;
  /** The key's type, without a length: a cast to `varchar(3)` would cut ids instead of refusing them. */
  readonly keyType: string;
  /** Whether a row of only key and count may be inserted; else rows can only be updated. */
  readonly canInsert: boolean;
};

const columnsOfTable = `
  SELECT a.attname AS name, a.attnum AS number, n.nspname AS schema, c.relname AS table,
    format_type(a.atttypid, -1) AS type, t.typcategory = 'N' AS "addsUp",
    a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS required,
    a.attidentity = 'a' OR a.attgenerated <> '' AS generated,
    EXISTS (
      SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
        AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum
    ) AS "isUnique"
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
  WHERE c.oid = to_regclass($1)`;

type Column = {
  readonly name: string;
  readonly schema: string;
  readonly table: string;
  readonly type: string;
  readonly addsUp: boolean;
  readonly required: boolean;
  readonly generated: boolean;
  readonly isUnique: boolean;
};

/** @throws {SqlSchemaError} */
export async function checkTable(client: PostgresClient, names: Names, label: string): Promise<Table> {
  const { rows: columns } = await client.query<Column>(columnsOfTable, [names.quotedTable]);
  const shown = names.schema === undefined ? names.table : `${names.schema}.${names.table}`;
  const first = columns[0];
  if (!first) {
    throw new SqlSchemaError(
      'SQL_NO_TABLE',
      `${label} has no table \`${shown}\``,
      `Create it, such as CREATE TABLE ${shown} (${names.key} text PRIMARY KEY, ${names.column} bigint NOT NULL DEFAULT 0), or name another with --table`,
    );
  }
  const [key, count] = [names.key, names.column].map((name) => {
    const column = columns.find((candidate) => candidate.name === name);
    if (column) return column;
    throw new SqlSchemaError(
      'SQL_NO_COLUMN',
      `Table \`${shown}\` in ${label} has no column \`${name}\``,
      `It has ${columns.map((candidate) => candidate.name).join(', ')}; choose with --key and --column`,
    );
  });
  if (!key?.isUnique) {
    throw new SqlSchemaError(
      'SQL_NO_KEY',
      `Column \`${names.key}\` of \`${shown}\` in ${label} is not unique`,
      `An id must mean one row: CREATE UNIQUE INDEX ON ${shown} (${names.key}), or another --key`,
    );
  }
  if (!count?.addsUp) {
    throw new SqlSchemaError(
      'SQL_COLUMN_TYPE',
      `Column \`${names.column}\` of \`${shown}\` in ${label} is ${count?.type}, which does not add up`,
      'Counts belong into a bigint column; choose it with --column',
    );
  }
  return {
    schema: first.schema,
    quoted: `${quoted(first.schema)}.${quoted(first.table)}`,
    keyType: key.type,
    canInsert:
      columns.every((column) => column === key || column === count || !column.required) && !key.generated,
  };
}
