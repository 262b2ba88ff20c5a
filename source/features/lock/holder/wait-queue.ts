import type { Client } from '../../../redis/client.ts';
import { type Hearing, type Notifier, notifierOf } from '../../../redis/notifier.ts';
import { isPassing } from '../../../redis/refusals.ts';
import { existsAs, register } from '../../../redis/registry.ts';
import { warn } from '../../../warnings.ts';
import { ownerOf } from '../token.ts';
import {
  channelOf,
  giveUp,
  heartbeatMs,
  type LockKeys,
  lockKeys,
  mostPlaces,
  type Place,
  queueUp,
  type Released,
  type Waited,
} from './scripts.ts';

/** The lock is ours. Its TTL began to count at `sinceMs` (`performance.now()`) at the earliest. */
export type Grant = { readonly fence: number; readonly sinceMs: number };

type Waiter = {
  readonly token: string;
  readonly ttlMs: number;
  /** Its place in the queue, once Redis answered; 0 before. */
  arrival: string;
  /** When the last asking was sent that found it waiting: any grant is younger than this. */
  sinceMs: number;
  /** What that answer said: a grant with no higher fence was made before, and is over. */
  lastFence: number;
  /** How long it goes on while the server refuses with what passes, and since when that is so. */
  readonly rideOutMs: number;
  refusedSinceMs: number | undefined;
  readonly granted: PromiseWithResolvers<Grant | undefined>;
};

/** A lock is there while it is held or waited for; a name made for one job leaves the index. */
const stillThere = existsAs('lock:*', 'lock-queue:*');

/** How often the first in line asks, whoever it was that took the lock. Those behind it ask more rarely. */
const pollMs = { foreign: 100, own: 1000 };
const announceEveryMs = 60_000;
const lingerMs = 1000;
/** What was refused for a while is asked again so soon. */
const refusedMs = 500;
/** If the subscription is not confirmed by then, queue without: at worst a grant is found when the TTL ends. */
const unheardMs = 1000;

/**
 * Everyone of this client who waits for one lock: one channel, one timer, one command for all of them.
 *
 * A release hands the lock to the head of the queue in the same script; the head learns it from a message on its
 * client's channel or, if it shares the client with the one who released, from the reply. When the holder dies,
 * everyone asks when the TTL ends, and any asker can hand over to the head.
 *
 * No message is relied upon: it may be lost, or refused to the holder's user. So one of each client asks now and then,
 * once a second where it is the first in line. Every 100 ms while a program of another kind holds the lock, which
 * publishes nothing. A client whose user may not subscribe tells the server, and all its waiters ask every second.
 */
export class WaitQueue {
  readonly keys: LockKeys;
  readonly #client: Client;
  readonly #name: string;
  readonly #channel: string;
  readonly #notifier: Notifier;
  readonly #waiters = new Map<string, Waiter>();
  /** Tokens that went out with a grant and did not come back: theirs is not a stray grant. */
  readonly #holders = new Set<string>();
  #announceAfterMs = 0;
  #newcomers: Waiter[] = [];
  #hearing: Hearing | undefined;
  /** When every waiter must have asked again, to count as alive. */
  #allDueMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;

  constructor(client: Client, name: string, listen?: () => Client) {
    this.keys = lockKeys(client, name);
    this.#client = client;
    this.#name = name;
    this.#channel = channelOf(client, this.keys);
    this.#notifier = notifierOf(client, listen);
  }

  /** Makes sure that the console finds this lock. The index is not worth failing for. */
  announce(): void {
    const nowMs = performance.now();
    if (nowMs < this.#announceAfterMs) return;
    this.#announceAfterMs = nowMs + announceEveryMs;
    register(this.#client, 'lock', this.#name, { stillThere }).catch(() => {});
  }

  get isEmpty(): boolean {
    return this.#waiters.size === 0;
  }

  /** Nobody would miss it. */
  get isIdle(): boolean {
    return this.isEmpty && this.#holders.size === 0 && this.#hearing === undefined;
  }

  /**
   * Resolves with the grant once it is this token's turn, with undefined once it left. Rejects if Redis refuses; what
   * passes by itself is waited for during `rideOutMs`.
   */
  wait(token: string, ttlMs: number, rideOutMs = 0): Promise<Grant | undefined> {
    const granted = Promise.withResolvers<Grant | undefined>();
    const refusedSinceMs = undefined;
    const waiter = {
      token,
      ttlMs,
      arrival: '0',
      sinceMs: 0,
      lastFence: 0,
      rideOutMs,
      refusedSinceMs,
      granted,
    };
    clearTimeout(this.#linger);
    this.#waiters.set(token, waiter);
    this.#newcomers.push(waiter);
    if (this.#hearing === undefined) {
      this.#hearing = this.#notifier.hear(this.#channel, {
        onMessage: (message) => this.#onMessage(message),
        // Grants before it was (re)subscribed were not heard. Where it is refused, nothing else is to come.
        onGap: () => this.#askForAll([...this.#waiters.values()]),
        onDenied: (error) => {
          warn(undefined, error);
          this.#askForAll([...this.#waiters.values()]);
        },
      });
      this.#allDueMs = performance.now() + unheardMs;
      this.#askAfter(unheardMs);
    } else if (this.#hearing.state !== 'asking' && this.#newcomers.length === 1) {
      queueMicrotask(() => this.#askForAll(this.#newcomers));
    }
    return granted.promise;
  }

  /** Asks once, without staying in the queue. */
  async ask(token: string, ttlMs: number): Promise<Grant | undefined> {
    const sinceMs = performance.now();
    const once = { stay: false, isHearing: true };
    const reply = await queueUp(this.#client, this.keys, [{ token, ttlMs, arrival: '0' }], once);
    if (reply.granted?.token === token) return { fence: reply.granted.fence, sinceMs };
    this.#handOver(reply, sinceMs);
    return;
  }

  /** Gives up the lock or the place in the queue, whichever the token has. False: it did not hold the lock. */
  async leave(token: string): Promise<boolean> {
    this.#forget(token)?.granted.resolve(undefined);
    this.#holders.delete(token);
    const sinceMs = performance.now();
    const released = await giveUp(this.#client, this.keys, token);
    this.#handOver(released, sinceMs);
    return released.wasHeld;
  }

  /** What came on the channel: `TOKEN FENCE`. It may be old, where this process was stopped for a while. */
  #onMessage(message: string): void {
    const [token = '', text] = message.split(' ');
    const fence = Number(text);
    const waiter = this.#waiters.get(token);
    // What nobody of ours sent is no grant: the next look at the lock says whose it is.
    if (!Number.isSafeInteger(fence) || (waiter && fence <= waiter.lastFence)) return;
    this.#handOver({ granted: { token, fence } }, waiter?.sinceMs ?? 0);
  }

  #handOver({ granted }: Pick<Released | Waited, 'granted'>, sinceMs: number): void {
    if (!granted || this.#holders.has(granted.token)) return;
    const waiter = this.#forget(granted.token);
    if (waiter) {
      this.#holders.add(granted.token);
      waiter.granted.resolve({ fence: granted.fence, sinceMs });
    } else {
      // It left while the grant was on its way, so nobody else would ever release it.
      this.leave(granted.token).catch(() => {});
    }
  }

  #forget(token: string): Waiter | undefined {
    const waiter = this.#waiters.get(token);
    if (!waiter) return;
    this.#waiters.delete(token);
    if (this.isEmpty) {
      clearTimeout(this.#timer);
      this.#linger = setTimeout(() => {
        this.#hearing?.close();
        this.#hearing = undefined;
      }, lingerMs).unref();
    }
    return waiter;
  }

  #askAfter(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const [first] = this.#waiters.values();
      if (performance.now() >= this.#allDueMs) this.#askForAll([...this.#waiters.values()]);
      else if (first) this.#askFor([first]);
    }, delayMs);
  }

  #askForAll(waiters: readonly Waiter[]): void {
    this.#newcomers = [];
    const waiting = waiters.filter(({ token }) => this.#waiters.has(token));
    if (waiting.length === this.#waiters.size) this.#allDueMs = Number.POSITIVE_INFINITY;
    for (let start = 0; start < waiting.length; start += mostPlaces) {
      this.#askFor(waiting.slice(start, start + mostPlaces));
    }
  }

  #askFor(waiting: readonly Waiter[]): void {
    const sentAtMs = performance.now();
    for (const waiter of waiting) waiter.sinceMs ||= sentAtMs;
    const places: Place[] = waiting.map(({ token, ttlMs, arrival }) => ({ token, ttlMs, arrival }));
    const isHearing = this.#hearing?.state === 'heard';
    queueUp(this.#client, this.keys, places, { stay: true, isHearing }).then(
      (reply) => {
        for (const [index, waiter] of waiting.entries()) {
          waiter.arrival = reply.arrivals[index] ?? waiter.arrival;
          waiter.refusedSinceMs = undefined;
          if (waiter.token === reply.granted?.token) continue;
          waiter.sinceMs = sentAtMs;
          waiter.lastFence = reply.lastFence;
        }
        this.#handOver(reply, sentAtMs);
        // It was granted to one of ours, who has not heard of it.
        const holder = this.#waiters.get(reply.holder);
        if (holder) this.#askFor([holder]);
        if (!this.isEmpty) this.#schedule(reply, isHearing);
      },
      (error: unknown) => {
        const nowMs = performance.now();
        for (const waiter of waiting) {
          waiter.refusedSinceMs ??= nowMs;
          const isOver = nowMs - waiter.refusedSinceMs >= waiter.rideOutMs;
          if (isOver || !isPassing(error)) this.#forget(waiter.token)?.granted.reject(error);
        }
        if (this.isEmpty) return;
        this.#allDueMs = Math.min(this.#allDueMs, nowMs + refusedMs);
        this.#askAfter(refusedMs);
      },
    );
  }

  #schedule({ holder, pttlMs, rank }: Waited, isHearing: boolean): void {
    const longestMs = isHearing ? heartbeatMs.heard : heartbeatMs.unheard;
    const endMs = pttlMs < 0 ? longestMs : Math.min(pttlMs + 2, longestMs);
    const nowMs = performance.now();
    this.#allDueMs = Math.min(this.#allDueMs, nowMs + endMs);
    const everyMs = ownerOf(holder) ? pollMs.own : pollMs.foreign;
    const lookMs = everyMs * (1 + Math.min(Math.max(rank, 0), 9));
    this.#askAfter(Math.min(Math.max(this.#allDueMs - nowMs, 0), lookMs));
  }
}

const queues = new WeakMap<Client, Map<string, WaitQueue>>();
const mostIdle = 1000;

/** The one queue of this client for this lock. Do not keep it: an idle one makes place for others. */
export function queueOf(client: Client, name: string, listen?: () => Client): WaitQueue {
  let known = queues.get(client);
  if (!known) {
    known = new Map();
    queues.set(client, known);
  }
  let queue = known.get(name);
  if (!queue) {
    // A program may lock very many names, one a job.
    if (known.size >= mostIdle) for (const [other, { isIdle }] of known) if (isIdle) known.delete(other);
    queue = new WaitQueue(client, name, listen);
    known.set(name, queue);
  }
  queue.announce();
  return queue;
}
