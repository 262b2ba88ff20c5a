import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { openListener } from '../../redis/channels.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { openReader } from './connections.ts';
import { SeatLostError, SubscriberDroppedError } from './errors.ts';
import type { Blocked, Item, LayoutName, Place, Seat, TopicStore, Turn, TurnRequest } from './layout.ts';
import { type Doorbell, missed, openDoorbell, seatRing } from './notifications.ts';
import { Reader } from './reader.ts';
import { Stamps } from './stamps.ts';
import { claimSeat } from './subscriber-lease.ts';
import { openTopic } from './topic.ts';

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
  /** Wait for the doorbell even where a connection of its own could wait for the entry itself: one socket less. */
  readonly doorbellOnly?: boolean;
  readonly signal?: AbortSignal;
};

const acknowledgeWithinMs = 50;
const sweepEvery = 64;
const paceEveryMs = 10_000;

/**
 * A subscriber of a topic, by hand: `take()` what is there, `ack()` what is done, `close()`. Reading ahead of what is
 * acknowledged is fine; acknowledging an id acknowledges all before it. `subscribe()` does this with a handler.
 */
export class Subscription {
  readonly #store: TopicStore;
  readonly #seat: Seat;
  readonly #options: SubscriptionOptions;
  readonly #leaseMs: number;
  readonly #opened: Client[] = [];
  readonly #onAbort = (): void => this.stop();
  readonly #doorbells: Doorbell[] = [];
  #reader: Reader | undefined;
  #done: Place = { id: 0, at: 0 };
  readonly #stamps = new Stamps();
  #saved = 0;
  #paceNotedMs = performance.now();
  #swept = 0;
  /** When the last turn that succeeded was asked for, on the local monotonic clock. */
  #sureAt = 0;
  #acknowledging: NodeJS.Timeout | undefined;
  #renewing: NodeJS.Timeout | undefined;
  #failure: Error | undefined;
  #isStopped = false;
  #isClosed = false;
  #wakeClaim: (() => void) | undefined;

  private constructor(store: TopicStore, options: SubscriptionOptions) {
    this.#store = store;
    this.#options = options;
    this.#seat = { name: options.as, token: randomBytes(9).toString('base64url') };
    this.#leaseMs = options.leaseMs ?? 5000;
  }

  /**
   * Registers the name, and resolves once this process serves it; with `standby` that may take long, and gives a
   * stopped subscription when `signal` is aborted first.
   * @throws {SubscriberInUseError} when another process proves to be alive at it
   */
  static async open(client: Client, topic: string, options: SubscriptionOptions): Promise<Subscription> {
    const subscription = new Subscription(openTopic(client, topic, options.layout), options);
    try {
      await subscription.#sit();
    } catch (error) {
      await subscription.close();
      throw error;
    }
    return subscription;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Every id up to here is done. */
  get done(): number {
    return this.#done.id;
  }

  /** No other process can have taken over yet, by the local monotonic clock; if not sure, `settle()` finds out. */
  get isSure(): boolean {
    return performance.now() - this.#sureAt < this.#leaseMs * 0.7;
  }

  /**
   * The next items after those taken before, in the order of their ids. Waits for the first of them; with `wait`
   * false it resolves with none when there are none. A stopped subscription gives none. One call at a time.
   * @throws {SeatLostError | SubscriberDroppedError}
   */
  async take({ wait = true }: { wait?: boolean } = {}): Promise<readonly Item[]> {
    if (this.#failure) throw this.#failure;
    const items = (await this.#reader?.take(wait)) ?? [];
    if (this.#failure) throw this.#failure;
    this.#stamps.add(items);
    return items;
  }

  /** Everything up to this id is done. Sent soon, together with others. */
  ack(id: number): void {
    if (id <= this.#done.id) return;
    this.#done = { id, at: this.#stamps.timeOf(id) };
    this.#acknowledging ??= setTimeout(() => {
      this.#acknowledging = undefined;
      if (this.#saved < this.#done.id) this.#save().catch(() => {});
    }, acknowledgeWithinMs);
  }

  /** Says for all to see that a message cannot be handled; undefined takes it back. */
  async block(blocked: Blocked | undefined): Promise<void> {
    await this.#store.block(this.#seat.name, blocked);
  }

  /**
   * Resolves when everything acknowledged is known to the server.
   * @throws {SeatLostError | SubscriberDroppedError}
   */
  async settle(): Promise<void> {
    if (this.#failure) throw this.#failure;
    await this.#save();
  }

  /** From now on nothing more is taken; what was taken may still be acknowledged. */
  stop(): void {
    this.#isStopped = true;
    this.#reader?.stop();
    this.#wakeClaim?.();
  }

  /** Sends what is acknowledged and gives up the seat; those standing by take over at once. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.stop();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    clearTimeout(this.#acknowledging);
    clearInterval(this.#renewing);
    for (const doorbell of this.#doorbells) doorbell.close();
    try {
      if (this.#reader && !this.#failure) {
        await this.#save();
        await this.#store.sweep();
        await this.#store.release(this.#seat);
      }
    } finally {
      for (const client of this.#opened) client.disconnect();
    }
  }

  async #sit(): Promise<void> {
    const { from = 'start', standby = false, signal, pollMs = 1000 } = this.#options;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (signal?.aborted) this.stop();
    if (this.#isStopped) return;

    const listener = this.#options.listener ?? this.#keep(openListener(this.#store.client));
    const ring = (message: string): void => {
      this.#wakeClaim?.();
      if (message === missed) this.#reader?.look();
      else this.#reader?.ring();
      if (message === seatRing && this.#reader) this.#save().catch(() => {});
    };
    for (const bell of this.#store.bells) this.#doorbells.push(await openDoorbell(listener, bell, ring));
    const claim = await claimSeat(this.#store, this.#seat, {
      from,
      standby,
      leaseMs: this.#leaseMs,
      isStopped: () => this.#isStopped,
      onAsk: (wake) => {
        this.#sureAt = performance.now();
        this.#wakeClaim = wake;
      },
    });
    if (!claim) return;
    this.#done = claim.position;
    this.#saved = this.#swept = claim.position.id;
    this.#reader = new Reader(claim.position, {
      store: this.#store,
      connection: this.#readerFor(listener, pollMs),
      pollMs,
      turn: (request) => this.#turn(request),
      isSeatSure: () => this.isSure,
    });
    this.#renewing = setInterval(() => {
      this.#save().catch(() => {});
    }, this.#leaseMs / 4);
    // An index that cannot be written, because the memory is full, must not keep anybody from making room.
    await this.#store.register().catch(() => {});
  }

  #readerFor(listener: Client, pollMs: number): Redis | undefined {
    if (!this.#store.await || this.#options.doorbellOnly || isCluster(listener)) return;
    return this.#keep(openReader(listener, pollMs));
  }

  #keep<Opened extends Client>(client: Opened): Opened {
    client.on('error', () => {});
    this.#opened.push(client);
    return client;
  }

  async #save(): Promise<void> {
    await this.#turn({ after: this.#done, step: 0, arm: false });
  }

  async #turn(request: Omit<TurnRequest, 'done'>): Promise<Turn> {
    const done = this.#done;
    const askedAt = performance.now();
    const pace = askedAt - this.#paceNotedMs >= paceEveryMs;
    if (pace) this.#paceNotedMs = askedAt;
    const turn = await this.#store.turn(this.#seat, { ...request, done, pace });
    if (turn.name === 'taken') this.#fail(new SeatLostError(this.#store.topic, this.#seat.name, turn.by));
    if (turn.name === 'dropped') this.#fail(new SubscriberDroppedError(this.#store.topic, this.#seat.name));
    this.#sureAt = Math.max(this.#sureAt, askedAt);
    if (turn.name === 'forgotten') {
      this.#done = turn.last;
      this.#stamps.clear();
      this.#saved = this.#swept = turn.last.id;
    }
    if (turn.name === 'read') {
      this.#saved = Math.max(this.#saved, done.id);
      const isIdle = request.step > 0 && turn.messages.length === 0;
      if (this.#saved - this.#swept >= sweepEvery || (isIdle && this.#saved > this.#swept)) {
        this.#swept = this.#saved;
        this.#store.sweep().catch(() => {});
      }
    }
    return turn;
  }

  #fail(error: Error): never {
    this.#failure ??= error;
    clearInterval(this.#renewing);
    clearTimeout(this.#acknowledging);
    this.stop();
    throw this.#failure;
  }
}
