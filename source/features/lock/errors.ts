import { messageOf, QuarterdeckError, UsageError } from '../../errors.ts';
import { described } from '../../values.ts';

const shortestTtlMs = 100;

/** A lock that lapses before a slow round trip ends protects nothing. */
export class LockTtlError extends UsageError {
  constructor(ttlMs: unknown) {
    const given = typeof ttlMs === 'number' ? `\`${ttlMs}ms\`` : described(ttlMs);
    super(`Expected \`ttl\` to be a duration from ${shortestTtlMs}ms up, got ${given}`, {
      code: 'LOCK_TTL',
      hint: 'Use a TTL several times the longest pause you expect, such as 10s: a holder renews well before',
    });
  }
}

/** @throws {LockTtlError} unless it is a whole number of milliseconds from 100 up */
export function assertTtl(ttlMs: number): void {
  if (!(Number.isSafeInteger(ttlMs) && ttlMs >= shortestTtlMs)) throw new LockTtlError(ttlMs);
}

/** The token given does not hold the lock: it lapsed, was broken, or was never ours. */
export class LockNotHeldError extends QuarterdeckError {
  constructor(name: string, token: string) {
    super('data', 'LOCK_NOT_HELD', `Lock \`${name}\` is not held by the token \`${token}\``, {
      hint: 'See who holds it with `quarterdeck lock list`; a lapsed lock cannot be extended, only acquired again',
    });
  }
}

/** The holder may hold no longer: the lock went to somebody else, or nobody could confirm in time that it did not. */
export class LockLostError extends QuarterdeckError {
  readonly reason: 'gone' | 'doubt';
  /** Since when the server had refused every renewal, by `performance.now()`; undefined where it was something else. */
  readonly refusedSinceMs: number | undefined;

  constructor(name: string, reason: 'gone' | 'doubt', refusedSinceMs?: number) {
    const reasonText =
      reason === 'gone'
        ? 'it lapsed or was broken, and may be held by another'
        : 'no renewal was confirmed in time, so another may hold it';
    super('connection', 'LOCK_LOST', `Lost the lock \`${name}\`: ${reasonText}`, {
      hint: 'Whatever it protects must refuse writes with an older fence; a longer --ttl rides out longer outages',
    });
    this.reason = reason;
    this.refusedSinceMs = refusedSinceMs;
  }
}

/** The system could not start any process for the command of `lock run`. */
export class CommandNotStartedError extends QuarterdeckError {
  constructor(command: string, cause: unknown) {
    super('program', 'COMMAND_NOT_STARTED', `Cannot start \`${command}\`: ${messageOf(cause)}`, {
      cause,
      hint: 'It is run by /bin/sh, which must be there; the lock was released',
    });
  }
}
