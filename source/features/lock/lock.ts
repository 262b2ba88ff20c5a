import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from '../../redis/client.ts';
import { requireKeyName } from '../../redis/keys.ts';
import { rideOut } from '../../redis/refusals.ts';
import { requireText } from '../../values.ts';
import { assertTtl } from './errors.ts';
import { type Held, HeldLock } from './holder/held.ts';
import { lockMistake, takeFree } from './holder/scripts.ts';
import { queueOf } from './holder/wait-queue.ts';
import { mintToken } from './token.ts';

export type { Held } from './holder/held.ts';

/**
 * A lock that at most one holds at a time: leased, fenced, first come first served.
 *
 * `lock:<name>` holds the holder's token with a TTL, set with NX, so that every program which takes a plain
 * `SET lock:<name> ... NX PX` (redis-py, redis-semaphore) is excluded and excludes us. Beside it:
 * `lock-queue:<name>` ZSET waiter -> arrival, `lock-waiting:<name>` HASH waiter -> lease and TTL wanted, both gone
 * when the last waiter's lease ends; `lock-fence:<name>` the highest fence, gone a week after its last use.
 *
 * Whoever releases hands the lock over: the script writes the next waiter's token and tells it on the channel
 * `lock-wake:<name>:<nonce>`. If nobody hears that channel the waiter is dead, and the next one gets it at once. A
 * waiter speaks again only when the TTL it was answered ends (or after 30 s): that is how a dead holder is found out.
 *
 * The fence is a counter that is never behind the server's clock: one more than the last one, or the time in
 * microseconds, by tenths of a second, where that is higher. So it rises even if a failover forgot the last ones.
 *
 * Not promised: that a holder which was paused (stopped, swapped out, suspended) past its TTL knows so before its
 * next step; nor that a lock survives a failover to a replica which had not seen it. No TTL can promise this: pass
 * the fence along and let the protected thing refuse a lower one. Plain clients may barge in ahead of our queue;
 * they never overlap. A release whose reply was lost and which was then sent again answers false.
 *
 * After: M. Kleppmann, "How to do distributed locking" (2016), on fences; Redisson's RFairLock, on queues.
 */
export type LockOptions = {
  /** How long it is held unless extended; 100 ms at least. */
  readonly ttlMs?: number;
  /** How long to wait in the queue; 0: not at all. */
  readonly waitMs?: number;
  /** What the holder is doing, for whoever looks at the console. */
  readonly label?: string;
  /**
   * How long what a server refuses for a while (it is full, it cannot save) is waited for while in the queue; not at all
   * by default.
   */
  readonly rideOutMs?: number;
  /** Stops waiting: `acquire` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** A connection that only listens, shared with others; by default a second one like `redis` is made. */
  readonly listen?: () => Client;
};

/**
 * Takes the lock, or waits in line for it. Undefined: not obtained within `waitMs`.
 * @throws {LockTtlError} for a TTL under 100 ms
 * @throws {WrongTypeError} if `lock:<name>` is not a lock
 */
export async function acquire(
  redis: Client,
  name: string,
  options: LockOptions = {},
): Promise<Held | undefined> {
  return obtain(redis, name, options);
}

/**
 * Like `acquire`, and renews it every third of the TTL until it is released or lost; heed `held.signal`.
 * Renewal runs on this thread: work that blocks it for longer than the TTL loses the lock.
 */
export async function hold(
  redis: Client,
  name: string,
  options: LockOptions = {},
): Promise<Held | undefined> {
  return (await obtain(redis, name, options))?.keepRenewing();
}

async function obtain(redis: Client, name: string, options: LockOptions): Promise<HeldLock | undefined> {
  const { ttlMs = 10_000, waitMs = 0, rideOutMs = 0, label = '', signal, listen } = options;
  requireKeyName(redis, name, lockMistake);
  assertTtl(ttlMs);
  requireText('label', label);
  signal?.throwIfAborted();
  const about: About = {
    redis,
    name,
    label,
    ttlMs,
    token: mintToken(redis, label),
    mayWait: waitMs > 0,
    rideOutMs: waitMs > 0 ? rideOutMs : 0,
    signal,
    listen,
  };
  const attempt = attemptTo(about);
  if (waitMs <= 0 && !signal) return attempt;

  const timeout = Promise.withResolvers<undefined>();
  const timer = waitMs > 0 && waitMs < 2 ** 31 ? setTimeout(timeout.resolve, waitMs, undefined) : undefined;
  const abort = (): void => timeout.reject(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  let held: HeldLock | undefined;
  try {
    held = await Promise.race([attempt, timeout.promise]);
    return held;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    if (!held) await giveBack(attempt, about);
  }
}

const longestFarewellMs = 1000;

type About = {
  readonly redis: Client;
  readonly name: string;
  readonly label: string;
  readonly ttlMs: number;
  token: string;
  readonly mayWait: boolean;
  readonly rideOutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly listen: (() => Client) | undefined;
};

async function attemptTo(about: About): Promise<HeldLock | undefined> {
  const { redis, name, label, ttlMs, mayWait, rideOutMs, signal, listen } = about;
  const riding = { timeoutMs: rideOutMs, ...(signal && { signal }) };
  for (;;) {
    const { token } = about;
    let queue = queueOf(redis, name, listen);
    let sinceMs = performance.now();
    const { keys, isEmpty } = queue;
    let fence = isEmpty ? await rideOut(() => takeFree(redis, keys, token, ttlMs), riding) : -1;
    if (fence === 0 && !mayWait) return;
    if (fence <= 0) {
      queue = queueOf(redis, name, listen);
      const grant = await (mayWait ? queue.wait(token, ttlMs, rideOutMs) : queue.ask(token, ttlMs));
      if (!grant) return;
      ({ fence, sinceMs } = grant);
    }
    const held = new HeldLock(redis, name, token, ttlMs, fence, sinceMs);
    // Its TTL may have begun to count long ago: make sure before anybody relies on it.
    if (held.leftMs() > ttlMs / 2 || (await held.extend())) return held;
    if (!mayWait) return;
    // Asked for under another token: whatever is still said about this one is not about the next turn.
    about.token = mintToken(redis, label);
    held.release().catch(() => {});
  }
}

/**
 * After the timeout: leaves the queue, and releases whatever Redis still grants. Resolves when the queue was left,
 * or soon, if Redis does not answer.
 */
async function giveBack(attempt: Promise<unknown>, about: About): Promise<void> {
  const leave = (): Promise<unknown> => queueOf(about.redis, about.name).leave(about.token);
  const left = leave().catch(() => {});
  attempt.then((late) => late && leave()).catch(() => {});
  await Promise.race([left, wait(longestFarewellMs, undefined, { ref: false })]);
}
