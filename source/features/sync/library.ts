import { QuarterdeckError } from '../../errors.ts';
import { cancellable, watched } from '../../library-calls.ts';
import type { Call, Daemon, Listed, Redis, Watched } from '../../library-types.ts';
import { clientOf, listenerOf } from '../../redis/library-client.ts';
import { warn } from '../../warnings.ts';
import { NoTargetError } from './errors.ts';
import { forgetTarget } from './forget.ts';
import type { SyncEvent } from './options.ts';
import { runSync } from './runner/run.ts';
import * as own from './status.ts';
import { notify as notifyOwn, watch as watchFiles } from './watcher/watch.ts';

// quarterdeck/sync: files follow their change messages to other machines, by rsync.

export * from './errors.ts';

const defaultChannel = 'new_files';

export type Event =
  | {
      readonly type: 'batch';
      readonly files: number;
      readonly bytes: number;
      readonly deleted: number;
      readonly failed: number;
      readonly durationMs: number;
    }
  | {
      readonly type: 'full';
      readonly files: number;
      readonly missedByEvents: number;
      readonly durationMs: number;
    }
  | { readonly type: 'halted'; readonly reason: string }
  | { readonly type: 'resumed' };

export interface Status {
  readonly channel: string;
  readonly base: string;
  readonly target: string;
  readonly state: 'live' | 'idle' | 'lapsed';
  /** Changes not done for this target yet. */
  readonly queued: number;
  /** Paths that could not be copied and are tried again. */
  readonly failed: number;
  readonly lastBatchAt: number | undefined;
  readonly lastFullAt: number | undefined;
}

export interface Options extends Daemon<Event> {
  readonly signal: AbortSignal;
  readonly channel?: string;
  /** How long the first path of a batch waits for others (2,000). */
  readonly everyMs?: number;
  /** How often everything is compared (an hour). */
  readonly fullEveryMs?: number;
  /** A shell command that sees each batch first: its paths on stdin, each ended by a NUL. */
  readonly before?: string;
  /** Remove at the target what is gone from the base. */
  readonly deletes?: boolean;
  /** Wait while another process serves the target, instead of failing. */
  readonly standby?: boolean;
}

/** A trouble that is ridden out, such as a target that cannot be reached. */
export class SyncTroubleError extends QuarterdeckError {
  constructor(sentence: string) {
    super('program', 'SYNC_TROUBLE', sentence, { isRetryable: true });
  }
}

/**
 * Says that these files changed. A path outside of `base` is refused.
 * @throws {PathRefusedError}
 */
export async function notify(
  redis: Redis,
  paths: readonly string[],
  {
    channel = defaultChannel,
    base,
    ...call
  }: Call & { readonly channel?: string; readonly base?: string } = {},
): Promise<{ readonly first: number; readonly last: number; readonly count: number }> {
  const client = clientOf(redis);
  return await cancellable(call, () => notifyOwn(client, channel, paths, base === undefined ? {} : { base }));
}

/**
 * Publishes every change below a folder as it happens, until `signal` aborts.
 * @throws {BaseError} also once the folder is moved or removed
 * @throws {WatchLimitError}
 */
export async function observe(
  redis: Redis,
  folder: string,
  {
    signal,
    onEvent,
    channel = defaultChannel,
  }: Daemon<{ readonly type: 'notified'; readonly count: number }> & {
    readonly signal: AbortSignal;
    readonly channel?: string;
  },
): Promise<void> {
  const onTrouble = (sentence: string): void => warn(onEvent, new SyncTroubleError(sentence));
  const onNotified = (count: number): void => onEvent?.({ type: 'notified', count });
  await untilAborted(signal, watchFiles(clientOf(redis), folder, channel, { signal, onTrouble, onNotified }));
}

/**
 * Copies what changed below `base` to a target (a path, `host:path`, `rsync://host/module`), until `signal` aborts.
 * @throws {BaseError | NestedError | TargetInUseError} and what the first contact with the target meets
 */
export async function run(redis: Redis, base: string, target: string, options: Options): Promise<void> {
  const { signal, onEvent, channel = defaultChannel } = options;
  const client = clientOf(redis);
  const running = runSync(client, {
    base,
    target,
    channel,
    signal,
    everyMs: options.everyMs ?? 2000,
    batchFiles: 1000,
    batchBytes: 256 * 1024 * 1024,
    fullEveryMs: options.fullEveryMs ?? 3_600_000,
    before: options.before,
    deletes: options.deletes ?? false,
    standby: options.standby ?? false,
    listen: listenerOf(client, options),
    onEvent: async (event) => onEvent?.(asEvent(event)),
    onTrouble: (sentence) => warn(onEvent, new SyncTroubleError(sentence)),
  });
  await untilAborted(signal, running);
}

/** What runs until it is stopped ends well when it was. */
async function untilAborted(signal: AbortSignal, running: Promise<void>): Promise<void> {
  try {
    await running;
  } catch (error) {
    if (!(signal.aborted && error === signal.reason)) throw error;
  }
}

/** Every target of every channel. A channel whose keys hold somebody else's data is warned of. */
export async function list(redis: Redis, { limit, discover: _, ...call }: Listed = {}): Promise<Status[]> {
  const client = clientOf(redis);
  const found = await cancellable(call, () =>
    own.status(client, (message) => warn(undefined, new QuarterdeckError('data', 'WRONG_TYPE', message))),
  );
  return found
    .slice(0, limit)
    .map(({ channel, base, target, state, queued, failed, lastBatchAt, lastFullAt }) => ({
      channel,
      base,
      target,
      state,
      queued,
      failed,
      lastBatchAt: lastBatchAt ?? undefined,
      lastFullAt: lastFullAt ?? undefined,
    }));
}

export function watch(redis: Redis, options: Watched = {}): AsyncIterable<Status[]> {
  return watched((call) => list(redis, call), options);
}

/**
 * Forgets a target that nobody serves any more; what was copied stays there.
 * @returns whether there was one
 * @throws {TargetInUseError | WrongTypeError}
 */
export async function remove(
  redis: Redis,
  {
    base,
    target,
    channel = defaultChannel,
  }: { readonly base: string; readonly target: string; readonly channel?: string },
  { signal = new AbortController().signal }: Call = {},
): Promise<boolean> {
  const client = clientOf(redis);
  try {
    await forgetTarget(client, channel, { base, target, signal, listen: listenerOf(client, {}) });
    return true;
  } catch (error) {
    if (error instanceof NoTargetError) return false;
    throw error;
  }
}

function asEvent(event: SyncEvent): Event {
  if ('batch' in event) {
    const { files, bytes, deleted, failed, durationMs } = event;
    return { type: 'batch', files, bytes, deleted, failed, durationMs };
  }
  if ('full' in event) {
    const { files, missedByEvents, durationMs } = event;
    return { type: 'full', files, missedByEvents, durationMs };
  }
  return 'halted' in event ? { type: 'halted', reason: JSON.stringify(event.halted) } : { type: 'resumed' };
}

export {
  /** @deprecated since 0.2: `remove` */
  forgetTarget,
} from './forget.ts';
export {
  /** @deprecated since 0.2: the command line's own */
  resumeTarget,
} from './resume.ts';
export {
  /** @deprecated since 0.2: `run` */
  runSync,
} from './runner/run.ts';
export {
  /** @deprecated since 0.2: `list` */
  status,
} from './status.ts';
