import type { Client as PostgresClient } from 'pg';
import { SqlSchemaError } from '../errors.ts';
import { type KeyKind, type Names, quoted } from './target.ts';

/** What a flush needs to know of a table before it claims anything. */
export type Table = {
  readonly schema: string;
  /** With its schema, so that nothing later depends on the search path. */
  readonly quoted: string;
  /** The key's type, without a length: a cast to `varchar(3)` would cut ids instead of refusing them. */
  readonly keyType: string;
  readonly keyKind: KeyKind;
  /** Whether a row of only key and count may be inserted; else rows can only be updated. */
  readonly canInsert: boolean;
  /** A digest of columns, constraints, indexes, triggers and partitions. */
  readonly definition: string;
  readonly notes: readonly string[];
};

const columnsOfTable = `
  SELECT a.attname AS name, n.nspname AS schema, c.relname AS table, c.oid::text AS oid,
    format_type(a.atttypid, -1) AS type,
    format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE a.atttypid END, -1) AS "baseType",
    t.typtype = 'e' AS "isEnum",
    CASE WHEN a.atttypmod >= 4 THEN ((((a.atttypmod - 4) & 2047) # 1024) - 1024) ELSE 0 END AS scale,
    coalesce(NOT l.collisdeterministic, false) AS "mergesIds",
    a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS required,
    a.attidentity = 'a' OR a.attgenerated <> '' AS generated,
    EXISTS (
      SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
        AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum
    ) AS "isUnique"
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation
  WHERE c.oid = to_regclass($1)
  ORDER BY a.attnum`;

/** What may make a row be refused, or taken: by names and sources, so that the same definition reads the same. */
const definitionOfTable = `
  SELECT md5(string_agg(part, E'\\n' ORDER BY part)) AS definition FROM (
    SELECT 'c ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull AS part
      FROM pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT 'k ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = $1::oid
    UNION ALL SELECT 'i ' || pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = $1::oid
    UNION ALL SELECT 't ' || tgname || ' ' || tgenabled::text || ' ' || md5(p.prosrc)
      FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid WHERE tgrelid = $1::oid AND NOT tgisinternal
    UNION ALL SELECT 'p ' || inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::oid
  ) AS parts`;

type Column = {
  readonly name: string;
  readonly schema: string;
  readonly table: string;
  readonly oid: string;
  readonly type: string;
  readonly baseType: string;
  readonly isEnum: boolean;
  readonly scale: number;
  readonly mergesIds: boolean;
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
  const columnOf = (name: string): Column => {
    const column = columns.find((candidate) => candidate.name === name);
    if (column) return column;
    throw new SqlSchemaError(
      'SQL_NO_COLUMN',
      `Table \`${shown}\` in ${label} has no column \`${name}\``,
      `It has ${columns.map((candidate) => candidate.name).join(', ')}; choose with --key and --column`,
    );
  };
  const [key, count] = [columnOf(names.key), columnOf(names.column)];
  if (!key.isUnique) {
    throw new SqlSchemaError(
      'SQL_NO_KEY',
      `Column \`${names.key}\` of \`${shown}\` in ${label} is not unique`,
      `An id must mean one row: CREATE UNIQUE INDEX ON ${shown} (${names.key}), or another --key`,
    );
  }
  const reason = reasonAgainstCount(count);
  if (reason !== undefined) {
    throw new SqlSchemaError(
      'SQL_COLUMN_TYPE',
      `Column \`${names.column}\` of \`${shown}\` in ${label} is ${count.type}, which ${reason}`,
      'Counts belong into a bigint column; choose it with --column',
    );
  }
  const keyKind = keyKindOf(key);
  if (keyKind === undefined) {
    throw new SqlSchemaError(
      'SQL_KEY_TYPE',
      `Column \`${names.key}\` of \`${shown}\` in ${label} is ${key.type}, which turns ids into other ones`,
      'Declare it text, or bigint where ids are whole numbers',
    );
  }
  const { rows } = await client.query<{ definition: string }>(definitionOfTable, [first.oid]);
  return {
    schema: first.schema,
    quoted: `${quoted(first.schema)}.${quoted(first.table)}`,
    keyType: key.type,
    keyKind,
    canInsert:
      columns.every((column) => column === key || column === count || !column.required) && !key.generated,
    definition: rows[0]?.definition.slice(0, 12) ?? '',
    notes: notesOn(key, shown),
  };
}

function keyKindOf({ baseType, isEnum }: Column): KeyKind | undefined {
  if (isEnum) return 'text';
  switch (baseType) {
    case 'text':
    case 'character varying':
    case 'bpchar':
    case 'name':
    case 'citext':
      return 'text';
    case 'smallint':
    case 'integer':
    case 'bigint':
      return 'integer';
    case 'numeric':
      return 'whole';
    case 'uuid':
      return 'uuid';
    default:
      return baseType.endsWith('.citext') ? 'text' : undefined;
  }
}

function reasonAgainstCount({ baseType, scale }: Column): string | undefined {
  if (['smallint', 'integer', 'bigint'].includes(baseType)) return;
  if (baseType === 'numeric') return scale < 0 ? 'rounds counts' : undefined;
  return ['real', 'double precision'].includes(baseType) ? 'rounds large counts' : 'does not add up';
}

function notesOn({ baseType, mergesIds }: Column, table: string): string[] {
  const what =
    baseType === 'citext' || baseType.endsWith('.citext')
      ? 'upper and lower case'
      : baseType === 'bpchar'
        ? 'spaces at their end'
        : mergesIds
          ? 'what its collation does not tell apart'
          : undefined;
  return what === undefined ? [] : [`Ids that differ by ${what} are one row in \`${table}\``];
}
