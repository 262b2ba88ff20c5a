import type { Client } from '../../redis/client.ts';
import { existsAs, register } from '../../redis/registry.ts';
import { type Ears, earsOf, ownListener } from './notifications.ts';
import {
  channelOf,
  giveUp,
  heartbeatMs,
  type LockKeys,
  lockKeys,
  type Place,
  queueUp,
  type Released,
  type Waited,
} from './scripts.ts';
import { ownerOf } from './token.ts';

/** The lock is ours. Its TTL began to count at `sinceMs` (`performance.now()`) at the earliest. */
export type Grant = { readonly fence: number; readonly sinceMs: number };

type Waiter = {
  readonly token: string;
  readonly ttlMs: number;
  /** Its place in the queue, once Redis told; 0 before. */
  arrival: string;
  /** When the last asking was sent that found it waiting: any grant is younger than this. */
  sinceMs: number;
  readonly granted: PromiseWithResolvers<Grant | undefined>;
};

/** A lock is there while it is held or waited for; a name made for one job leaves the index. */
const stillThere = existsAs('lock:*', 'lock-queue:*');

const foreignPollMs = 100;
const announceEveryMs = 60_000;
const lingerMs = 1000;
/** If the subscription is not confirmed by then, queue without: at worst a grant is found when the TTL ends. */
const unheardMs = 1000;

/**
 * Everyone of this client who waits for one lock: one channel, one timer, one command for all of them.
 *
 * A release hands the lock to the head of the queue in the same script; the head learns it from a message on its
 * client's channel or, if it shares the client with the one who released, from the reply. What remains for the
 * timer is a holder that died: then everyone asks when the TTL ends, and any asker can hand over to the head. A
 * foreign holder publishes nothing when it releases, so the first waiters look at it every 100 ms.
 */
export class WaitingRoom {
  readonly keys: LockKeys;
  readonly #client: Client;
  readonly #name: string;
  readonly #channel: string;
  readonly #ears: Ears;
  readonly #waiters = new Map<string, Waiter>();
  /** Tokens that went out with a grant and did not come back: theirs is not a stray grant. */
  readonly #holders = new Set<string>();
  #announceAfterMs = 0;
  #newcomers: Waiter[] = [];
  #hearing: 'no' | 'asked' | 'yes' = 'no';
  #timer: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;

  constructor(client: Client, name: string, listen: () => Client) {
    this.keys = lockKeys(client, name);
    this.#client = client;
    this.#name = name;
    this.#channel = channelOf(client, this.keys);
    this.#ears = earsOf(client, listen);
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
    return this.isEmpty && this.#holders.size === 0 && this.#hearing === 'no';
  }

  /** Resolves with the grant once it is this token's turn, with undefined once it left. Rejects if Redis refuses. */
  wait(token: string, ttlMs: number): Promise<Grant | undefined> {
    const granted = Promise.withResolvers<Grant | undefined>();
    const waiter = { token, ttlMs, arrival: '0', sinceMs: 0, granted };
    clearTimeout(this.#linger);
    this.#waiters.set(token, waiter);
    this.#newcomers.push(waiter);
    if (this.#hearing === 'yes' && this.#newcomers.length === 1) {
      queueMicrotask(() => this.#askFor(this.#newcomers));
    }
    if (this.#hearing === 'no') {
      this.#hearing = 'asked';
      this.#ears.hear(this.#channel, this);
      this.#askAfter(unheardMs);
    }
    return granted.promise;
  }

  /** Asks once, without staying in the queue. */
  async ask(token: string, ttlMs: number): Promise<Grant | undefined> {
    const sinceMs = performance.now();
    const reply = await queueUp(this.#client, this.keys, [{ token, ttlMs, arrival: '0' }], false);
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

  /** The channel spoke: `TOKEN FENCE`. */
  onMessage(message: string): void {
    const [token = '', fence] = message.split(' ');
    this.#handOver({ granted: { token, fence: Number(fence) } }, this.#waiters.get(token)?.sinceMs ?? 0);
  }

  /** The channel was (re)subscribed: grants before that were not heard. */
  onGap(): void {
    this.#hearing = 'yes';
    this.#askFor([...this.#waiters.values()]);
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
        this.#hearing = 'no';
        this.#ears.ignore(this.#channel);
      }, lingerMs).unref();
    }
    return waiter;
  }

  #askAfter(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#askFor([...this.#waiters.values()]), delayMs);
  }

  #askFor(waiters: readonly Waiter[]): void {
    this.#newcomers = [];
    const waiting = waiters.filter(({ token }) => this.#waiters.has(token));
    if (waiting.length === 0) return;
    const sentAtMs = performance.now();
    for (const waiter of waiting) waiter.sinceMs ||= sentAtMs;
    const places: Place[] = waiting.map(({ token, ttlMs, arrival }) => ({ token, ttlMs, arrival }));
    queueUp(this.#client, this.keys, places, true).then(
      (reply) => {
        for (const [index, waiter] of waiting.entries()) {
          waiter.arrival = reply.arrivals[index] ?? waiter.arrival;
          if (waiter.token !== reply.granted?.token) waiter.sinceMs = sentAtMs;
        }
        this.#handOver(reply, sentAtMs);
        if (!this.isEmpty) this.#askAfter(untilNextAskingMs(reply));
      },
      (error: unknown) => {
        for (const { token } of waiting) this.#forget(token)?.granted.reject(error);
      },
    );
  }
}

function untilNextAskingMs({ holder, pttlMs, rank }: Waited): number {
  const endMs = pttlMs < 0 ? heartbeatMs : Math.min(pttlMs + 2, heartbeatMs);
  if (ownerOf(holder)) return endMs;
  return Math.min(endMs, foreignPollMs * (1 + Math.min(Math.max(rank, 0), 9)));
}

const rooms = new WeakMap<Client, Map<string, WaitingRoom>>();
const mostIdleRooms = 1000;

/** The one room of this client for this lock. Do not keep it: an idle one makes place for others. */
export function roomFor(client: Client, name: string, listen?: () => Client): WaitingRoom {
  let known = rooms.get(client);
  if (!known) {
    known = new Map();
    rooms.set(client, known);
  }
  let room = known.get(name);
  if (!room) {
    // A program may lock very many names, one a job.
    if (known.size >= mostIdleRooms) for (const [other, { isIdle }] of known) if (isIdle) known.delete(other);
    room = new WaitingRoom(client, name, listen ?? ownListener(client));
    known.set(name, room);
  }
  room.announce();
  return room;
}
