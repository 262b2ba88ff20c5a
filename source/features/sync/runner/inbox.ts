import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from '../../../redis/client.ts';
import { type Item, isGap } from '../../topic/layout.ts';
import type { Subscription } from '../../topic/subscriber/subscription.ts';
import { type Change, isRefused, parseChange, type Refused } from '../change.ts';
import { Pending } from '../pending.ts';

const mostWaiting = 50_000;
const longestWaitMs = 60_000;

/**
 * Every notification about a base that is not done yet: from the topic, which keeps it, and from plain PUBLISH on the same
 * name, which does not. Reads no further ahead than memory is meant to hold.
 */
export class Inbox {
  readonly pending = new Pending();
  /** The real folder that the base leads to now; absolute paths may be given by either name. */
  base: string;
  readonly #given: string;
  readonly #signal: AbortSignal;
  #refused: Refused[] = [];
  #takenId = 0;
  #hasGap = false;
  /** Since when something waits to be done. */
  #sinceMs: number | undefined;
  /** When something was added last. */
  #lastMs = 0;
  #wake: (() => void) | undefined;

  constructor(base: string, signal: AbortSignal) {
    this.base = base;
    this.#given = base;
    this.#signal = signal;
  }

  /** The id up to which the topic's messages are in here. */
  get takenId(): number {
    return this.#takenId;
  }

  /** Whether messages were missed, as after retention removed some, since this was asked last. */
  takeGap(): boolean {
    const hadGap = this.#hasGap;
    this.#hasGap = false;
    return hadGap;
  }

  /** Takes out every path that waits. */
  takeChanges(): Change[] {
    this.#sinceMs = undefined;
    return this.pending.take();
  }

  /** As much as memory is meant to hold. */
  get #isFull(): boolean {
    return this.pending.size + this.#refused.length >= mostWaiting;
  }

  get isEmpty(): boolean {
    return this.pending.size === 0 && !this.hasRefused;
  }

  add(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    for (const change of changes) this.pending.add(change);
    this.#note();
  }

  takeRefused(): Refused[] {
    return this.#refused.splice(0);
  }

  get hasRefused(): boolean {
    return this.#refused.length > 0;
  }

  /**
   * Resolves when a batch is to be closed: of so many paths, after its first one has waited for so long, when no other
   * has come for a while, or by then.
   */
  async gathered({ everyMs, quietMs, mostPaths, untilMs }: Gathering): Promise<void> {
    while (!this.#signal.aborted && this.pending.size < mostPaths && !this.#hasGap) {
      const closesAtMs =
        this.#sinceMs === undefined
          ? Number.POSITIVE_INFINITY
          : Math.min(this.#sinceMs + everyMs, this.#lastMs + quietMs);
      const dueAtMs = Math.min(untilMs, closesAtMs);
      const leftMs = dueAtMs - performance.now();
      if (leftMs <= 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const stop = (): void => resolve();
      this.#wake = stop;
      const timer = setTimeout(stop, Math.min(leftMs, longestWaitMs));
      this.#signal.addEventListener('abort', stop, { once: true });
      await promise;
      clearTimeout(timer);
      this.#signal.removeEventListener('abort', stop);
    }
  }

  /** Takes in what the topic kept while nobody read it. */
  async catchUp(subscription: Subscription): Promise<void> {
    while (!this.#signal.aborted && !this.#isFull) {
      const items = await subscription.take({ wait: false });
      if (items.length === 0) return;
      for (const item of items) this.#take(item);
    }
  }

  /** Takes in whatever comes; resolves when the subscription is closed or the signal aborted. */
  async follow(subscription: Subscription): Promise<void> {
    while (!this.#signal.aborted) {
      if (this.#isFull) {
        await wait(50, undefined, { signal: this.#signal }).catch(() => {});
        continue;
      }
      const items = await subscription.take({ wait: true });
      if (items.length === 0) return;
      for (const item of items) this.#take(item);
    }
  }

  /** Takes in plain PUBLISH; returns how to stop. */
  async hear(listener: Client, channel: string): Promise<() => void> {
    const hear = (heardOn: string, payload: string): void => {
      if (heardOn !== channel) return;
      // Nobody keeps it for later, so a full comparison has to find it.
      if (this.#isFull) this.#miss();
      else this.#receive(payload);
    };
    listener.on('message', hear);
    await listener.subscribe(channel);
    const hearAgain = (): void => {
      // What was said in between reached nobody, either.
      listener.subscribe(channel).then(
        () => this.#miss(),
        () => {},
      );
    };
    listener.on('ready', hearAgain);
    return () => {
      listener.off('message', hear);
      listener.off('ready', hearAgain);
      listener.unsubscribe(channel).catch(() => {});
    };
  }

  #take(item: Item): void {
    if (isGap(item)) this.#miss();
    else this.#receive(item.message);
    this.#takenId = isGap(item) ? item.gap.to : item.id;
  }

  #miss(): void {
    this.#hasGap = true;
    this.#wake?.();
  }

  #receive(payload: string): void {
    const byName = parseChange(payload, this.#given);
    const isElsewhere = isRefused(byName) && this.base !== this.#given;
    const change = isElsewhere ? parseChange(payload, this.base) : byName;
    if (isRefused(change)) this.#refused.push(change);
    else this.pending.add(change);
    this.#note();
  }

  #note(): void {
    this.#lastMs = performance.now();
    this.#sinceMs ??= this.#lastMs;
    this.#wake?.();
  }
}

export type Gathering = {
  readonly everyMs: number;
  readonly quietMs: number;
  readonly mostPaths: number;
  /** On the clock of `performance.now()`. */
  readonly untilMs: number;
};
