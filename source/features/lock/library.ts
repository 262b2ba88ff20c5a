import { cancellable, watched } from '../../library-calls.ts';
import type { Call, Handle, Listed, Listening, Redis, Watched } from '../../library-types.ts';
import { clientOf, listenerOf } from '../../redis/connection/library-client.ts';
import { requireName, requireWholes } from '../../values.ts';
import { LockLostError } from './errors.ts';
import type { Held as OwnHeld } from './holder/held.ts';
import * as look from './inspect.ts';
import { acquire as acquireOwn, hold as holdOwn, type LockOptions } from './lock.ts';
import * as byToken from './token-commands.ts';

// quarterdeck/lock: at most one holds it at a time; leased, fenced, first come first served.

export { LockLostError, LockNotHeldError, LockTtlError } from './errors.ts';
export type { Status, Waiter } from './inspect.ts';
export type { Owner } from './token.ts';

export interface Options extends Listening {
  /** The lease duration (10,000); 100 ms at least. */
  readonly ttlMs?: number;
  /** How long to wait in the queue (0: not at all). */
  readonly timeoutMs?: number;
  /** What the holder is doing, for whoever looks at the console. */
  readonly label?: string;
  /** @deprecated since 0.2: `timeoutMs` */
  readonly waitMs?: number;
}

/** A lock that was ours when we last heard. Closing it frees it and hands it to the next in line. */
export interface Held extends Handle {
  readonly name: string;
  readonly token: string;
  /** Rises with every holder: pass it along, and let whatever the lock protects refuse a lower one. */
  readonly fence: number;
  /** Aborted with a LockLostError when the lock is gone, or when that is in doubt. */
  readonly signal: AbortSignal;
  /** How long it is surely still ours, by this machine's monotonic clock; 0 or less: in doubt. */
  leftMs(): number;
  /**
   * Holds for another TTL from now.
   * @throws {LockLostError} when it is no longer ours
   */
  extend(ttlMs?: number, options?: Call): Promise<void>;
  /** @deprecated since 0.2: `close`. False: it was no longer ours. */
  release(): Promise<boolean>;
}

/**
 * Takes the lock, or waits in line for it; it is not renewed. Undefined: not obtained within `timeoutMs`.
 * @throws {LockTtlError} for a TTL under 100 ms
 * @throws {WrongTypeError} if `lock:<name>` is not a lock
 */
export async function acquire(redis: Redis, name: string, options: Options = {}): Promise<Held | undefined> {
  requireName(name);
  return heldOf(await acquireOwn(clientOf(redis), name, ownOptions(redis, options)));
}

/**
 * Like `acquire`, and renews it every third of the TTL until it is closed or lost; heed `held.signal`.
 * Renewal runs on this thread: work that blocks it for longer than the TTL loses the lock.
 */
export async function hold(redis: Redis, name: string, options: Options = {}): Promise<Held | undefined> {
  requireName(name);
  return heldOf(await holdOwn(clientOf(redis), name, ownOptions(redis, options)));
}

/**
 * Lets the token's holder hold for another TTL from now. Undefined: the token does not hold the lock.
 * @throws {LockTtlError} for a TTL under 100 ms
 */
export async function extend(
  redis: Redis,
  name: string,
  token: string,
  { ttlMs, ...call }: Call & { readonly ttlMs: number },
): Promise<{ readonly fence: number } | undefined> {
  const client = clientOf(redis);
  requireName(name);
  return await cancellable(call, () => byToken.extend(client, name, token, ttlMs));
}

/** Frees the lock and hands it to the next in line. False: the token did not hold it. */
export async function release(
  redis: Redis,
  name: string,
  token: string,
  options: Call = {},
): Promise<boolean> {
  const client = clientOf(redis);
  requireName(name);
  return await cancellable(options, () => byToken.release(client, name, token));
}

/**
 * Breaks a lock: takes it from whoever holds it, or only from this token. The holder does not notice before its next
 * renewal; only a fence that is checked stops it.
 * @returns whether it was held
 */
export async function remove(
  redis: Redis,
  name: string,
  { token, ...call }: Call & { readonly token?: string } = {},
): Promise<boolean> {
  const client = clientOf(redis);
  requireName(name);
  return (await cancellable(call, () => byToken.breakLock(client, name, token))) !== undefined;
}

/** One lock, also when nobody holds it or waits for it. @throws {WrongTypeError} */
export async function status(redis: Redis, name: string, options: Call = {}): Promise<look.Status> {
  const client = clientOf(redis);
  requireName(name);
  return await cancellable(options, () => look.status(client, name));
}

/** Every lock that is held or waited for, by name. One whose keys belong to something else is warned of. */
export async function list(redis: Redis, options: Listed = {}): Promise<look.Status[]> {
  const client = clientOf(redis);
  return await cancellable(options, () => look.list(client, options));
}

export function watch(redis: Redis, options: Watched = {}): AsyncIterable<look.Status[]> {
  return watched((reporting) => list(redis, reporting), options);
}

function ownOptions(redis: Redis, options: Options): LockOptions {
  const { ttlMs, timeoutMs, waitMs = timeoutMs, label, signal, subscriber } = options;
  if (waitMs !== Number.POSITIVE_INFINITY) requireWholes({ timeoutMs: waitMs });
  return {
    ...(ttlMs !== undefined && { ttlMs }),
    ...(waitMs !== undefined && { waitMs }),
    ...(label !== undefined && { label }),
    ...(signal && { signal }),
    ...(subscriber && { listen: listenerOf(clientOf(redis), { subscriber }) }),
  };
}

function heldOf(own: OwnHeld | undefined): Held | undefined {
  if (!own) return undefined;
  const close = async (): Promise<void> => {
    await own.release();
  };
  return {
    name: own.name,
    token: own.token,
    fence: own.fence,
    get signal() {
      return own.signal;
    },
    leftMs: () => own.leftMs(),
    async extend(ttlMs, call = {}) {
      if (!(await cancellable(call, () => own.extend(ttlMs)))) throw new LockLostError(own.name, 'gone');
    },
    release: () => own.release(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

export type {
  /** @deprecated since 0.2: `Options` */
  LockOptions,
} from './lock.ts';
export {
  /** @deprecated since 0.2: `remove` */
  breakLock,
} from './token-commands.ts';
