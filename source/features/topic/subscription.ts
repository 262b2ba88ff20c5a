import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { type Client, isCluster } from '../../redis/client.ts';
import { register } from '../../redis/registry.ts';
import { type Doorbell, openDoorbell } from './doorbell.ts';
import { SeatLostError, SubscriberDroppedError, SubscriberInUseError } from './errors.ts';
import type { Blocked, Item, Seat, TopicStore, Turn } from './layout.ts';
import { type LayoutName, openTopic } from './topic.ts';

export type SubscriptionOptions = {
  /** The subscriber: its position outlives this process. */
  readonly as: string;
  /** Where a name never seen before begins: with what is retained, or with what comes next. */
  readonly from?: 'start' | 'now';
  /** Wait while another process serves this name, instead of failing. */
  readonly standby?: boolean;
  /** A connection used for subscriptions only; by default one is opened, and closed at the end. */
  readonly listener?: Client;
  readonly layout?: LayoutName;
  /** Without a sign of life for so long, another process may take over. */
  readonly leaseMs?: number;
  /** How often to look although nobody rang. */
  readonly pollMs?: number;
  readonly signal?: AbortSignal;
};

const acknowledgeWithinMs = 50;
const sweepEvery = 64;
const readBytes = 256 * 1024;

/**
 * A subscriber of a topic, by hand: `take()` what is there, `ack()` what is done, `close()`. Reading ahead of what is
 * acknowledged is fine; acknowledging an id acknowledges all before it. `subscribe()` does this with a handler.
 */
export class Subscription {
  readonly #store: TopicStore;
  readonly #seat: Seat;
  readonly #options: SubscriptionOptions;
  readonly #leaseMs: number;
  readonly #pollMs: number;
  #doorbell: Doorbell | undefined;
  #ownListener: Client | undefined;
  #after = 0;
  #done = 0;
  #saved = 0;
  #swept = 0;
  #step = 8;
  #isBehind = false;
  #ahead: Promise<Item[]> | undefined;
  #isRung = false;
  #wake: (() => void) | undefined;
  #acknowledging: NodeJS.Timeout | undefined;
  #renewing: NodeJS.Timeout | undefined;
  #failure: Error | undefined;
  #isStopped = false;
  #isClosed = false;
  #isSeated = false;
  readonly #onAbort = (): void => this.stop();

  private constructor(store: TopicStore, options: SubscriptionOptions) {
    this.#store = store;
    this.#options = options;
    this.#seat = { name: options.as, token: randomBytes(9).toString('base64url') };
    this.#leaseMs = options.leaseMs ?? 5000;
    this.#pollMs = options.pollMs ?? 1000;
  }

  /**
   * Registers the name, and resolves once this process serves it; with `standby` that may take long, and ends with a
   * stopped subscription when `signal` is aborted first.
   * @throws {SubscriberInUseError} when another process proves to be alive at it
   */
  static async open(client: Client, topic: string, options: SubscriptionOptions): Promise<Subscription> {
    const store = openTopic(client, topic, options.layout);
    const subscription = new Subscription(store, options);
    try {
      await subscription.#sit();
    } catch (error) {
      await subscription.close();
      throw error;
    }
    return subscription;
  }

  /** Every id up to here is done and acknowledged by this process, or was before. */
  get done(): number {
    return this.#done;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** From now on nothing more is taken; what was taken may still be acknowledged. */
  stop(): void {
    this.#isStopped = true;
    this.#wake?.();
  }

  /**
   * The next items after those taken before, in the order of their ids. Waits for the first of them; with `wait`
   * false it resolves with none when there are none. A stopped subscription gives none.
   * @throws {SeatLostError | SubscriberDroppedError}
   */
  async take({ wait = true }: { wait?: boolean } = {}): Promise<readonly Item[]> {
    for (;;) {
      if (this.#failure) throw this.#failure;
      if (this.#isStopped) return [];
      const items = await (this.#ahead ?? this.#read());
      this.#ahead = undefined;
      if (items.length > 0) {
        if (this.#isBehind) {
          // While the caller works on these, the next ones already travel.
          this.#ahead = this.#read();
          this.#ahead.catch(() => {});
        }
        return items;
      }
      if (!wait) return [];
      await this.#ring();
    }
  }

  /** Everything up to this id is done. Sent soon, together with others. */
  ack(id: number): void {
    if (id <= this.#done) return;
    this.#done = id;
    this.#acknowledging ??= setTimeout(() => {
      this.#acknowledging = undefined;
      if (this.#saved < this.#done) this.#save().catch(() => {});
    }, acknowledgeWithinMs);
  }

  /** Says for all to see that a message cannot be handled; undefined takes it back. */
  async block(blocked: Blocked | undefined): Promise<void> {
    await this.#store.block(this.#seat.name, blocked);
  }

  /** Resolves when everything acknowledged is known to the server. */
  async settle(): Promise<void> {
    if (this.#isSeated && !this.#failure) await this.#save();
  }

  /** Acknowledges what is done and gives up the seat; those standing by take over at once. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.stop();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    clearTimeout(this.#acknowledging);
    clearInterval(this.#renewing);
    this.#doorbell?.close();
    try {
      if (this.#isSeated && !this.#failure) {
        await this.#save();
        await this.#store.sweep();
        await this.#store.release(this.#seat);
      }
    } finally {
      this.#ownListener?.disconnect();
    }
  }

  async #sit(): Promise<void> {
    const { from = 'start', standby = false, signal } = this.#options;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (signal?.aborted) return this.stop();

    const listener = this.#options.listener ?? this.#openListener();
    this.#doorbell = await openDoorbell(listener, this.#store.bell, () => {
      this.#isRung = true;
      this.#wake?.();
    });
    const label = `${hostname()}:${process.pid}`;
    let firstSeenMs: number | undefined;
    while (!this.#isStopped) {
      this.#isRung = false;
      const claim = await this.#store.claim(this.#seat, { from, label, leaseMs: this.#leaseMs });
      if (claim.name === 'ours') {
        this.#isSeated = true;
        this.#after = this.#done = this.#saved = this.#swept = claim.position;
        break;
      }
      // A crashed process still holds its seat for a while: only one that shows up again is in our way.
      firstSeenMs ??= claim.seenMs;
      if (!standby && claim.seenMs > firstSeenMs) {
        throw new SubscriberInUseError(this.#store.topic, this.#seat.name, claim.by);
      }
      await this.#ring(Math.min(250, this.#pollMs));
    }
    if (!this.#isSeated) return;
    this.#renewing = setInterval(() => {
      this.#save().catch(() => {});
    }, this.#leaseMs / 4);
    await register(this.#store.client, 'topic', this.#store.topic);
  }

  #openListener(): Client {
    const { client } = this.#store;
    this.#ownListener = isCluster(client)
      ? client.duplicate([], { shardedSubscribers: true })
      : client.duplicate();
    this.#ownListener.on('error', () => {});
    return this.#ownListener;
  }

  /** Resolves on a ring, on the slow poll, or when stopped. */
  #ring(withinMs = this.#pollMs): Promise<void> {
    if (this.#isRung || this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), withinMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  async #read(): Promise<Item[]> {
    this.#isRung = false;
    const turn = await this.#turn(this.#step);
    if (turn.name !== 'read') return [];
    const { messages, bytes, floor } = turn;
    const newest = messages.at(-1);
    // A few entries at first, so that large ones do not come many at a time.
    if (newest)
      this.#step = Math.max(1, Math.min(128, Math.floor(readBytes / 4 / (bytes / messages.length))));
    this.#isBehind = bytes > readBytes / 16;
    const gap = floor > this.#after ? [{ gap: { from: this.#after + 1, to: floor } }] : [];
    this.#after = newest?.id ?? Math.max(this.#after, floor);
    return gap.length > 0 ? [...gap, ...messages] : messages;
  }

  async #save(): Promise<void> {
    await this.#turn(0);
  }

  async #turn(step: number): Promise<Turn> {
    const done = this.#done;
    const turn = await this.#store.turn(this.#seat, { done, after: this.#after, step });
    if (turn.name === 'taken') this.#fail(new SeatLostError(this.#store.topic, this.#seat.name, turn.by));
    if (turn.name === 'dropped') this.#fail(new SubscriberDroppedError(this.#store.topic, this.#seat.name));
    if (turn.name === 'forgotten') this.#after = this.#done = this.#saved = turn.last;
    if (turn.name === 'read') this.#saved = Math.max(this.#saved, done);
    if (this.#saved - this.#swept >= sweepEvery || (step > 0 && turn.name === 'read' && turn.bytes === 0)) {
      this.#sweep();
    }
    return turn;
  }

  #sweep(): void {
    if (this.#swept === this.#saved) return;
    this.#swept = this.#saved;
    this.#store.sweep().catch(() => {});
  }

  #fail(error: Error): never {
    this.#failure ??= error;
    clearInterval(this.#renewing);
    clearTimeout(this.#acknowledging);
    this.#wake?.();
    throw error;
  }
}
