import { WrongTypeError } from '../../errors.ts';
import { cancellable, watched } from '../../library-calls.ts';
import type { Call, Handle, Listed, Redis, Reporting, Watched } from '../../library-types.ts';
import { CutError } from '../../redis/allowance.ts';
import type { Client } from '../../redis/client.ts';
import { clientOf } from '../../redis/connection/library-client.ts';
import { UnreadableReplyError } from '../../redis/errors.ts';
import { unregister } from '../../redis/registry.ts';
import { requireWholes, timerRange } from '../../values.ts';
import { warn } from '../../warnings.ts';
import { discover } from './discover.ts';
import { joinLogName, type LogName, logKeys, logName } from './keys.ts';
import * as read from './log.ts';
import { LogWriter, type LogWriterOptions } from './writer.ts';

// quarterdeck/log: what happens often, and what happened last, by name and severity.

/** A warning says that an attempt to send failed; it is made again. */
export interface Options extends Reporting {
  /** `info` unless given. */
  readonly severity?: string;
  /** Count exact texts instead of templates. */
  readonly raw?: boolean;
  /** How long a message waits at most before it is sent (250). */
  readonly flushMs?: number;
}

/** Gathers messages and sends them in batches. Closing sends the rest. */
export interface Writer extends Handle {
  /** How many messages are in Redis. */
  readonly written: number;
  /** False when so much waits that the caller should await `drained()` before it writes more; nothing is dropped. */
  write(message: string): boolean;
  drained(options?: Call): Promise<void>;
  flush(options?: Call): Promise<void>;
}

export interface Entry {
  /** The message, or the template it is grouped by. */
  readonly message: string;
  readonly count: number;
  /** In the hour before. */
  readonly previous: number;
  readonly rank: number;
  readonly previousRank: number | undefined;
  /** A line the message stands for. */
  readonly sample: string;
}

export interface Status {
  readonly name: string;
  readonly severity: string;
  /** Messages of this hour, and how many distinct ones; undefined where a key holds something else. */
  readonly total: number | undefined;
  readonly distinct: number | undefined;
}

export interface Common extends Status {
  readonly total: number;
  readonly distinct: number;
  /** The UTC hour, `YYYY-MM-DDTHH:00:00`; undefined when the log does not say since when it counts. */
  readonly hour: string | undefined;
  readonly previousHour: string | undefined;
  readonly entries: readonly Entry[];
}

/** @throws {UsageError} on a name or a severity that cannot be, {UnsupportedClientError} */
export function open(redis: Redis, name: string, options: Options = {}): Writer {
  requireWholes({ flushMs: options.flushMs }, timerRange);
  const writer = new LogWriter(clientOf(redis), name, options);
  const close = (): Promise<void> => writer.close();
  return {
    get written() {
      return writer.written;
    },
    write: (message) => writer.write(message),
    drained: (call = {}) => cancellable(call, () => writer.drained()),
    flush: (call = {}) => cancellable(call, () => writer.flush()),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * This hour's most frequent messages beside the previous hour's. Reading writes nothing.
 * @throws {WrongTypeError}
 */
export async function common(
  redis: Redis,
  name: string,
  { severity, top = 20, ...call }: Call & { readonly severity?: string; readonly top?: number } = {},
): Promise<Common> {
  requireWholes({ top });
  const client = clientOf(redis);
  const found = await cancellable(call, () => read.common(client, logName(name, severity), { top }));
  const { hour, previousHour, total, distinct, entries } = found;
  return {
    name: found.name,
    severity: found.severity,
    hour: hour ?? undefined,
    previousHour: previousHour ?? undefined,
    total,
    distinct,
    entries: entries.map((entry) => ({ ...entry, previousRank: entry.previousRank ?? undefined })),
  };
}

/**
 * The last lines, newest first; `at` is undefined where a line does not say.
 * @throws {WrongTypeError}
 */
export async function recent(
  redis: Redis,
  name: string,
  { severity, limit, ...call }: Call & { readonly severity?: string; readonly limit?: number } = {},
): Promise<{ readonly at: number | undefined; readonly message: string }[]> {
  requireWholes({ limit }, { min: 1 });
  const client = clientOf(redis);
  const lines = await cancellable(call, () => read.recent(client, logName(name, severity), limit));
  return lines.map(({ at, message }) => ({ at: at ?? undefined, message }));
}

/** One log, of severity `info` unless given; undefined if nothing was ever written to it. @throws {WrongTypeError} */
export async function status(
  redis: Redis,
  name: string,
  { severity, ...call }: Call & { readonly severity?: string } = {},
): Promise<(Status & { readonly total: number; readonly distinct: number }) | undefined> {
  const client = clientOf(redis);
  return await cancellable(call, async () => {
    const log = logName(name, severity);
    if (!(await read.isKnown(client, log))) return undefined;
    const { total, distinct } = await read.common(client, log, { top: 0, gone: 0 });
    return { ...log, total, distinct };
  });
}

/** The logs there are, by name and severity. One whose keys hold something else is in it, and warned of. */
export async function list(
  redis: Redis,
  { limit, discover: also, onEvent, ...call }: Listed = {},
): Promise<Status[]> {
  const client = clientOf(redis);
  return await cancellable(call, async () => {
    const signal = call.signal ?? new AbortController().signal;
    const known = await read.indexedLogs(client);
    for (const cut of known.cuts) warn(onEvent, new CutError(cut));
    const all = [...known.logs, ...(also ? await discover(client, signal) : [])];
    const names = new Map(all.map((log) => [joinLogName(log), log]));
    const wanted = [...names.values()].slice(0, limit);
    const statuses: Status[] = [];
    for (let from = 0; from < wanted.length; from += logsAtOnce)
      statuses.push(
        ...(await Promise.all(
          wanted.slice(from, from + logsAtOnce).map((log) => statusOf(client, log, onEvent)),
        )),
      );
    return statuses;
  });
}

const logsAtOnce = 100;

async function statusOf(client: Client, log: LogName, onEvent: Reporting['onEvent']): Promise<Status> {
  try {
    const { total, distinct } = await read.common(client, log, { top: 0, gone: 0 });
    return { ...log, total, distinct };
  } catch (error) {
    if (!(error instanceof WrongTypeError || error instanceof UnreadableReplyError)) throw error;
    warn(onEvent, error);
    return { ...log, total: undefined, distinct: undefined };
  }
}

export function watch(redis: Redis, options: Watched = {}): AsyncIterable<Status[]> {
  return watched((reporting) => list(redis, reporting), options);
}

/** Deletes a log of one severity. @returns whether there was one */
export async function remove(
  redis: Redis,
  name: string,
  { severity, ...call }: Call & { readonly severity?: string } = {},
): Promise<boolean> {
  const client = clientOf(redis);
  return await cancellable(call, async () => {
    const log = logName(name, severity);
    const { common: counts, start, last, pstart, recent: lines, samples, patterns } = logKeys(client, log);
    const removed = await client.unlink(counts, start, last, pstart, lines, samples, patterns);
    await unregister(client, 'log', joinLogName(log));
    return removed > 0;
  });
}

export {
  /** @deprecated since 0.2: `list` */
  logs,
  /** @deprecated since 0.2: `list` */
  type ReadOptions,
} from './log.ts';
export type {
  /** @deprecated since 0.2: the reply of `recent` */
  RecentLine,
} from './recent-line.ts';
export {
  /** @deprecated since 0.2: no part of the library's promise */
  mask,
} from './template/mask.ts';
export {
  /** @deprecated since 0.2: no part of the library's promise */
  Miner,
} from './template/miner.ts';
export type {
  /** @deprecated since 0.2: names and severities are strings */
  LogName,
};
export {
  /** @deprecated since 0.2: `open` */
  LogWriter,
  /** @deprecated since 0.2: `open` */
  type LogWriterOptions,
};
