import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { QuarterdeckError } from '../../../errors.ts';
import { type Client, isCluster } from '../../../redis/client.ts';
import { quietReadyCheck } from '../../../redis/connection/ready-check.ts';
import { type Hearing, notifierOf } from '../../../redis/notifier.ts';
import { rideOut } from '../../../redis/refusals.ts';
import {
  MessagesForgottenError,
  NotAcknowledgedError,
  SubscriberDroppedError,
  SubscriberLeaseLostError,
  SubscriberRegisteredAgainError,
} from '../errors.ts';
import type {
  Blocked,
  Item,
  LayoutName,
  Message,
  Place,
  Server,
  TopicStore,
  Turn,
  TurnRequest,
} from '../layout.ts';
import { openTopic } from '../topic.ts';
import { setAside } from './aside.ts';
import { Reader } from './reader.ts';
import { Stamps } from './stamps.ts';
import { claimLease } from './subscriber-lease.ts';

export type SubscriptionOptions = {
  /** The subscriber: its position outlives this process. */
  readonly as: string;
  /** Where a name never seen before begins: with what is retained, or with what comes next. */
  readonly from?: 'start' | 'now';
  /** Wait while another process serves this name, instead of failing. */
  readonly standby?: boolean;
  /** Makes the connection that listens; by default one like `client`, closed with it. */
  readonly listen?: () => Client;
  /** A connection for subscriptions alone, closed by whoever made it. */
  readonly listener?: Client;
  readonly layout?: LayoutName;
  /** Without a sign of life for so long, another process may take over. */
  readonly leaseMs?: number;
  /** How often to look although no notification came. */
  readonly pollMs?: number;
  /** Wait for a notification even where a connection of its own could wait for the entry itself: one socket less. */
  readonly notificationsOnly?: boolean;
  readonly signal?: AbortSignal;
  /** How long what a server refuses for a while (it is full, it cannot save) is waited for; without limit by default. */
  readonly timeoutMs?: number;
  /** What was ridden out or mended, such as a server that had lost the subscriber. */
  readonly onTrouble?: (error: QuarterdeckError) => void;
};

const acknowledgeWithinMs = 50;
const sweepEvery = 64;
const paceEveryMs = 10_000;
/** What a message on a channel says when a lease was given up, or a subscriber dropped. */
const leaseNotification = 'seat';
/** A server that does not answer holds up no end. */
const closeWithinMs = 3000;

/**
 * A subscriber of a topic, by hand: `take()` what is there, `ack()` what is done, `close()`. Reading ahead of what is
 * acknowledged is fine; acknowledging an id acknowledges all before it. `subscribe()` does this with a handler.
 *
 * What the server refuses for a while is ridden out like a lost connection. A server that lost the subscriber (FLUSHALL,
 * a restart without its data) is given it again, where it was as far as the topic still goes there.
 */
export class Subscription implements AsyncDisposable {
  readonly #store: TopicStore;
  readonly #server: Server;
  readonly #options: SubscriptionOptions;
  readonly #leaseMs: number;
  readonly #onAbort = (): void => this.stop();
  readonly #hearings: Hearing[] = [];
  #connection: Redis | undefined;
  #reader: Reader | undefined;
  #done: Place = { id: 0, at: 0 };
  readonly #stamps = new Stamps();
  #saved = 0;
  #swept = 0;
  #paceNotedMs = performance.now();
  /** When the last turn that succeeded was asked for, on the local monotonic clock. */
  #sureAt = 0;
  #acknowledging: NodeJS.Timeout | undefined;
  #renewing: NodeJS.Timeout | undefined;
  #registering: Promise<Place> | undefined;
  #failure: Error | undefined;
  #isRefused = false;
  #isEnding = false;
  #isStopped = false;
  #isClosed = false;
  #wakeClaim: (() => void) | undefined;

  private constructor(store: TopicStore, options: SubscriptionOptions) {
    this.#store = store;
    this.#options = options;
    this.#server = { name: options.as, token: randomBytes(9).toString('base64url') };
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
      await subscription.#begin();
    } catch (error) {
      await subscription.close();
      throw error;
    }
    return subscription;
  }

  get isStopped(): boolean {
    return this.#isStopped || this.#reader?.isStopped === true;
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
   * false it resolves with none when there are none. A stopped subscription gives none, and so does one whose publisher
   * said that this was all (legacy layout). One call at a time.
   * @throws {SubscriberLeaseLostError | SubscriberDroppedError}
   */
  async take({ wait = true }: { wait?: boolean } = {}): Promise<readonly Item[]> {
    if (this.#failure) throw this.#failure;
    const items = await this.#ride(async () => (await this.#reader?.take(wait)) ?? []);
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
    await this.#ride(() => this.#store.block(this.#server.name, blocked));
  }

  /** Keeps a message apart that cannot be handled. @returns whether it is: not when `most` are already */
  async setAside(
    message: Message,
    failure: { reason: string; tries: number },
    most: number,
  ): Promise<boolean> {
    return await this.#ride(() => setAside(this.#store, this.#server.name, message, failure, most));
  }

  /**
   * Resolves when everything acknowledged is known to the server.
   * @throws {SubscriberLeaseLostError | SubscriberDroppedError}
   */
  async settle(): Promise<void> {
    if (this.#failure) throw this.#failure;
    await this.#ride(() => this.#save());
  }

  /** From now on nothing more is taken; what was taken may still be acknowledged. */
  stop(): void {
    this.#isStopped = true;
    this.#reader?.stop();
    this.#wakeClaim?.();
  }

  /**
   * Sends what is acknowledged and gives up the lease; those standing by take over at once. Waits some seconds at most
   * for a server that does not answer or refuses it.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.stop();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    clearTimeout(this.#acknowledging);
    clearInterval(this.#renewing);
    for (const hearing of this.#hearings) hearing.close();
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), closeWithinMs);
    try {
      if (this.#reader && !this.#failure) await this.#finish(deadline.signal);
    } finally {
      clearTimeout(timer);
      this.#connection?.disconnect();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #finish(deadline: AbortSignal): Promise<void> {
    const late = new Promise<'late'>((resolve) => {
      deadline.addEventListener('abort', () => resolve('late'), { once: true });
    });
    const leaving = rideOut(
      async () => {
        await this.#save();
        await this.#store.sweep();
        await this.#store.release(this.#server);
      },
      { signal: deadline },
    );
    leaving.catch(() => {});
    let cause: unknown;
    try {
      if ((await Promise.race([leaving, late])) !== 'late') return;
    } catch (error) {
      if (!deadline.aborted) throw error;
      cause = error;
    }
    if (this.#saved >= this.#done.id) return;
    const { topic } = this.#store;
    this.#tell(new NotAcknowledgedError(topic, this.#server.name, this.#saved, this.#done.id, cause));
  }

  async #begin(): Promise<void> {
    const { standby = false, from = 'start', signal, pollMs = 1000, listener, listen } = this.#options;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (signal?.aborted) this.stop();
    if (this.#isStopped) return;

    const notifier = listener ? notifierOf(listener, () => listener) : notifierOf(this.#store.client, listen);
    const stopped = new Promise<void>((resolve) => {
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
    for (const channel of this.#store.channels) {
      const hearing = notifier.hear(channel, {
        onMessage: (message) => this.#onMessage(message),
        onGap: () => this.#reader?.look(),
        onDenied: (error) => this.#tell(error),
        pollMs,
      });
      this.#hearings.push(hearing);
      // Only what is published once this stands is heard; where it is denied, the poll must do.
      await Promise.race([hearing.isHeard, stopped]);
    }
    const position = await this.#claim(from, standby);
    if (!position) return;
    this.#done = position;
    this.#saved = this.#swept = position.id;
    this.#reader = new Reader(position, {
      store: this.#store,
      connection: this.#openConnection(pollMs),
      pollMs,
      turn: (request) => this.#turn(request),
      isLeaseSure: () => this.isSure,
    });
    if (this.#isEnding) this.#reader.end();
    this.#renewing = setInterval(() => {
      this.#save().catch(() => {});
    }, this.#leaseMs / 4);
    // An index that cannot be written, because the memory is full, must not keep anybody from making room.
    await this.#store.register().catch(() => {});
  }

  async #claim(from: 'start' | 'now' | Place, standby: boolean): Promise<Place | undefined> {
    const claim = await claimLease(this.#store, this.#server, {
      from,
      standby,
      leaseMs: this.#leaseMs,
      isStopped: () => this.#isStopped,
      onAsk: (wake) => {
        this.#sureAt = performance.now();
        this.#wakeClaim = wake;
      },
      rideOut: (run) => this.#ride(run),
    });
    return claim?.position;
  }

  #onMessage(message: string): void {
    this.#wakeClaim?.();
    if (message === this.#store.endMark) {
      this.#isEnding = true;
      this.#reader?.end();
      return;
    }
    this.#reader?.notify();
    if (message === leaseNotification && this.#reader) this.#save().catch(() => {});
  }

  #openConnection(pollMs: number): Redis | undefined {
    const { client, await: waits } = this.#store;
    if (!waits || this.#options.notificationsOnly || isCluster(client)) return;
    this.#connection = openReader(client, pollMs);
    this.#connection.on('error', () => {});
    return this.#connection;
  }

  /** Goes on through what a server refuses for a while; reports it once, until it is over. */
  async #ride<Result>(run: () => Promise<Result>): Promise<Result> {
    const { signal, timeoutMs } = this.#options;
    const result = await rideOut(run, {
      ...(signal && { signal }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      onWait: (refusal) => {
        if (!this.#isRefused && QuarterdeckError.is(refusal)) this.#tell(refusal);
        this.#isRefused = true;
      },
    });
    this.#isRefused = false;
    return result;
  }

  #tell(error: QuarterdeckError): void {
    this.#options.onTrouble?.(error);
  }

  async #save(): Promise<void> {
    await this.#turn({ after: this.#done, step: 0, arm: false });
  }

  async #turn(request: Omit<TurnRequest, 'done'>): Promise<Turn> {
    const done = this.#done;
    const askedAt = performance.now();
    const pace = askedAt - this.#paceNotedMs >= paceEveryMs;
    if (pace) this.#paceNotedMs = askedAt;
    const turn = await this.#store.turn(this.#server, { ...request, done, pace });
    const { topic } = this.#store;
    const { name } = this.#server;
    if (turn.name === 'taken') this.#fail(new SubscriberLeaseLostError(topic, name, turn.by));
    if (turn.name === 'dropped') this.#fail(new SubscriberDroppedError(topic, name));
    if (turn.name === 'lost') return { name: 'forgotten', last: await this.#registerAgain() };
    this.#sureAt = Math.max(this.#sureAt, askedAt);
    if (turn.name === 'forgotten') {
      if (turn.last.id < done.id) {
        this.#tell(new MessagesForgottenError(topic, name, done.id, turn.last.id));
      }
      this.#return(turn.last);
    }
    if (turn.name === 'read') {
      this.#saved = Math.max(this.#saved, done.id);
      const isIdle = request.step > 0 && turn.items.length === 0;
      if (this.#saved - this.#swept >= sweepEvery || (isIdle && this.#saved > this.#swept)) {
        this.#swept = this.#saved;
        this.#store.sweep().catch(() => {});
      }
    }
    return turn;
  }

  /** Several turns may find it lost at the same time. */
  #registerAgain(): Promise<Place> {
    this.#registering ??= (async () => {
      const done = this.#done;
      const position = await this.#claim(done, false);
      if (!position) return done;
      await this.#store.register().catch(() => {});
      this.#tell(
        new SubscriberRegisteredAgainError(this.#store.topic, this.#server.name, done.id, position.id),
      );
      this.#return(position);
      return position;
    })().finally(() => {
      this.#registering = undefined;
    });
    return this.#registering;
  }

  /** Goes on behind this place, before what was done. */
  #return(place: Place): void {
    this.#done = place;
    this.#stamps.clear();
    this.#saved = this.#swept = place.id;
  }

  #fail(error: Error): never {
    this.#failure ??= error;
    clearInterval(this.#renewing);
    clearTimeout(this.#acknowledging);
    this.stop();
    throw this.#failure;
  }
}

/** A connection for commands that wait: they hold up no others, and notice a server that fell silent. */
function openReader(listener: Redis, waitMs: number): Redis {
  const reader = listener.duplicate({
    maxRetriesPerRequest: null,
    socketTimeout: waitMs + 5000,
    enableAutoPipelining: false,
  });
  return quietReadyCheck(reader, () => {});
}
