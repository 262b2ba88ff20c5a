import { randomUUID } from 'node:crypto';
import { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Client as PostgresClient } from 'pg';
import { messageOf } from '../../errors.ts';
import { BadTargetError, SqlFailedError, SqlSchemaError, SqlUnreachableError } from './errors.ts';
import { causeOf, detailOf, disguised, hintFor, isTimeout, sqlState } from './postgres-errors.ts';
import { checkTable, type Table } from './postgres-schema.ts';
import { type Batch, batchesTable, type Names, type OnStep, pagesOf, quoted, type Target } from './target.ts';

/**
 * PostgreSQL by `pg`. A page of rows is one statement; ids travel as text and become the key's own type there.
 * User, password, host and the rest may also come from the PG* variables and ~/.pgpass.
 */

const connectPatienceMs = 10_000;
/** Of one statement, here: a server that went silent. */
const statementPatienceMs = 60_000;
const closingPatienceMs = 2000;

/**
 * For our transaction only. A commit that was answered must outlive a crash, or Redis lets go of what SQL then
 * forgets; whoever locks our rows is not waited for without end; and should our machine vanish, the rows that we
 * locked are free again soon.
 */
const settings = `SELECT
  CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END,
  CASE current_setting('lock_timeout') WHEN '0' THEN set_config('lock_timeout', '30s', true) END,
  set_config('idle_in_transaction_session_timeout', '60s', true)`;

/** @throws {SqlUnreachableError | SqlSchemaError} */
export async function openPostgres(url: string, names: Names): Promise<Target> {
  const { label, to, scrub } = disguised(url);
  const { default: pg } = await import('pg');
  const socket = new Socket();
  let client: PostgresClient;
  try {
    client = new pg.Client({
      stream: () => socket,
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
    const { identity, mayForget } = await prepareBatches(client, batches);
    return {
      label,
      to,
      identity,
      apply: (batch, onStep) =>
        apply(client, { names, label, scrub, batches, table, mayForget }, batch, onStep),
      close: () => close(client, socket),
    };
  } catch (error) {
    await close(client, socket);
    if (error instanceof SqlSchemaError) throw error;
    throw new SqlUnreachableError(label, scrub(detailOf(error)), {
      ...causeOf(error, scrub),
      ...hintFor(error),
    });
  }
}

async function close(client: PostgresClient, socket: Socket): Promise<void> {
  const patience = new AbortController();
  const end = client.end().catch(() => {});
  await Promise.race([end, wait(closingPatienceMs, undefined, { signal: patience.signal }).catch(() => {})]);
  patience.abort();
  // A server that went silent does not say goodbye.
  socket.destroy();
}

async function prepareBatches(
  client: PostgresClient,
  batches: string,
): Promise<{ identity: string; mayForget: boolean }> {
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
  const found = await client.query(
    `SELECT note, has_table_privilege($1, 'DELETE') AS "mayForget" FROM ${batches} WHERE id = 'target'`,
    [batches],
  );
  const [row] = found.rows;
  return { identity: String(row?.note), mayForget: row?.mayForget === true };
}

type Opened = {
  readonly names: Names;
  readonly label: string;
  readonly scrub: (text: string) => string;
  readonly batches: string;
  readonly table: Table;
  /** Whether old batch ids may be deleted; where not, they stay. */
  readonly mayForget: boolean;
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
    await client.query(settings);
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
    if (opened.mayForget && batch.forget.length > 0) {
      await client.query(`DELETE FROM ${batches} WHERE id = ANY($1::text[])`, [batch.forget]);
    }
    onStep?.('written');
    const { command } = await client.query('COMMIT');
    // What a transaction that failed unnoticed answers.
    if (command !== 'COMMIT') throw new SqlFailedError(label, `COMMIT was answered by ${command}`);
    onStep?.('sql-committed');
    return true;
  } catch (error) {
    // A statement that is still under way would keep it waiting; closing the connection ends both.
    if (!isTimeout(error)) await client.query('ROLLBACK').catch(() => {});
    if (error instanceof SqlFailedError) throw error;
    throw new SqlFailedError(label, opened.scrub(detailOf(error)), {
      ...causeOf(error, opened.scrub),
      ...hintFor(error),
    });
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
