import { QuarterdeckError } from '../../errors.ts';
import { cancellable, watched } from '../../library-calls.ts';
import type { Call, Daemon, Handle, Listed, Redis, Reporting, Watched } from '../../library-types.ts';
import { CutError } from '../../redis/allowance.ts';
import type { Client } from '../../redis/client.ts';
import { clientOf, listenerOf } from '../../redis/connection/library-client.ts';
import { UnreadableReplyError } from '../../redis/errors.ts';
import { listed, registryKey } from '../../redis/registry.ts';
import { namesCutTexts } from '../../ui/format.ts';
import { requireWhole, requireWholes, timerRange } from '../../values.ts';
import { warn } from '../../warnings.ts';
import * as own from './buffer.ts';
import { discover as discoverTypes } from './discover.ts';
import { type Aside as AsideRow, asidePages, dropAside, retryAside } from './flush/aside.ts';
import { type Flushed as FlushedOnce, flush as flushOwn } from './flush/flush.ts';
import { keepFlushing } from './flush/flusher.ts';
import { isOwnType } from './keys.ts';
import { glance, type Pending, pendingOf } from './pending.ts';
import { openTarget as openTable } from './sql/open-target.ts';
import type { Applied, Batch, FlushStep, OnStep, Refusal, Row, Target, TargetOptions } from './sql/target.ts';

// quarterdeck/buffer: counts wait in Redis and reach SQL in batches, exactly once in effect.

export * from './errors.ts';
export type { Applied, Batch, FlushStep, OnStep, Refusal, Row, Target, TargetOptions };

/** Adds counts up in memory and sends them every `flushMs`. Closing flushes. */
export interface Buffer extends Handle {
  /** False when so much waits that the caller should await `flush()` first. */
  add(name: string, id: string, by?: number): boolean;
  flush(options?: Call): Promise<void>;
}

export interface Options extends Reporting {
  /** How long a count waits in memory at most. */
  readonly flushMs?: number;
  /** How many ids are gathered at most (10,000); no more than 1,000,000. */
  readonly maxIds?: number;
}

export interface Flushed {
  readonly type: 'flushed';
  /** Undefined: nothing was pending. */
  readonly batch: string | undefined;
  readonly rows: number;
  readonly total: number;
  /** Ids that SQL refused and that are set aside now. */
  readonly refused: readonly Refusal[];
  readonly durationMs: number;
}

export interface RunOptions extends Daemon<Flushed | { readonly type: 'standby' }> {
  readonly signal: AbortSignal;
  readonly everyMs: number;
}

/** An id that SQL refuses: out of the way of the others, and tried again later. */
export interface Aside {
  readonly name: string;
  readonly id: string;
  readonly count: number;
  /** SQLSTATE, `SQLITE_CONSTRAINT`, or one of ours: `ID_TYPE`, `COUNT_TYPE`, `NO_ROW`. */
  readonly code: string | undefined;
  readonly reason: string | undefined;
  readonly sinceAt: number | undefined;
  readonly tries: number;
  /** 0: with the next flush. */
  readonly nextRetryAt: number | undefined;
}

export interface Status {
  readonly name: string;
  /** Ids and increments that wait. */
  readonly ids: number;
  readonly total: number;
  /** Ids of the batch being written to SQL. */
  readonly inflight: number;
  /** Ids that SQL refuses. */
  readonly aside: number;
  readonly oldestAt: number | undefined;
  readonly failure: { readonly message: string; readonly sinceAt: number } | undefined;
}

/**
 * Opens a table in SQLite or PostgreSQL for `flush`; whoever opens it closes it.
 * @throws {BadTargetError | SqlUnreachableError | SqlSchemaError | MissingPackageError}
 */
export async function openTarget(options: TargetOptions & Call): Promise<Target & Handle> {
  const { signal, ...table } = options;
  const opening = openTable(table);
  try {
    const target = await cancellable({ signal }, () => opening);
    return Object.assign(target, { [Symbol.asyncDispose]: () => target.close() });
  } catch (error) {
    // Cancelled: it may still open.
    void opening.then((target) => target.close()).catch(() => {});
    throw error;
  }
}

/** They are in memory until then. */
const mostGathered = 1_000_000;

/** @throws {UnsupportedClientError}, {UsageError} on options that cannot be meant */
export function open(redis: Redis, { flushMs, maxIds, onEvent }: Options = {}): Buffer {
  requireWholes({ flushMs }, timerRange);
  requireWholes({ maxIds }, { min: 1, max: mostGathered });
  const buffer = new own.IncrementBuffer(clientOf(redis), {
    ...(flushMs !== undefined && { maxDelayMs: flushMs }),
    ...(maxIds !== undefined && { maxIds }),
    onError: (error) => warn(onEvent, asOurs(error)),
  });
  const close = (): Promise<void> => buffer.close();
  return {
    add: (name, id, by) => buffer.add(name, id, by),
    flush: async (call = {}) => {
      await cancellable(call, () => buffer.flush());
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Adds counts at once, each once. @returns what is pending of the last id; what fails is not tried again */
export async function increment(
  redis: Redis,
  name: string,
  counts: Iterable<readonly [id: string, by: number]>,
  options: Call = {},
): Promise<number> {
  const client = clientOf(redis);
  return await cancellable(options, () => own.increment(client, name, counts));
}

/** Writes what is pending to SQL in one transaction, and goes on with a batch that somebody left. */
export async function flush(
  redis: Redis,
  name: string,
  target: Target,
  options: Call = {},
): Promise<Flushed> {
  const client = clientOf(redis);
  return asFlushed(await cancellable(options, () => flushOwn(client, name, target)));
}

/**
 * Flushes every `everyMs` until `signal` aborts; while another process does so, it stands by. A table is opened for each
 * batch and closed again; a target of your own stays open, and is yours to close.
 * @throws what the very first attempt meets, unless the database merely cannot be reached yet
 */
export async function run(
  redis: Redis,
  name: string,
  target: TargetOptions | Target,
  options: RunOptions,
): Promise<void> {
  const { everyMs, signal, subscriber, onEvent } = options;
  requireWhole('everyMs', everyMs, { min: 1 });
  const client = clientOf(redis);
  await keepFlushing({
    redis: client,
    type: name,
    target,
    everyMs,
    signal,
    ...(subscriber && { listen: listenerOf(client, { subscriber }) }),
    onFlushed: (flushed) => onEvent?.(asFlushed(flushed)),
    onNote: (note) => warn(onEvent, new QuarterdeckError('program', 'SQL_TABLE', note)),
    onStandby: () => onEvent?.({ type: 'standby' }),
    onFailure: (error) => warn(onEvent, asOurs(error)),
  });
}

/** What SQL refuses of one type. @throws {WrongTypeError} */
export async function* aside(redis: Redis, name: string, options: Call = {}): AsyncGenerator<Aside> {
  const pages = asidePages(clientOf(redis), name);
  for (;;) {
    const { done, value: page } = await cancellable(options, () => pages.next());
    if (done) return;
    yield* page.map(asAside);
  }
}

/** Lets the next flush try again what SQL refused. @returns how many ids that are */
export async function retry(
  redis: Redis,
  name: string,
  ids: readonly string[] | 'all',
  options: Call = {},
): Promise<number> {
  const client = clientOf(redis);
  return (await cancellable(options, () => retryAside(client, name, ids))).retried;
}

/** Forgets counts that SQL refuses. @returns what they amounted to */
export async function drop(
  redis: Redis,
  name: string,
  ids: readonly string[],
  options: Call = {},
): Promise<readonly { readonly id: string; readonly count: number }[]> {
  const client = clientOf(redis);
  return (await cancellable(options, () => dropAside(client, name, ids))).dropped;
}

/** One type; undefined if nothing waits and nothing was ever flushed. @throws {WrongTypeError} */
export async function status(redis: Redis, name: string, options: Call = {}): Promise<Status | undefined> {
  const client = clientOf(redis);
  const found = await cancellable(options, () => pendingOf(client, name));
  const isEmpty =
    found.ids + found.aside.ids === 0 && found.inflight.batch === undefined && found.status === undefined;
  return isEmpty ? undefined : asStatus(found);
}

/** Every type that is registered. One whose keys belong to something else is warned of. */
export async function list(
  redis: Redis,
  { limit, discover: also, onEvent, ...call }: Listed = {},
): Promise<Status[]> {
  const client = clientOf(redis);
  return await cancellable(call, async () => {
    const found = also ? await discoverTypes(client, call.signal ?? new AbortController().signal) : [];
    const known = await listed(client, 'buffer', limit);
    for (const cut of namesCutTexts(known)) warn(onEvent, new CutError(cut));
    const names = [...new Set([...known.names, ...found])].slice(0, limit);
    // Anybody may write to the index, and one name that cannot be must not hide all others.
    const possible = names.filter((name) => isOwnType(name, client));
    for (const name of names)
      if (!isOwnType(name, client))
        warn(onEvent, new UnreadableReplyError('the name of a type', name, registryKey('buffer')));
    return await statusesOf(client, possible.toSorted(), onEvent);
  });
}

export function watch(redis: Redis, options: Watched = {}): AsyncIterable<Status[]> {
  return watched((reporting) => list(redis, reporting), options);
}

const typesAtOnce = 200;

async function statusesOf(
  client: Client,
  names: readonly string[],
  onEvent: Reporting['onEvent'],
): Promise<Status[]> {
  const statuses: Status[] = [];
  for (let from = 0; from < names.length; from += typesAtOnce) {
    for (const found of await glance(client, names.slice(from, from + typesAtOnce))) {
      if ('error' in found) warn(onEvent, new QuarterdeckError('data', 'WRONG_TYPE', found.error));
      else statuses.push(asStatus(found));
    }
  }
  return statuses;
}

function asFlushed({ batch, rows, total, refused, durationMs }: FlushedOnce): Flushed {
  return { type: 'flushed', batch, rows, total, refused, durationMs };
}

function asAside({ type, id, count, code, reason, sinceMs, tries, nextRetryMs }: AsideRow): Aside {
  return { name: type, id, count, code, reason, sinceAt: sinceMs, tries, nextRetryAt: nextRetryMs };
}

function asStatus({ type, ids, total, inflight, aside: refused, oldestMs, status: report }: Pending): Status {
  const failure = report?.failure;
  return {
    name: type,
    ids,
    total,
    inflight: inflight.ids,
    aside: refused.ids,
    oldestAt: oldestMs,
    failure: failure && { message: failure.message, sinceAt: failure.sinceMs },
  };
}

function asOurs(error: unknown): QuarterdeckError {
  if (QuarterdeckError.is(error)) return error;
  return new QuarterdeckError(
    'connection',
    'FLUSH_FAILED',
    `Counts could not be written yet: ${String(error)}`,
    {
      cause: error,
      isRetryable: true,
    },
  );
}

export {
  /** @deprecated since 0.2: `open` */
  IncrementBuffer,
  /** @deprecated since 0.2: `Options` */
  type IncrementBufferOptions,
} from './buffer.ts';
export {
  /** @deprecated since 0.2: `list` with `discover` */
  discover,
} from './discover.ts';
export {
  /** @deprecated since 0.2: `status` */
  hasWork,
} from './flush/flush.ts';
export {
  /** @deprecated since 0.2: `flush` */
  flushOnce,
  /** @deprecated since 0.2: `run` */
  keepFlushing,
} from './flush/flusher.ts';
export {
  /** @deprecated since 0.2: `list` */
  glance,
  /** @deprecated since 0.2: `status` */
  pendingOf,
} from './pending.ts';
