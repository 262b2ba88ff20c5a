import { QuarterdeckError, WrongTypeError } from '../../errors.ts';
import { cancellable, watched } from '../../library-calls.ts';
import type { Call, Handle, Listed, Redis, Reporting, Watched } from '../../library-types.ts';
import { CutError } from '../../redis/allowance.ts';
import { clientOf } from '../../redis/connection/library-client.ts';
import { requireKeyName } from '../../redis/keys.ts';
import { unregister } from '../../redis/registry.ts';
import { warn } from '../../warnings.ts';
import { discover } from './discover.ts';
import { Hits } from './hits.ts';
import { dayMs, hourlyKey, hourMs, rawKey, writersKey } from './keys.ts';
import * as read from './read.ts';

// quarterdeck/hits: how often something happened, in buckets of 10 s and in hours.

/** A stretch of time, epoch ms; multiples of 10 s, or whole hours where the buckets have expired. */
export interface Window {
  readonly fromAt: number;
  readonly toAt: number;
}

/** One series at a glance. */
export interface Status {
  readonly series: string;
  /** Since local midnight. */
  readonly today: number;
  /** From the midnight before to the same time of that day. */
  readonly yesterday: number;
  readonly lastHour: number;
}

export interface Options extends Reporting {
  /** How long counts are gathered in memory, 10 to 10,000 ms. */
  readonly flushMs?: number;
  /** How long buckets of 10 s are kept; hours are kept for 400 days at least. */
  readonly keepMs?: number;
}

/** Counts in memory and writes sums to Redis every `flushMs`. Closing flushes. */
export interface Counter extends Handle {
  /** @throws {UsageError} when `by` is not a whole number from 0 up */
  add(series: string, by?: number): void;
  /** Resolves once everything added so far is in Redis; what failed stays and goes out with the next flush. */
  flush(options?: Call): Promise<void>;
}

/** @throws {UsageError} on options that cannot be meant, {UnsupportedClientError} */
export function open(redis: Redis, { onEvent, ...options }: Options = {}): Counter {
  const hits = new Hits(clientOf(redis), {
    ...options,
    onError: (error) => warn(onEvent, asOurs(error)),
  });
  const close = (): Promise<void> => hits.close();
  return {
    add: (series, by) => hits.add(series, by),
    flush: (call = {}) => cancellable(call, () => hits.flush()),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * How many hits fell into a window: the last `sinceMs`, a stretch of time, or since local midnight.
 * @throws {WrongTypeError} when a key holds something else
 */
export async function sum(
  redis: Redis,
  series: string,
  window: { readonly sinceMs: number } | Window | 'today',
  options: Call = {},
): Promise<Window & { readonly sum: number }> {
  const client = clientOf(redis);
  const found = await cancellable(options, () => {
    if (window === 'today') return read.sumToday(client, series);
    if ('sinceMs' in window) return read.sum(client, series, window);
    return read.sumBetween(client, series, { fromMs: window.fromAt, toMs: window.toAt });
  });
  return { fromAt: found.fromMs, toAt: found.toMs, sum: found.sum };
}

/**
 * One count for each step.
 * @param options.stepMs a multiple of 10 s
 * @throws {UsageError} for other steps, and for more than 10,000 of them
 */
export async function points(
  redis: Redis,
  series: string,
  { stepMs, sinceMs, ...call }: Call & { readonly stepMs: number; readonly sinceMs: number },
): Promise<(readonly [at: number, count: number])[]> {
  const client = clientOf(redis);
  return [...(await cancellable(call, () => read.seriesPoints(client, series, { stepMs, sinceMs })))];
}

/**
 * Every series that was counted, the one counted last first. A key of one that holds something else is warned of; the
 * series counts as far as it can be read.
 */
export async function list(
  redis: Redis,
  { limit, discover: also, onEvent, ...call }: Listed = {},
): Promise<Status[]> {
  const client = clientOf(redis);
  return await cancellable(call, async () => {
    const named = await read.seriesNames(client, limit, (cut) => warn(onEvent, new CutError(cut)));
    const found = also ? await discover(client, call.signal) : { own: [], foreign: [] };
    const names = [...new Set([...named, ...found.own])].slice(0, limit);
    const foreign = new Set(found.foreign);
    const statuses = await read.overview(client, names, undefined, (key) => foreign.add(key));
    for (const key of foreign) warn(onEvent, new WrongTypeError(key, 'hit counter'));
    return statuses.map(({ series, today, yesterday, lastHour }) => ({ series, today, yesterday, lastHour }));
  });
}

/** One series; undefined if none of this name is registered. @throws {WrongTypeError} */
export async function status(redis: Redis, series: string, options: Call = {}): Promise<Status | undefined> {
  const client = clientOf(redis);
  return await cancellable(options, async () => {
    if (!(await read.isKnown(client, series))) return undefined;
    const [found] = await read.overview(client, [series]);
    // What `list` counts as far as it can be read is said here: the sums throw for a key that holds something else.
    await read.sumToday(client, series);
    return found && { series, today: found.today, yesterday: found.yesterday, lastHour: found.lastHour };
  });
}

export function watch(redis: Redis, options: Watched = {}): AsyncIterable<Status[]> {
  return watched((reporting) => list(redis, reporting), options);
}

/** Deletes all counts of a series. @returns whether there were any */
export async function remove(redis: Redis, series: string, options: Call = {}): Promise<boolean> {
  const client = clientOf(redis);
  return await cancellable(options, async () => {
    requireKeyName(client, series);
    const hour = Math.floor(Date.now() / hourMs);
    const day = Math.floor(Date.now() / dayMs);
    const keys = [
      writersKey(client, series),
      ...Array.from({ length: longestKeptDays * 24 + 2 }, (_, back) =>
        rawKey(client, series, hour + 1 - back),
      ),
      ...Array.from({ length: 10 * longestKeptDays + 2 }, (_, back) =>
        hourlyKey(client, series, day + 1 - back),
      ),
    ];
    let removed = 0;
    for (let from = 0; from < keys.length; from += 1000)
      removed += await client.unlink(...keys.slice(from, from + 1000));
    await unregister(client, 'hits', series);
    return removed > 0;
  });
}

/** As long as a writer may ask for its buckets to be kept; hours ten times as long. */
const longestKeptDays = 366;

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

/** @deprecated since 0.2: `Options` */
export type CounterOptions = Options;
export {
  /** @deprecated since 0.2: `open` */
  Hits,
  /** @deprecated since 0.2: `open` */
  type HitsOptions,
} from './hits.ts';
export {
  /** @deprecated since 0.2: `list`, `sum` and `Status` */
  type Overview,
  /** @deprecated since 0.2: `list`, `sum` and `Status` */
  overview,
  /** @deprecated since 0.2: `list`, `sum` and `Status` */
  type Points,
  /** @deprecated since 0.2: `list`, `sum` and `Status` */
  type Sum,
  /** @deprecated since 0.2: `list`, `sum` and `Status` */
  sumBetween,
  /** @deprecated since 0.2: `list`, `sum` and `Status` */
  sumToday,
} from './read.ts';
export {
  /** @deprecated since 0.2: the legacy layout is read by the command line */
  seedPoints,
  /** @deprecated since 0.2: the legacy layout is read by the command line */
  seedSum,
} from './read-seed.ts';
