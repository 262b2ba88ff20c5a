import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Item, Message, Place, Read, TopicStore, Turn } from './layout.ts';
import { Pace, restMs } from './pace.ts';

/**
 * How a subscriber reads: by id, always from the store.
 *
 * It drains with turns until there is nothing left. Then it is live: on a server it reads with a command that waits
 * for the next entry on a connection of its own, in Cluster and in the seed layout it waits for the doorbell. Both
 * end with the slow poll, which drains again, so nothing depends on a ring or a waiting command coming through.
 */
export type ReaderOptions = {
  readonly store: TopicStore;
  /** For the command that waits; without it the doorbell must ring. */
  readonly connection: Redis | undefined;
  readonly pollMs: number;
  /** One turn: keeps the seat, sends what is acknowledged, reads up to `step` entries. */
  turn(request: { after: Place; step: number; arm: boolean }): Promise<Turn>;
  /** Whether the seat is certainly still ours; if not, what came without a turn must not be handed out. */
  isSeatSure(): boolean;
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
  #isRung = false;
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
  ring(): void {
    this.#isRung = true;
    if (!this.#isLive) this.#wake?.();
  }

  /** Something may have been missed: take a turn, whatever else is awaited. */
  look(): void {
    this.#isLive = false;
    this.ring();
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake?.();
  }

  /** The next items; none when stopped, or when there are none and `wait` is false. */
  async take(wait: boolean): Promise<readonly Item[]> {
    while (!this.#isStopped) {
      if (this.#pace.isResting) await delay(restMs);
      const items = this.#isLive && wait ? await this.#takeLive() : await this.#drain(wait);
      if (items.length > 0 || !wait) return items;
    }
    return [];
  }

  async #drain(wait: boolean): Promise<readonly Item[]> {
    // What was read ahead may be old by now: whether it is still ours to hand out, a turn tells.
    if (this.#ahead && !this.#options.isSeatSure())
      await this.#options.turn({ after: this.#after, step: 0, arm: false });
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const items = await (ahead ?? this.#read());
    if (items.length > 0) {
      if (this.#isBehind) this.#ahead = quietly(this.#read());
    } else if (wait) {
      this.#isLive = this.#options.connection !== undefined;
      if (!this.#isLive) await this.#ringOr(this.#options.pollMs);
    }
    return items;
  }

  async #read(): Promise<readonly Item[]> {
    this.#isRung = false;
    const arm = this.#options.connection === undefined;
    const turn = await this.#options.turn({ after: this.#after, step: this.#step, arm });
    if (turn.name === 'forgotten') this.#after = turn.last;
    if (turn.name !== 'read') return [];
    const { messages, floor } = turn;
    const from = this.#after.id + 1;
    const gap = floor.id >= from ? [{ gap: { from, to: floor.id } }] : [];
    this.#after = placeOf(messages.at(-1)) ?? (gap.length > 0 ? floor : this.#after);
    this.#judge(turn);
    return gap.length > 0 ? [...gap, ...messages] : messages;
  }

  async #takeLive(): Promise<readonly Message[]> {
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
    const newest = read?.messages.at(-1);
    // Nothing came, something is missing, or another process may sit here by now: take a turn.
    if (!read || !newest || !this.#continues(read) || !this.#options.isSeatSure()) {
      this.#isLive = false;
      return [];
    }
    const { messages } = read;
    this.#after = placeOf(newest);
    this.#judge(read);
    // While the caller works on these, the next ones may already travel.
    if (this.#isBehind && !this.#pace.isResting) this.#awaited = this.#await();
    return messages;
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

  #judge({ messages, bytes }: Read): void {
    this.#pace.read(messages.length, performance.now());
    this.#isBehind = bytes > behindBytes;
    if (messages.length === 0) return;
    this.#step = Math.max(1, Math.min(mostEntries, Math.floor(wantedBytes / (bytes / messages.length))));
  }

  #ringOr(withinMs: number): Promise<void> {
    if (this.#isRung || this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function placeOf(message: Message): Place;
function placeOf(message: Message | undefined): Place | undefined;
function placeOf(message: Message | undefined): Place | undefined {
  return message && { id: message.id, at: message.at ?? 0 };
}

/** A reading ahead may fail before anybody waits for it; whoever takes it then hears of it. */
function quietly<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}
