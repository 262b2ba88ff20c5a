import type { Client } from '../../../redis/client.ts';
import { isPassing } from '../../../redis/refusals.ts';
import { assertTtl, LockLostError } from '../errors.ts';
import { extendTtl } from './scripts.ts';
import { queueOf } from './wait-queue.ts';

/** A lock that was ours when we last heard. Every promise about it ends with `leftMs`. */
export type Held = AsyncDisposable & {
  readonly name: string;
  readonly token: string;
  /** Rises with every holder: pass it along, and let whatever the lock protects refuse a lower one. */
  readonly fence: number;
  readonly ttlMs: number;
  /** How long it is surely still ours, by this machine's monotonic clock; 0 or less: in doubt. */
  leftMs(): number;
  /** Aborted with a LockLostError when the lock is gone, or when that is in doubt. */
  readonly signal: AbortSignal;
  /** Holds for another TTL from now. False: it is no longer ours. */
  extend(ttlMs?: number): Promise<boolean>;
  /** Frees it, and hands it to the next in line. False: it was no longer ours. Never waits beyond the TTL. */
  release(): Promise<boolean>;
};

/** However long the TTL: so soon is it noticed that the lock was broken. */
const longestRenewalMs = 10_000;
const longestTimerMs = 2 ** 31 - 1;
/** Doubt begins this part of the TTL before its end, so that there is time to stop. */
const marginOf = (ttlMs: number): number => Math.max(ttlMs / 10, 10);

export class HeldLock implements Held {
  readonly name: string;
  readonly token: string;
  #fence: number;
  #ttlMs: number;
  #endsAtMs: number;
  #isReleased = false;
  #refusedSinceMs: number | undefined;
  #isLost = false;
  #controller: AbortController | undefined;
  #doubt: NodeJS.Timeout | undefined;
  #renewal: NodeJS.Timeout | undefined;
  readonly #client: Client;

  constructor(client: Client, name: string, token: string, ttlMs: number, fence: number, sinceMs: number) {
    this.#client = client;
    this.name = name;
    this.token = token;
    this.#fence = fence;
    this.#ttlMs = ttlMs;
    this.#endsAtMs = sinceMs + ttlMs;
  }

  get fence(): number {
    return this.#fence;
  }

  get ttlMs(): number {
    return this.#ttlMs;
  }

  leftMs(): number {
    return this.#isReleased ? 0 : this.#endsAtMs - performance.now();
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      this.#watch();
    }
    return this.#controller.signal;
  }

  async extend(ttlMs = this.#ttlMs): Promise<boolean> {
    assertTtl(ttlMs);
    const sentAtMs = performance.now();
    const { keys } = queueOf(this.#client, this.name);
    const fence = await extendTtl(this.#client, keys, this.token, ttlMs);
    const isHeld = fence > 0;
    if (isHeld) {
      // A message about an earlier turn may have brought us here: the fence is that of the turn we have.
      this.#fence = fence;
      this.#ttlMs = ttlMs;
      this.#endsAtMs = sentAtMs + ttlMs;
    } else if (!this.#isReleased) {
      this.#lose('gone');
    }
    return isHeld;
  }

  /** Extends every third of the TTL, and every 10 s at least, until released or lost. */
  keepRenewing(): this {
    this.#renewal = setTimeout(
      async () => {
        // What fails here is tried again; if it goes on failing, the watch on the TTL speaks.
        await this.extend().then(
          () => {
            this.#refusedSinceMs = undefined;
          },
          (error: unknown) => {
            if (isPassing(error)) this.#refusedSinceMs ??= performance.now();
          },
        );
        if (!this.#isReleased && !this.#isLost) this.keepRenewing();
      },
      Math.min(this.#ttlMs / 3, longestRenewalMs),
    ).unref();
    return this;
  }

  release(): Promise<boolean> {
    if (this.#isReleased) return Promise.resolve(false);
    this.#isReleased = true;
    clearTimeout(this.#renewal);
    clearTimeout(this.#doubt);
    return new Promise((resolve, reject) => {
      // After its TTL it is free without our help: a Redis that does not answer is not waited for any longer.
      const lapse = setTimeout(resolve, Math.min(this.#ttlMs, longestTimerMs), false);
      queueOf(this.#client, this.name)
        .leave(this.token)
        .then(resolve, reject)
        .finally(() => clearTimeout(lapse));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** Looks again when doubt would begin; renewals since then move it. */
  #watch(): void {
    if (this.#isReleased) return;
    const leftMs = this.leftMs() - marginOf(this.#ttlMs);
    if (this.#isLost || leftMs <= 0) this.#lose(this.#isLost ? 'gone' : 'doubt');
    else this.#doubt = setTimeout(() => this.#watch(), Math.min(Math.ceil(leftMs), longestTimerMs)).unref();
  }

  #lose(reason: 'gone' | 'doubt'): void {
    this.#isLost = true;
    this.#endsAtMs = Number.NEGATIVE_INFINITY;
    clearTimeout(this.#doubt);
    clearTimeout(this.#renewal);
    this.#controller?.abort(new LockLostError(this.name, reason, this.#refusedSinceMs));
  }
}
