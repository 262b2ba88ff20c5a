import type { Client as PostgresClient } from 'pg';
import { messageOf } from '../../../errors.ts';
import { isOfRow, sqlState } from './postgres-errors.ts';
import type { Table } from './postgres-schema.ts';
import type { Names, Refusal, Row } from './target.ts';

/**
 * Rows into a table of PostgreSQL, and which of them it refuses. A page of rows is one statement; ids travel as text
 * and become the key's own type there.
 *
 * A row that the table refuses fails its whole statement. The batch is then written in at most fifty chunks with a
 * savepoint each, for a server keeps 64 of them in memory; a chunk that fails is halved, every probe rolled back, until
 * the rows at fault are known, and then written without them.
 */
export type OpenTable = {
  readonly client: PostgresClient;
  readonly names: Names;
  readonly table: Table;
  /** Takes secrets out of what the server says. */
  readonly scrub: (text: string) => string;
};

const mostChunks = 50;
const leastChunkRows = 20;

/** How many rows a chunk has, of so many. */
export function chunkLength(rows: number): number {
  return Math.max(leastChunkRows, Math.ceil(rows / mostChunks));
}

/** Writes what can be written of a chunk; every probe is rolled back, so that no savepoint is left but one. */
export async function writeChunk(opened: OpenTable, rows: readonly Row[]): Promise<Refusal[]> {
  const { client } = opened;
  await client.query('SAVEPOINT chunk');
  const whole = await tried(opened, rows);
  if (!('error' in whole)) return await kept(client, whole.refused);
  const suspects =
    rows.length === 1 ? rows.map((row) => refusalOf(row, whole.error, opened)) : await probe(opened, rows);
  const ids = new Set(suspects.map(({ id }) => id));
  const rest = rows.filter(({ id }) => !ids.has(id));
  const without = await tried(opened, rest);
  const refused = 'error' in without ? await writeEach(opened, rest, writePage) : without.refused;
  return await kept(client, [...refused, ...(await updateEach(opened, suspects))]);
}

/** Row by row: those that are fine alone and not together, such as two spellings of one id that overflow it. */
async function writeEach<Item extends Row>(
  opened: OpenTable,
  rows: readonly Item[],
  write: (opened: OpenTable, rows: readonly Item[]) => Promise<Refusal[]>,
): Promise<Refusal[]> {
  const { client } = opened;
  const refused: Refusal[] = [];
  for (const row of rows) {
    await client.query('SAVEPOINT single');
    try {
      refused.push(...(await write(opened, [row])));
    } catch (error) {
      if (!isOfRow(error)) throw error;
      await client.query('ROLLBACK TO single');
      refused.push(refusalOf(row, error, opened));
    }
    await client.query('RELEASE single');
  }
  return refused;
}

/**
 * An INSERT is looked at before it turns into an UPDATE: a constraint may refuse -5 as a new row although 3 are left of
 * the row that is there.
 */
async function updateEach(opened: OpenTable, suspects: readonly Refusal[]): Promise<Refusal[]> {
  if (!opened.table.canInsert) return [...suspects];
  return await writeEach(opened, suspects, async (_, some) => {
    const [only] = some;
    if (!only || only.code === 'NO_ROW') return [...some];
    const missing = await updatePage(opened, some);
    return missing.length > 0 ? [only] : [];
  });
}

async function kept(client: PostgresClient, refused: Refusal[]): Promise<Refusal[]> {
  await client.query('RELEASE chunk');
  return refused;
}

/** Writes rows; when one is refused, everything since the chunk began is taken back. */
async function tried(
  opened: OpenTable,
  rows: readonly Row[],
): Promise<{ refused: Refusal[] } | { error: unknown }> {
  try {
    return { refused: rows.length === 0 ? [] : await writePage(opened, rows) };
  } catch (error) {
    if (!isOfRow(error)) throw error;
    await opened.client.query('ROLLBACK TO chunk');
    return { error };
  }
}

/** Which of some rows that fail together fail alone. */
async function probe(opened: OpenTable, rows: readonly Row[]): Promise<Refusal[]> {
  const half = Math.ceil(rows.length / 2);
  const found: Refusal[] = [];
  for (const some of [rows.slice(0, half), rows.slice(half)]) {
    const outcome = await tried(opened, some);
    if (!('error' in outcome)) await opened.client.query('ROLLBACK TO chunk');
    else if (some.length > 1) found.push(...(await probe(opened, some)));
    else found.push(...some.map((row) => refusalOf(row, outcome.error, opened)));
  }
  return found;
}

function refusalOf(row: Row, error: unknown, { scrub }: OpenTable): Refusal {
  return { ...row, code: sqlState(error), reason: scrub(messageOf(error)) };
}

/** @returns rows of the page that are not there, where they cannot be made */
export async function writePage(opened: OpenTable, page: readonly Row[]): Promise<Refusal[]> {
  if (!opened.table.canInsert) return await updatePage(opened, page);
  await upsertPage(opened, page);
  return [];
}

/** Ids that the key's type takes for one (`7` and `07`) are added up; rows are locked in the order of the page. */
async function upsertPage({ client, names, table }: OpenTable, page: readonly Row[]): Promise<void> {
  const { quotedKey: key, quotedColumn: column } = names;
  await client.query(
    `INSERT INTO ${table.quoted} AS t (${key}, ${column})
      SELECT v.id, sum(v.by) FROM unnest($1::${table.keyType}[], $2::numeric[]) WITH ORDINALITY AS v(id, by, place)
      GROUP BY v.id ORDER BY min(v.place)
      ON CONFLICT (${key}) DO UPDATE SET ${column} = coalesce(t.${column}, 0) + excluded.${column}`,
    wordsOf(page),
  );
}

function wordsOf(page: readonly Row[]): [ids: string[], counts: string[]] {
  return [page.map(({ id }) => id), page.map(({ count }) => String(count))];
}

/** For tables where a row of key and count alone would lack something. */
async function updatePage({ client, names, table }: OpenTable, page: readonly Row[]): Promise<Refusal[]> {
  const { quotedKey: key, quotedColumn: column } = names;
  const [ids, counts] = wordsOf(page);
  const locked = await client.query(
    `SELECT v.place::int AS place FROM unnest($1::${table.keyType}[]) WITH ORDINALITY AS v(id, place)
      JOIN ${table.quoted} AS t ON t.${key} = v.id ORDER BY v.place FOR UPDATE OF t`,
    [ids],
  );
  const places = new Set(locked.rows.map((row) => Number(row.place)));
  await client.query(
    `UPDATE ${table.quoted} AS t SET ${column} = coalesce(t.${column}, 0) + v.by
      FROM (SELECT v.id, sum(v.by) AS by FROM unnest($1::${table.keyType}[], $2::numeric[]) AS v(id, by)
        GROUP BY v.id) AS v
      WHERE t.${key} = v.id`,
    [ids, counts],
  );
  const reason = `\`${names.table}\` has no such row, and its other columns have no defaults`;
  return page.filter((_, index) => !places.has(index + 1)).map((row) => ({ ...row, code: 'NO_ROW', reason }));
}
