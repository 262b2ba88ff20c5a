import { randomUUID } from 'node:crypto';
import { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Client as PostgresClient } from 'pg';
import { loadOptional, messageOf, QuarterdeckError } from '../../../errors.ts';
import {
  BadTargetError,
  SqlFailedError,
  SqlSchemaError,
  SqlUnreachableError,
  TooManyRefusedError,
} from '../errors.ts';
import { refuseClearText, withTls } from './postgres-connect.ts';
import { causeOf, detailOf, disguised, hintFor, isOfRow, isTimeout, sqlState } from './postgres-errors.ts';
import { checkTable, type Table } from './postgres-schema.ts';
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
 * PostgreSQL by `pg`. A page of rows is one statement; ids travel as text and become the key's own type there.
 * User, password, host and the rest may also come from the PG* variables and ~/.pgpass.
 *
 * A row that the table refuses fails its whole statement. The batch is then written once more, narrowed down: in at
 * most fifty chunks with a savepoint each, for a server keeps 64 of them in memory; a chunk that fails is halved, every
 * probe rolled back, until the rows at fault are known, and then written without them.
 */

const connectPatienceMs = 10_000;
/** Of one statement, here: a server that went silent. */
const statementPatienceMs = 60_000;
const closingPatienceMs = 2000;
const mostChunks = 50;
const leastChunkRows = 20;

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
  const { default: pg } = await loadOptional('pg', 'A PostgreSQL target', () => import('pg'));
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

type Opened = {
  readonly client: PostgresClient;
  readonly names: Names;
  readonly label: string;
  readonly scrub: (text: string) => string;
  readonly batches: string;
  readonly aside: string;
  readonly table: Table;
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
  const length = isNarrow ? Math.max(leastChunkRows, Math.ceil(taken.length / mostChunks)) : undefined;
  for (const page of pagesOf(taken, length)) {
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

/** Writes what can be written of a chunk; every probe is rolled back, so that no savepoint is left but one. */
async function writeChunk(opened: Opened, rows: readonly Row[]): Promise<Refusal[]> {
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
  opened: Opened,
  rows: readonly Item[],
  write: (opened: Opened, rows: readonly Item[]) => Promise<Refusal[]>,
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
async function updateEach(opened: Opened, suspects: readonly Refusal[]): Promise<Refusal[]> {
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
  opened: Opened,
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
async function probe(opened: Opened, rows: readonly Row[]): Promise<Refusal[]> {
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

function refusalOf(row: Row, error: unknown, { scrub }: Opened): Refusal {
  return { ...row, code: sqlState(error), reason: scrub(messageOf(error)) };
}

/** @returns rows of the page that are not there, where they cannot be made */
async function writePage(opened: Opened, page: readonly Row[]): Promise<Refusal[]> {
  if (!opened.table.canInsert) return await updatePage(opened, page);
  await upsertPage(opened, page);
  return [];
}

/** Ids that the key's type takes for one (`7` and `07`) are added up; rows are locked in the order of the page. */
async function upsertPage({ client, names, table }: Opened, page: readonly Row[]): Promise<void> {
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
async function updatePage({ client, names, table }: Opened, page: readonly Row[]): Promise<Refusal[]> {
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
