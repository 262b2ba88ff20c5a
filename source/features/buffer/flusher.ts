import { setTimeout as wait } from 'node:timers/promises';
import { messageOf } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { hold } from '../lock/lock.ts';
import { SqlUnreachableError } from './errors.ts';
import { type Flushed, flush, hasWork } from './flush.ts';
import { bufferKeys } from './keys.ts';
import { openTarget } from './open-target.ts';
import { serverTimeMs, writeStatus } from './status.ts';
import type { OnStep, TargetOptions } from './target.ts';

/**
 * Flushing as a run of its own: opens the database for each batch and closes it again, so that between batches
 * nothing is held that could break, and leaves word for the consoles how it went.
 */

const longestRetryMs = 60_000;
const heartbeatMs = 5000;
/** A timer for longer ends at once. */
const longestTimerMs = 2 ** 31 - 1;

export type FlushRun = {
  readonly redis: Client;
  readonly type: string;
  readonly target: TargetOptions;
  readonly onStep?: OnStep;
};

/**
 * One flush, from opening to closing the database.
 * @throws whatever `openTarget` and `flush` throw; consoles are told
 */
export async function flushOnce(run: FlushRun): Promise<Flushed> {
  bufferKeys(run.redis, run.type);
  try {
    return await attempt(run);
  } catch (error) {
    await tellFailure(run, error, { failures: 1, failingSinceMs: undefined }, null);
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
  /** Told when another process is flushing this type, and we wait to take over. */
  readonly onStandby?: () => void;
  readonly onFailure?: (error: unknown, attempts: number, retryInMs: number) => void;
};

/**
 * Flushes every `everyMs` until the signal, while holding the lock `flush:<type>`; without it waits to take over. The
 * lock only spares others the work: without it every count would reach SQL once just the same.
 *
 * Failures are repeated after a growing pause. But what the very first attempt meets is thrown, unless the database
 * merely cannot be reached yet: a table that is not there is better told now than when the first count arrives.
 */
export async function keepFlushing(options: FlusherOptions): Promise<void> {
  const { redis, type, signal, onStandby, listen } = options;
  const course: Course = { isProven: await isOpenable(options), failures: 0, failingSinceMs: undefined };
  while (!signal.aborted) {
    const wanted = { label: `buffer flush ${type}`, ...(listen && { listen }) };
    const name = `flush:${type}`;
    let held = await hold(redis, name, wanted);
    if (!held) {
      onStandby?.();
      held = await hold(redis, name, { ...wanted, waitMs: Number.POSITIVE_INFINITY, signal }).catch(
        (error) => {
          if (!signal.aborted) throw error;
          return undefined;
        },
      );
    }
    if (!held) return;
    try {
      await flushInTurn(options, course, AbortSignal.any([signal, held.signal]));
    } finally {
      await held.release();
    }
  }
}

/** How it has gone so far. */
type Course = {
  /** Whether the database was ever opened: from then on every failure may mend. */
  isProven: boolean;
  failures: number;
  failingSinceMs: number | undefined;
};

async function isOpenable(options: FlusherOptions): Promise<boolean> {
  // Refuses the type before anything is opened.
  bufferKeys(options.redis, options.type);
  try {
    await (await openTarget(options.target)).close();
    return true;
  } catch (error) {
    if (error instanceof SqlUnreachableError) return false;
    await tellFailure(options, error, { failures: 1, failingSinceMs: undefined }, null);
    throw error;
  }
}

async function flushInTurn(options: FlusherOptions, course: Course, signal: AbortSignal): Promise<void> {
  const { redis, type, everyMs, firstRetryMs = 1000, onFlushed, onFailure } = options;
  let beatAtMs = Number.NEGATIVE_INFINITY;
  try {
    while (!signal.aborted) {
      let pauseMs = everyMs;
      if (performance.now() - beatAtMs >= heartbeatMs) {
        await writeStatus(redis, type, { flusher: { everyMs, seenMs: await serverTimeMs(redis) } });
        beatAtMs = performance.now();
      }
      try {
        if (!course.isProven || (await hasWork(redis, type))) {
          const flushed = await attempt(options);
          if (flushed.batch !== undefined) await onFlushed?.(flushed);
        }
        Object.assign(course, { isProven: true, failures: 0, failingSinceMs: undefined });
      } catch (error) {
        const isHopeless = !course.isProven && !(error instanceof SqlUnreachableError);
        pauseMs = Math.min(firstRetryMs * 2 ** course.failures, longestRetryMs) * (0.8 + Math.random() * 0.4);
        course.failures += 1;
        const retryInMs = isHopeless ? null : pauseMs;
        course.failingSinceMs = await tellFailure(options, error, course, retryInMs);
        if (isHopeless) throw error;
        onFailure?.(error, course.failures, pauseMs);
      }
      await wait(Math.min(pauseMs, longestTimerMs), undefined, { signal }).catch(() => {});
    }
  } finally {
    await writeStatus(redis, type, { flusher: undefined });
  }
}

async function attempt({ redis, type, target: options, onStep }: FlushRun): Promise<Flushed> {
  const { key = 'id', column = 'count', table } = options;
  const target = await openTarget(options);
  try {
    const flushed = await flush(redis, type, target, onStep ? { onStep } : {});
    const { batch, rows, total, durationMs } = flushed;
    const last = { rows, total, durationMs, atMs: await serverTimeMs(redis) };
    await writeStatus(redis, type, {
      failure: undefined,
      ...(batch !== undefined && { last, target: { to: target.to, table, key, column } }),
    });
    return flushed;
  } finally {
    await target.close();
  }
}

async function tellFailure(
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
