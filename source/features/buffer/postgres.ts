import { randomUUID } from 'node:crypto';
import type { Client as PostgresClient } from 'pg';
import { messageOf } from '../../errors.ts';
import { BadTargetError, SqlFailedError, SqlSchemaError, SqlUnreachableError } from './errors.ts';
import { checkTable, type Table } from './postgres-schema.ts';
import { type Batch, batchesTable, type Names, type OnStep, pagesOf, quoted, type Target } from './target.ts';

/**
 * PostgreSQL by `pg`. A page of rows is one statement; ids travel as text and become the key's own type there.
 * User, password, host and the rest may also come from the PG* variables and ~/.pgpass.
 */

const connectPatienceMs = 10_000;
/** Of one statement: a server that went silent, or a row that somebody else keeps locked. */
const statementPatienceMs = 60_000;

/** @throws {SqlUnreachableError | SqlSchemaError} */
export async function openPostgres(url: string, names: Names): Promise<Target> {
  const { label, to, scrub } = disguised(url);
  const { default: pg } = await import('pg');
  let client: PostgresClient;
  try {
    client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: connectPatienceMs,
      query_timeout: statementPatienceMs,
      keepAlive: true,
      application_name: 'quarterdeck buffer flush',
    });
  } catch (error) {
    // Not as the cause: what parses URLs keeps the URL, password included, in its errors.
    throw new BadTargetError(`Cannot use ${label}: ${scrub(messageOf(error))}`);
  }
  // A connection lost between two statements fails the next one; unheard it would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
    const table = await checkTable(client, names, label);
    const batches = `${quoted(table.schema)}.${quoted(batchesTable)}`;
    const identity = await identityOf(client, batches);
    return {
      label,
      to,
      identity,
      apply: (batch, onStep) => apply(client, { names, label, scrub, batches, table }, batch, onStep),
      close: () => client.end().catch(() => {}),
    };
  } catch (error) {
    await client.end().catch(() => {});
    if (error instanceof SqlSchemaError) throw error;
    throw new SqlUnreachableError(label, scrub(detailOf(error)), { cause: error, ...hintFor(error) });
  }
}

/** How a URL may be shown, and what takes its password out of other people's messages. */
function disguised(url: string): { label: string; to: string; scrub(text: string): string } {
  if (!URL.canParse(url)) throw new BadTargetError('Expected `to` to be postgres://USER@HOST:PORT/DATABASE');
  const { protocol, username, password, host, pathname, searchParams } = new URL(url);
  const user = username === '' ? '' : `${username}@`;
  const place = searchParams.get('host') ?? (host === '' ? 'localhost' : host);
  const shown = new URL(url);
  shown.password = '';
  shown.searchParams.delete('password');
  const secrets = [password, decoded(password), searchParams.get('password') ?? ''].filter(
    (word) => word !== '',
  );
  return {
    label: `${protocol}//${user}${place}${pathname}`,
    to: shown.href,
    scrub: (text) => secrets.reduce((scrubbed, secret) => scrubbed.replaceAll(secret, '***'), text),
  };
}

function decoded(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

async function identityOf(client: PostgresClient, batches: string): Promise<string> {
  // Even IF NOT EXISTS asks for the right to create, which a careful administrator took away again.
  const { rows } = await client.query('SELECT to_regclass($1) IS NOT NULL AS exists', [batches]);
  if (!rows[0]?.exists) {
    await client
      .query(
        `CREATE TABLE ${batches} (id text PRIMARY KEY, note text NOT NULL,
          applied_at timestamptz NOT NULL DEFAULT now())`,
      )
      .catch((error: unknown) => {
        // Another flusher was faster.
        if (!['42P07', '23505'].includes(sqlState(error))) throw error;
      });
  }
  await client.query(`INSERT INTO ${batches} (id, note) VALUES ('target', $1) ON CONFLICT DO NOTHING`, [
    randomUUID(),
  ]);
  const found = await client.query(`SELECT note FROM ${batches} WHERE id = 'target'`);
  return String(found.rows[0]?.note);
}

type Opened = {
  readonly names: Names;
  readonly label: string;
  readonly scrub: (text: string) => string;
  readonly batches: string;
  readonly table: Table;
};

async function apply(
  client: PostgresClient,
  opened: Opened,
  batch: Batch,
  onStep?: OnStep,
): Promise<boolean> {
  const { label, batches } = opened;
  try {
    await client.query('BEGIN');
    // A commit that was answered must outlive a crash, or Redis lets go of what SQL then forgets.
    await client.query(
      "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'",
    );
    onStep?.('begun');
    // Waits for whoever is recording the same id just now.
    const recorded = await client.query(
      `INSERT INTO ${batches} (id, note) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
      [batch.id, batch.note],
    );
    if (recorded.rowCount === 0) {
      await client.query('ROLLBACK');
      return false;
    }
    onStep?.('recorded');
    for (const page of pagesOf(batch.rows)) {
      const ids = page.map((row) => row.id);
      const counts = page.map((row) => String(row.count));
      await (opened.table.canInsert
        ? upsertPage(client, opened, ids, counts)
        : updatePage(client, opened, ids, counts));
      onStep?.('page-written');
    }
    if (batch.forget.length > 0) {
      await client.query(`DELETE FROM ${batches} WHERE id = ANY($1::text[])`, [batch.forget]);
    }
    onStep?.('written');
    const { command } = await client.query('COMMIT');
    // What a transaction that failed unnoticed answers.
    if (command !== 'COMMIT') throw new SqlFailedError(label, `COMMIT was answered by ${command}`);
    onStep?.('sql-committed');
    return true;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    if (error instanceof SqlFailedError) throw error;
    throw new SqlFailedError(label, opened.scrub(detailOf(error)), { cause: error, ...hintFor(error) });
  }
}

/** Ids that the key's type takes for one (`7` and `07`) are added up; rows are locked in the order of the page. */
async function upsertPage(
  client: PostgresClient,
  { names, table }: Opened,
  ids: readonly string[],
  counts: readonly string[],
): Promise<void> {
  const { quotedKey: key, quotedColumn: column } = names;
  await client.query(
    `INSERT INTO ${table.quoted} AS t (${key}, ${column})
      SELECT v.id, sum(v.by) FROM unnest($1::${table.keyType}[], $2::numeric[]) WITH ORDINALITY AS v(id, by, place)
      GROUP BY v.id ORDER BY min(v.place)
      ON CONFLICT (${key}) DO UPDATE SET ${column} = coalesce(t.${column}, 0) + excluded.${column}`,
    [ids, counts],
  );
}

/** For tables where a row of key and count alone would lack something. */
async function updatePage(
  client: PostgresClient,
  { names, table, label }: Opened,
  ids: readonly string[],
  counts: readonly string[],
): Promise<void> {
  const { quotedKey: key, quotedColumn: column } = names;
  const locked = await client.query(
    `SELECT v.place::int AS place FROM unnest($1::${table.keyType}[]) WITH ORDINALITY AS v(id, place)
      JOIN ${table.quoted} AS t ON t.${key} = v.id ORDER BY v.place FOR UPDATE OF t`,
    [ids],
  );
  const places = new Set(locked.rows.map((row) => Number(row.place)));
  const missing = ids.find((_, index) => !places.has(index + 1));
  if (missing !== undefined) {
    throw new SqlFailedError(
      label,
      `\`${names.table}\` has no row \`${missing}\`, and its other columns have no defaults`,
      {
        hint: 'Insert the row (or give the other columns defaults) and flush again; the batch stays in flight',
      },
    );
  }
  await client.query(
    `UPDATE ${table.quoted} AS t SET ${column} = coalesce(t.${column}, 0) + v.by
      FROM (SELECT v.id, sum(v.by) AS by FROM unnest($1::${table.keyType}[], $2::numeric[]) AS v(id, by)
        GROUP BY v.id) AS v
      WHERE t.${key} = v.id`,
    [ids, counts],
  );
}

function sqlState(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function detailOf(error: unknown): string {
  // Node joins the attempts at several addresses into an AggregateError without a message.
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  if (messageOf(error) === 'Query read timeout') return `no answer within ${statementPatienceMs / 1000}s`;
  const state = sqlState(error);
  return /^[0-9A-Z]{5}$/.test(state) ? `${messageOf(error)} (SQLSTATE ${state})` : messageOf(error);
}

function hintFor(error: unknown): { hint?: string } {
  switch (sqlState(error)) {
    case '28P01':
    case '28000':
      return { hint: 'Give the password by PGPASSWORD or ~/.pgpass, the user in the URL' };
    case '42501':
      return {
        hint: `The user needs SELECT, INSERT, UPDATE on the table and on ${batchesTable} (and DELETE on that), or the right to create it`,
      };
    case '22P02':
      return {
        hint: 'One id does not fit the type of the key column. Find it among `redis-cli ZRANGE pending:<type>:inflight 0 -1`, drop it there with ZREM, and flush again',
      };
    default:
      return {};
  }
}
