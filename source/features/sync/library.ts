import { QuarterdeckError } from '../../errors.ts';
import { cancellable, watched } from '../../library-calls.ts';
import type { Call, Daemon, Listed, Redis, Reporting, Watched } from '../../library-types.ts';
import { clientOf, listenerOf } from '../../redis/connection/library-client.ts';
import { requireWholes } from '../../values.ts';
import { warn } from '../../warnings.ts';
import { NoTargetError } from './errors.ts';
import { forgetTarget } from './forget.ts';
import { requireTarget } from './keys.ts';
import type { BeforeCopy, SyncEvent } from './options.ts';
import type { Halt } from './record.ts';
import { isBaseOf, resumeTarget } from './resume.ts';
import type { Ceiling } from './runner/ceiling.ts';
import { runSync } from './runner/run.ts';
import type { Condition } from './state.ts';
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
  /** Nothing is removed at the target, or nothing copied to it, until `resume` says how to go on. */
  | { readonly type: 'halted'; readonly halted: Halted }
  | { readonly type: 'resumed'; readonly deletes: number | undefined; readonly isAdopted: boolean };

/** Why a target stands still. */
export interface Halted {
  readonly reason: 'base-replaced' | 'target-missing' | 'base-empty' | 'too-many-deletions';
  /** A sentence, with figures. */
  readonly message: string;
  /** How many files would be removed, how many there are, and how many may be without a word of yours. */
  readonly wouldDelete: number;
  readonly files: number;
  readonly mayDelete: number;
  /** Some of them. */
  readonly sample: readonly string[];
  readonly haltedAt: number;
}

export interface Status {
  readonly channel: string;
  readonly base: string;
  readonly target: string;
  readonly state: 'live' | 'idle' | 'lapsed';
  /** How it goes, in the word that console and commands use. */
  readonly condition: Condition;
  readonly halted: Halted | undefined;
  /** Why nothing can be copied at all just now. */
  readonly error: string | undefined;
  /** Changes not done for this target yet. */
  readonly queued: number;
  /** Paths that could not be copied and are tried again. */
  readonly failed: number;
  /** What events missed and comparisons found. */
  readonly missedByEvents: number;
  readonly lastBatchAt: number | undefined;
  readonly lastFullAt: number | undefined;
}

export interface ObserveOptions extends Daemon<{ readonly type: 'notified'; readonly count: number }> {
  readonly signal: AbortSignal;
  readonly channel?: string;
}

export interface Options extends Daemon<Event> {
  readonly signal: AbortSignal;
  readonly channel?: string;
  /** How long the first path of a batch waits for others (2,000). */
  readonly everyMs?: number;
  /** How often everything is compared (an hour). */
  readonly fullEveryMs?: number;
  /**
   * Sees each batch before it is copied; one it refuses is tried again. A shell command gets the paths on stdin, each
   * ended by a NUL, and refuses by not exiting 0; a function gets them as they are, and refuses by throwing.
   */
  readonly before?: string | BeforeCopy;
  /** Remove at the target what is gone from the base. */
  readonly deletes?: boolean;
  /** Halt instead of removing more within a day: half of the files at the target, and at least 100. */
  readonly maxDelete?: Ceiling;
  /** A file that must be at the top of the target before anything is copied or removed, such as on a disk that is mounted. */
  readonly targetMarker?: string;
  /** Wait while another process serves the target, instead of failing. */
  readonly standby?: boolean;
}

/** A trouble that is ridden out, such as a target that cannot be reached. */
export class SyncTroubleError extends QuarterdeckError {
  constructor(sentence: string) {
    super('program', 'SYNC_TROUBLE', sentence, { isRetryable: true });
  }
}

/** Names a target, as `run` was given it. */
export interface Target {
  readonly base: string;
  readonly target: string;
  /** `new_files` */
  readonly channel?: string;
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
  { signal, onEvent, channel = defaultChannel }: ObserveOptions,
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
  requireWholes({ everyMs: options.everyMs, fullEveryMs: options.fullEveryMs }, { min: 1 });
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
    ...(options.maxDelete && { maxDelete: options.maxDelete }),
    targetMarker: options.targetMarker,
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

/**
 * Every target of every channel that is registered; `discover` finds no others, since a channel that nobody copies from
 * leaves no keys of ours. A channel whose keys hold somebody else's data is warned of.
 */
export async function list(
  redis: Redis,
  { limit, discover: _, onEvent, ...call }: Listed = {},
): Promise<Status[]> {
  const client = clientOf(redis);
  const found = await cancellable(call, () =>
    own.status(client, (message) => warn(onEvent, new QuarterdeckError('data', 'WRONG_TYPE', message))),
  );
  return found.slice(0, limit).map(asStatus);
}

/**
 * One target; undefined where nothing is known of it. Or every target of one channel, by name; none where nothing is
 * known of the channel.
 * @throws {WrongTypeError}
 */
export async function status(redis: Redis, target: Target, options?: Call): Promise<Status | undefined>;
export async function status(redis: Redis, channel: string, options?: Call & Reporting): Promise<Status[]>;
export async function status(
  redis: Redis,
  wanted: Target | string,
  { onEvent, ...call }: Call & Reporting = {},
): Promise<Status | Status[] | undefined> {
  const client = clientOf(redis);
  const { channel = defaultChannel, ...named } =
    typeof wanted === 'object' && wanted !== null ? wanted : { channel: wanted };
  if (typeof wanted === 'object') requireTarget(Reflect.get(named, 'target'));
  const found = await cancellable(call, () =>
    own.channelStatus(client, channel, (message) =>
      warn(onEvent, new QuarterdeckError('data', 'WRONG_TYPE', message)),
    ),
  );
  if (!('target' in named)) return found.map(asStatus);
  for (const each of found)
    if (each.target === named.target && (await isBaseOf(each, named.base))) return asStatus(each);
  return undefined;
}

export function watch(redis: Redis, options: Watched = {}): AsyncIterable<Status[]> {
  return watched((reporting) => list(redis, reporting), options);
}

/**
 * Forgets a target that nobody serves any more; what was copied stays there.
 * @returns whether there was one
 * @throws {TargetInUseError | WrongTypeError}
 */
export async function remove(
  redis: Redis,
  { base, target, channel = defaultChannel }: Target,
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

/**
 * Lets a halted target go on; its runner takes that up within a second or so, or at its next start.
 * @param how `deletes`: so many files may be removed, once. `adopt`: the folder that is there now is the base from now on
 * @throws {NoTargetError | NotHaltedError | ResumeError | WrongTypeError}
 */
export async function resume(
  redis: Redis,
  { base, target, channel = defaultChannel }: Target,
  { deletes, adopt = false, ...call }: Call & { readonly deletes?: number; readonly adopt?: boolean },
): Promise<Halted> {
  const client = clientOf(redis);
  return asHalted(
    await cancellable(call, () => resumeTarget(client, { base, target, channel, deletes, adopt })),
  );
}

function asStatus(found: own.TargetStatus): Status {
  const { channel, base, target, state, condition, halted, error, queued, failed, missedByEvents } = found;
  const { lastBatchAt, lastFullAt } = found;
  return {
    channel,
    base,
    target,
    state,
    condition,
    halted: halted ? asHalted(halted) : undefined,
    error: error ?? undefined,
    queued,
    failed,
    missedByEvents,
    lastBatchAt: lastBatchAt ?? undefined,
    lastFullAt: lastFullAt ?? undefined,
  };
}

function asHalted({ reason, message, would, of, most, sample, sinceMs }: Halt): Halted {
  return { reason, message, wouldDelete: would, files: of, mayDelete: most, sample, haltedAt: sinceMs };
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
  if ('halted' in event) return { type: 'halted', halted: asHalted(event.halted) };
  const { deletes, adopted } = event.resumed;
  return { type: 'resumed', deletes: deletes ?? undefined, isAdopted: adopted };
}

export {
  /** @deprecated since 0.2: `remove` */
  forgetTarget,
} from './forget.ts';
export {
  /** @deprecated since 0.2: `resume` */
  resumeTarget,
} from './resume.ts';
export {
  /** @deprecated since 0.2: `run` */
  runSync,
} from './runner/run.ts';
export type { BeforeCopy, Ceiling, Condition };
