import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Item, Place, Read, TopicStore, Turn } from '../layout.ts';
import { Pace, restMs } from './pace.ts';

/**
 * How a subscriber reads: by id, always from the store.
 *
 * It drains with turns until there is nothing left. Then it is live: on a server it reads with a command that waits
 * for the next entry on a connection of its own, in Cluster and in the legacy layout it waits for a notification. Both
 * end with the slow poll, which drains again, so nothing depends on a notification or a waiting command coming through.
 */
export type ReaderOptions = {
  readonly store: TopicStore;
  /** For the command that waits; without it there are only notifications. */
  readonly connection: Redis | undefined;
  readonly pollMs: number;
  /** One turn: keeps the lease, sends what is acknowledged, reads up to `step` entries. */
  turn(request: { after: Place; step: number; arm: boolean }): Promise<Turn>;
  /** Whether the lease is certainly still ours; if not, what came without a turn must not be handed out. */
  isLeaseSure(): boolean;
};

const wantedBytes = 64 * 1024;
/** Sizes may change from one entry to the next: not more at a time than would still be bearable at 16 MiB each. */
const mostEntries = 32;
const behindBytes = 16 * 1024;

export class Reader {
  readonly #options: ReaderOptions;
  readonly #pace = new Pace();
  #after: Place;
  /** How many entries to ask for: few at first, so that large ones do not come many at a time. */
  #step = 8;
  #isBehind = false;
  #ahead: Promise<readonly Item[]> | undefined;
  #isLive = false;
  /** The command that waits, and after which id. */
  #awaited: { readonly after: number; readonly read: Promise<Read | undefined> } | undefined;
  #isNotified = false;
  #isEnding = false;
  #isStopped = false;
  #wake: (() => void) | undefined;

  constructor(after: Place, options: ReaderOptions) {
    this.#after = after;
    this.#options = options;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** There may be something to read. */
  notify(): void {
    this.#isNotified = true;
    if (!this.#isLive) this.#wake?.();
  }

  /** Something may have been missed: take a turn, whatever else is awaited. */
  look(): void {
    this.#isLive = false;
    this.notify();
  }

  /** Nothing more will come: it stops once everything that is there was taken. */
  end(): void {
    this.#isEnding = true;
    this.look();
    this.#wake?.();
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake?.();
  }

  /** The next items; none when stopped, or when there are none and `wait` is false. */
  async take(mayWait: boolean): Promise<readonly Item[]> {
    while (!this.#isStopped) {
      if (this.#pace.isResting) await delay(restMs);
      const wait = mayWait && !this.#isEnding;
      const items = this.#isLive && wait ? await this.#takeLive() : await this.#drain(wait);
      if (items.length > 0 || !mayWait) return items;
      // Whatever was there when the end was notified has been taken.
      if (!wait) this.stop();
    }
    return [];
  }

  async #drain(wait: boolean): Promise<readonly Item[]> {
    // What was read ahead may be old by now: whether it is still ours to hand out, a turn tells.
    if (this.#ahead && !this.#options.isLeaseSure())
      await this.#options.turn({ after: this.#after, step: 0, arm: false });
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const items = await (ahead ?? this.#read());
    if (items.length > 0) {
      if (this.#isBehind) this.#ahead = quietly(this.#read());
    } else if (wait) {
      this.#isLive = this.#options.connection !== undefined;
      if (!this.#isLive) await this.#notifiedOr(this.#options.pollMs);
    }
    return items;
  }

  async #read(): Promise<readonly Item[]> {
    this.#isNotified = false;
    const arm = this.#options.connection === undefined;
    const turn = await this.#options.turn({ after: this.#after, step: this.#step, arm });
    if (turn.name === 'forgotten') this.#after = turn.last;
    if (turn.name !== 'read') return [];
    const { items, floor, last } = turn;
    const from = this.#after.id + 1;
    const gap = floor.id >= from ? [{ gap: { from, to: floor.id } }] : [];
    this.#after = last ?? (gap.length > 0 ? floor : this.#after);
    this.#judge(turn);
    return gap.length > 0 ? [...gap, ...items] : items;
  }

  async #takeLive(): Promise<readonly Item[]> {
    // One left from before a turn answers at once, and with what is known.
    if (this.#awaited?.after !== this.#after.id) this.#awaited = this.#await();
    const awaited = this.#awaited.read;
    let read: Read | undefined;
    await new Promise<void>((resolve, reject) => {
      this.#wake = resolve;
      awaited.then(
        (result) => {
          read = result;
          resolve();
        },
        (error: unknown) => {
          this.#awaited = undefined;
          reject(error);
        },
      );
    });
    if (this.#isStopped || !this.#isLive) return [];
    this.#awaited = undefined;
    // Nothing came, something is missing, or another process may serve this subscriber by now: take a turn.
    if (!read?.last || !this.#continues(read) || !this.#options.isLeaseSure()) {
      this.#isLive = false;
      return [];
    }
    const { items, last } = read;
    this.#after = last;
    this.#judge(read);
    // While the caller works on these, the next ones may already travel.
    if (this.#isBehind && !this.#pace.isResting) this.#awaited = this.#await();
    return items;
  }

  /** It begins where the last one ended, or in the middle of the same frame. */
  #continues({ before }: Read): boolean {
    const { id, at } = this.#after;
    return before?.id === id || (before !== undefined && before.id < id && before.at === at);
  }

  #await(): { after: number; read: Promise<Read | undefined> } {
    const { store, connection, pollMs } = this.#options;
    const request = { after: this.#after, step: this.#step, withinMs: pollMs };
    const read = store.await && connection ? store.await(connection, request) : Promise.resolve(undefined);
    return { after: this.#after.id, read: quietly(read) };
  }

  #judge({ items, bytes }: Read): void {
    this.#pace.read(items.length, performance.now());
    this.#isBehind = bytes > behindBytes;
    if (items.length === 0) return;
    const each = Math.max(1, bytes / items.length);
    this.#step = Math.max(1, Math.min(mostEntries, Math.floor(wantedBytes / each)));
  }

  #notifiedOr(withinMs: number): Promise<void> {
    if (this.#isNotified || this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** A reading ahead may fail before anybody waits for it; whoever takes it then gets the failure. */
function quietly<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}
