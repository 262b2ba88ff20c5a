import { randomUUID } from 'node:crypto';
import { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Client as PostgresClient } from 'pg';
import { messageOf, QuarterdeckError } from '../../../errors.ts';
import {
  BadTargetError,
  SqlFailedError,
  SqlSchemaError,
  SqlUnreachableError,
  TooManyRefusedError,
} from '../errors.ts';
import { postgresDriver } from './driver.ts';
import { refuseClearText, withTls } from './postgres-connect.ts';
import { causeOf, detailOf, disguised, hintFor, isOfRow, isTimeout, sqlState } from './postgres-errors.ts';
import { chunkLength, type OpenTable, writeChunk, writePage } from './postgres-rows.ts';
import { checkTable } from './postgres-schema.ts';
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
  sorted,
  type Target,
} from './target.ts';

/**
 * PostgreSQL by `pg`: a batch is one transaction, recorded by its id. User, password, host and the rest may also come
 * from the PG* variables and ~/.pgpass. A row that the table refuses fails its whole statement; the batch is then
 * written once more, narrowed down (postgres-rows.ts).
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

/** @throws {SqlUnreachableError | SqlSchemaError | MissingPackageError} */
export async function openPostgres(url: string, names: Names): Promise<Target> {
  const { label, to, scrub } = disguised(url);
  const { default: pg } = await postgresDriver();
  const socket = new Socket();
  let client: PostgresClient;
  try {
    client = new pg.Client({
      stream: () => socket,
      connectionString: withTls(url),
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
  refuseClearText(client, socket);
  try {
    await client.connect();
    const table = await checkTable(client, names, label);
    const batches = `${quoted(table.schema)}.${quoted(batchesTable)}`;
    const aside = `${quoted(table.schema)}.${quoted(asideTable)}`;
    const { identity, mayForget, hasAside } = await prepareBatches(client, batches, aside);
    const opened: Opened = { client, names, label, scrub, batches, aside, table, mayForget, hasAside };
    return {
      label,
      to,
      identity,
      definition: table.definition,
      notes: table.notes,
      apply: (batch, onStep) => apply(opened, batch, onStep),
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
  const limit = new AbortController();
  const end = client.end().catch(() => {});
  await Promise.race([end, wait(closingPatienceMs, undefined, { signal: limit.signal }).catch(() => {})]);
  limit.abort();
  // A server that went silent does not say goodbye.
  socket.destroy();
}

async function prepareBatches(
  client: PostgresClient,
  batches: string,
  aside: string,
): Promise<{ identity: string; mayForget: boolean; hasAside: boolean }> {
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
    `SELECT note, has_table_privilege($1, 'DELETE') AS "mayForget",
        CASE WHEN to_regclass($2) IS NOT NULL THEN has_table_privilege($2, 'SELECT')
          AND has_table_privilege($2, 'INSERT') AND has_table_privilege($2, 'DELETE') END AS "hasAside"
      FROM ${batches} WHERE id = 'target'`,
    [batches, aside],
  );
  const [row] = found.rows;
  return {
    identity: String(row?.note),
    mayForget: row?.mayForget === true,
    hasAside: row?.hasAside === true,
  };
}

type Opened = OpenTable & {
  readonly label: string;
  readonly batches: string;
  readonly aside: string;
  /** Whether old batch ids may be deleted; where not, they stay. */
  readonly mayForget: boolean;
  /** Whether there is a table yet for what is refused that we may use: it is made when it is needed. */
  hasAside: boolean;
};

async function apply(opened: Opened, batch: Batch, onStep?: OnStep): Promise<Applied> {
  const { client, label, scrub } = opened;
  try {
    return (
      (await attempt(opened, batch, { isNarrow: false }, onStep)) ?? (await narrowed(opened, batch, onStep))
    );
  } catch (error) {
    // A statement that is still under way would keep it waiting; closing the connection ends both.
    if (!isTimeout(error)) await client.query('ROLLBACK').catch(() => {});
    if (QuarterdeckError.is(error)) throw error;
    throw new SqlFailedError(label, scrub(detailOf(error)), { ...causeOf(error, scrub), ...hintFor(error) });
  }
}

async function narrowed(opened: Opened, batch: Batch, onStep: OnStep | undefined): Promise<Applied> {
  const { label, scrub } = opened;
  if (!opened.hasAside) {
    await makeAside(opened).catch((error: unknown) => {
      throw new SqlFailedError(
        label,
        `it refuses single rows, and ${asideTable} cannot be made: ${scrub(detailOf(error))}`,
        {
          ...causeOf(error, scrub),
          hint: `Let somebody who may create it once: ${asideDefinition(opened)}; the user needs SELECT, INSERT, DELETE on it. The batch stays in flight`,
        },
      );
    });
    opened.hasAside = true;
  }
  const applied = await attempt(opened, batch, { isNarrow: true }, onStep);
  if (!applied) throw new SqlFailedError(label, 'it refused the batch in a way that names no row');
  return applied;
}

function asideDefinition({ aside }: Opened): string {
  return `CREATE TABLE IF NOT EXISTS ${aside} (batch text, id text, count bigint NOT NULL, code text NOT NULL, reason text NOT NULL, PRIMARY KEY (batch, id))`;
}

async function makeAside(opened: Opened): Promise<void> {
  await opened.client.query(asideDefinition(opened)).catch((error: unknown) => {
    // Another flusher was faster.
    if (!['42P07', '23505'].includes(sqlState(error))) throw error;
  });
}

/** One transaction. Undefined: a row was refused, and it is to be narrowed down which. */
async function attempt(
  opened: Opened,
  batch: Batch,
  { isNarrow }: { readonly isNarrow: boolean },
  onStep: OnStep | undefined,
): Promise<Applied | undefined> {
  const { client, label, batches, aside, table, mayForget, hasAside } = opened;
  const { taken, refused: unfit } = sorted(batch.rows, table.keyKind);
  if (unfit.length > 0 && !hasAside) return;
  const giveUp = async (): Promise<undefined> => {
    await client.query('ROLLBACK');
  };
  await client.query('BEGIN');
  await client.query(settings);
  onStep?.('begun');
  // Waits for whoever is recording the same id just now.
  const recording = await client.query(
    `INSERT INTO ${batches} (id, note) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
    [batch.id, batch.note],
  );
  if (recording.rowCount === 0) {
    await client.query('ROLLBACK');
    return { isNew: false, refused: await recorded(opened, batch.id) };
  }
  onStep?.('recorded');
  const refused = [...unfit];
  // A key that is looked at only at the end would fail the commit, and name no row.
  if (isNarrow) await client.query('SET CONSTRAINTS ALL IMMEDIATE');
  for (const page of pagesOf(taken, isNarrow ? chunkLength(taken.length) : undefined)) {
    try {
      refused.push(...(isNarrow ? await writeChunk(opened, page) : await writePage(opened, page)));
    } catch (error) {
      if (isNarrow || !isOfRow(error)) throw error;
      return await giveUp();
    }
    onStep?.('page-written');
  }
  if (refused.length > 0 && !hasAside) return await giveUp();
  if (refused.length > (batch.mostRefused ?? Number.POSITIVE_INFINITY))
    throw new TooManyRefusedError(label, refused, batch.rows.length);
  await record(opened, batch.id, refused);
  if (mayForget && batch.forget.length > 0) {
    await client.query(`DELETE FROM ${batches} WHERE id = ANY($1::text[])`, [batch.forget]);
    if (hasAside) await client.query(`DELETE FROM ${aside} WHERE batch = ANY($1::text[])`, [batch.forget]);
  }
  onStep?.('written');
  try {
    const { command } = await client.query('COMMIT');
    // What a transaction that failed unnoticed answers.
    if (command !== 'COMMIT') throw new SqlFailedError(label, `COMMIT was answered by ${command}`);
  } catch (error) {
    // The commit itself was refused, so nothing is open any more.
    if (isNarrow || !isOfRow(error)) throw error;
    return;
  }
  onStep?.('sql-committed');
  return { isNew: true, refused: refused.toSorted(byId) };
}

async function record(
  { client, aside, batches }: Opened,
  batch: string,
  refused: readonly Refusal[],
): Promise<void> {
  for (const page of pagesOf(refused)) {
    await client.query(
      `INSERT INTO ${aside} (batch, id, count, code, reason)
        SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING`,
      [
        batch,
        page.map(({ id }) => id),
        page.map(({ count }) => String(count)),
        page.map(({ code }) => code),
        page.map(({ reason }) => reason),
      ],
    );
  }
  // So that somebody who may not read them knows at least of them.
  if (refused.length > 0)
    await client.query(`UPDATE ${batches} SET note = note || $2 WHERE id = $1`, [
      batch,
      ` [${refused.length} set aside]`,
    ]);
}

async function recorded({ client, aside, batches }: Opened, batch: string): Promise<Refusal[]> {
  const { rows: notes } = await client.query(`SELECT note FROM ${batches} WHERE id = $1`, [batch]);
  if (!/ \[\d+ set aside\]$/.test(String(notes[0]?.note))) return [];
  const { rows } = await client.query<Record<string, unknown>>(
    `SELECT id, count, code, reason FROM ${aside} WHERE batch = $1`,
    [batch],
  );
  return rows
    .map(({ id, count, code, reason }) => ({
      id: String(id),
      count: Number(count),
      code: String(code),
      reason: String(reason),
    }))
    .sort(byId);
}
