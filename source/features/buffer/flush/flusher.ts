import { messageOf } from '../../../errors.ts';
import { backoffMs, pause } from '../../../redis/backoff.ts';
import type { Client } from '../../../redis/client.ts';
import { isPassing, rideOut } from '../../../redis/refusals.ts';
import { type Held, hold } from '../../lock/lock.ts';
import { SqlFailedError, SqlUnreachableError, TooManyRefusedError } from '../errors.ts';
import { bufferKeys } from '../keys.ts';
import { openTarget } from '../sql/open-target.ts';
import type { OnStep, Target, TargetOptions } from '../sql/target.ts';
import { type Status, serverTimeMs, writeStatus } from '../status.ts';
import { type Flushed, flush, hasWork } from './flush.ts';

/**
 * Flushing as a run of its own: opens the database for each batch and closes it again, so that between batches
 * nothing is held that could break, and leaves word for the consoles how it went.
 */

const longestRetryMs = 60_000;
const heartbeatMs = 5000;
/** How often a table that refused ids is looked at, whether it is defined otherwise. */
const definitionEveryMs = 60_000;
/** A timer for longer ends at once. */
const longestTimerMs = 2 ** 31 - 1;

export type FlushRun = {
  readonly redis: Client;
  readonly type: string;
  /** A table, opened for each batch and closed again; or a target that stays open, and is the caller's to close. */
  readonly target: TargetOptions | Target;
  /** How long refusals of Redis that pass are waited for; without it, for as long as they last. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly onStep?: OnStep;
  /** What an operator should know of the table; once for each. */
  readonly onNote?: (note: string) => void;
};

/**
 * One flush, from opening to closing the database. What fails before a batch is claimed concerns whoever runs it, who gets
 * the error; a batch that stays in flight concerns everybody, and consoles show it.
 * @throws whatever `openTarget` and `flush` throw
 */
export async function flushOnce(run: FlushRun): Promise<Flushed> {
  bufferKeys(run.redis, run.type);
  try {
    const { signal, timeoutMs } = run;
    return await rideOut(() => attempt(run), {
      ...(signal && { signal }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
  } catch (error) {
    const isLeft = error instanceof SqlFailedError || error instanceof TooManyRefusedError;
    if (isLeft) await noteFailure(run, error, { failures: 1, failingSinceMs: undefined }, null);
    throw error;
  }
}

export type FlusherOptions = FlushRun & {
  readonly everyMs: number;
  /** Ends it after the batch it is at. */
  readonly signal: AbortSignal;
  /** The first pause after a failure; it doubles with each one on end, up to a minute. */
  readonly firstRetryMs?: number;
  readonly onFlushed?: (flushed: Flushed) => void | Promise<void>;
  /** A connection that only listens, to hear when the lock is free; by default one of its own. */
  readonly listen?: () => Client;
  /** Called when another process is flushing this type, and we wait to take over. */
  readonly onStandby?: () => void;
  readonly onFailure?: (error: unknown, attempts: number, retryInMs: number) => void;
};

/**
 * Flushes every `everyMs` until the signal, while holding the lock `flush:<type>`; without it waits to take over. The
 * lock only spares others the work: without it every count would reach SQL once just the same. So a server that is too
 * full to give it is flushed without.
 *
 * Failures are repeated after a growing pause. But what the very first attempt meets is thrown, unless the database
 * merely cannot be reached yet: a table that is not there is better reported now than when the first count arrives.
 * @throws {RefusedError} when Redis refused for longer than `timeoutMs` what a flush needs
 */
export async function keepFlushing(options: FlusherOptions): Promise<void> {
  const { redis, type, signal } = options;
  // Refuses the type before anything is opened.
  bufferKeys(redis, type);
  const course: Course = {
    isProven: await isOpenable(options),
    failures: 0,
    failingSinceMs: undefined,
    refusedSinceMs: undefined,
    openedAtMs: Number.NEGATIVE_INFINITY,
  };
  while (!signal.aborted) {
    const held = await takeTurn(options, course);
    if (!held) return;
    try {
      await flushInTurn(options, course, AbortSignal.any([signal, held.signal]));
    } finally {
      // It ends by itself where the server does not take it back.
      await held.release().catch(() => {});
    }
  }
}

/** How it has gone so far. */
type Course = {
  /** Whether the database was ever opened: from then on every failure may mend. */
  isProven: boolean;
  failures: number;
  failingSinceMs: number | undefined;
  /** Since when Redis refuses, on the local monotonic clock. */
  refusedSinceMs: number | undefined;
  openedAtMs: number;
};

async function isOpenable(options: FlusherOptions): Promise<boolean> {
  try {
    await using opened = await open(options.target);
    for (const note of opened.target.notes ?? []) options.onNote?.(note);
    return true;
  } catch (error) {
    if (error instanceof SqlUnreachableError) return false;
    throw error;
  }
}

/** The lock; undefined when the signal came first. While the server refuses it, flushes go on without. */
async function takeTurn(options: FlusherOptions, course: Course): Promise<Held | undefined> {
  const { redis, type, signal, everyMs, onStandby, listen } = options;
  const wanted = { label: `buffer flush ${type}`, ...(listen && { listen }) };
  const name = `flush:${type}`;
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      const held = await hold(redis, name, wanted);
      if (held) return held;
      onStandby?.();
      return await hold(redis, name, { ...wanted, waitMs: Number.POSITIVE_INFINITY, signal });
    } catch (error) {
      if (signal.aborted) return;
      if (!isPassing(error)) throw error;
      await flushNow(options, course);
      await pause(Math.min(everyMs, backoffMs(failures, { firstMs: 100, mostMs: 2000 })), signal);
    }
  }
}

async function flushInTurn(options: FlusherOptions, course: Course, signal: AbortSignal): Promise<void> {
  const { redis, type, everyMs } = options;
  let beatAtMs = Number.NEGATIVE_INFINITY;
  try {
    while (!signal.aborted) {
      if (performance.now() - beatAtMs >= heartbeatMs) {
        await writeStatus(redis, type, { flusher: { everyMs, seenMs: await serverTimeMs(redis) } });
        beatAtMs = performance.now();
      }
      const pauseMs = await flushNow(options, course);
      await pause(Math.min(pauseMs, longestTimerMs), signal);
    }
  } finally {
    await writeStatus(redis, type, { flusher: undefined });
  }
}

/**
 * Flushes what there is.
 * @returns how long to wait before the next time
 */
async function flushNow(options: FlusherOptions, course: Course): Promise<number> {
  const { redis, type, everyMs, firstRetryMs = 1000, onFlushed, onFailure } = options;
  const { timeoutMs = Number.POSITIVE_INFINITY } = options;
  try {
    const work = await hasWork(redis, type);
    const isDue = performance.now() - course.openedAtMs >= definitionEveryMs;
    if (!course.isProven || work === true || (work === 'aside' && isDue)) {
      course.openedAtMs = performance.now();
      const flushed = await attempt(options);
      if (flushed.batch !== undefined) await onFlushed?.(flushed);
    }
    course.isProven = true;
    course.failures = 0;
    course.failingSinceMs = undefined;
    course.refusedSinceMs = undefined;
    return everyMs;
  } catch (error) {
    if (isPassing(error)) course.refusedSinceMs ??= performance.now();
    if (performance.now() - (course.refusedSinceMs ?? Number.POSITIVE_INFINITY) > timeoutMs) throw error;
    if (!course.isProven && !(error instanceof SqlUnreachableError) && !isPassing(error)) throw error;
    const pauseMs =
      Math.min(firstRetryMs * 2 ** course.failures, longestRetryMs) * (0.8 + Math.random() * 0.4);
    course.failures += 1;
    course.failingSinceMs = await noteFailure(options, error, course, pauseMs);
    onFailure?.(error, course.failures, pauseMs);
    return pauseMs;
  }
}

async function attempt({ redis, type, target: given, onStep, onNote }: FlushRun): Promise<Flushed> {
  await using opened = await open(given);
  const { target } = opened;
  for (const note of target.notes ?? []) onNote?.(note);
  const flushed = await flush(redis, type, target, onStep ? { onStep } : {});
  const { batch, rows, total, durationMs } = flushed;
  const last = { rows, total, durationMs, atMs: await serverTimeMs(redis) };
  await writeStatus(redis, type, {
    failure: undefined,
    ...(batch !== undefined && { last, target: placeOf(given, target) }),
  });
  return flushed;
}

/** A target that the caller keeps open is not closed with this. */
async function open(given: TargetOptions | Target): Promise<{ readonly target: Target } & AsyncDisposable> {
  if ('apply' in given) return { target: given, async [Symbol.asyncDispose]() {} };
  const target = await openTarget(given);
  return { target, [Symbol.asyncDispose]: () => target.close() };
}

/** What consoles show of the table; nothing of a target of the caller's own. */
function placeOf(given: TargetOptions | Target, { to }: Target): Status['target'] {
  if ('apply' in given) return undefined;
  const { table, key = 'id', column = 'count' } = given;
  return { to, table, key, column };
}

async function noteFailure(
  { redis, type }: FlushRun,
  error: unknown,
  { failures, failingSinceMs }: Pick<Course, 'failures' | 'failingSinceMs'>,
  retryInMs: number | null,
): Promise<number> {
  const nowMs = await serverTimeMs(redis).catch(() => Date.now());
  const sinceMs = failingSinceMs ?? nowMs;
  const retryAtMs = retryInMs === null ? null : Math.round(nowMs + retryInMs);
  const failure = { attempts: failures, message: messageOf(error), sinceMs, retryAtMs };
  await writeStatus(redis, type, { failure });
  return sinceMs;
}
