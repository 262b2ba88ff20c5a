import { randomUUID } from 'node:crypto';
import { WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { guardLifeMs } from '../../redis/idempotency.ts';
import { register } from '../../redis/registry.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { defineScript } from '../../redis/script.ts';
import { BadCountError, BadIdError, CountTooLargeError, TooManyIdsError } from './errors.ts';
import incrementLua from './increment.lua';
import { type BufferKeys, bufferKeys, isId } from './keys.ts';

/**
 * Write buffers: many small increments become few SQL writes.
 *
 * `pending:<type>` is a sorted set id -> count, as a plain `ZINCRBY pending:<type>` writes it; such
 * producers and ours may feed one buffer. Ours add up in the process first and send the sums, at most every
 * `maxDelayMs` or `maxIds` different ids, in one script under (producer, sequence number): a call that ioredis
 * resends after a lost reply, or that we repeat after an error, counts once. Each producer keeps one call of a
 * type under way at a time, because the guard remembers only its last number.
 *
 * Keys of a type: `pending:<type>` and, behind that name, `:inflight` and `:batch` (what a flush has claimed, see
 * flush.ts), `:oldest` (how old what waits can be at most), `:settled` (batches SQL may forget), `:status` (how
 * the last flush went, for the console) and `:seq:<producer>` (the guard). Data never has a TTL; guards outlive
 * the last call of a producer that died by a day, which bounds how late a resend may come.
 *
 * Not promised: increments that are still in a process killed by SIGKILL, and what an asynchronous replica had
 * not yet seen when it was promoted. Counts are whole numbers up to 2^53 - 1, since scores are doubles.
 */

const dayMs = 86_400_000;
/** Of one call: bounds how long the server is busy with it, and how much is repeated. */
const chunkIds = 1000;
const longestRetryMs = 5000;

const incrementScript = defineScript({ lua: incrementLua, parse: (reply) => Number(reply) });

type Chunk = { readonly sequence: number; readonly entries: readonly (readonly [string, number])[] };
type Queue = {
  readonly keys: BufferKeys;
  waiting: Map<string, number>;
  /** Under way, or to be repeated as it is: after an error nobody knows whether it was counted. */
  chunk: Chunk | undefined;
  sequence: number;
  sending: Promise<void> | undefined;
  /** What the last sent id amounts to in Redis. */
  pending: number;
};

export type IncrementBufferOptions = {
  readonly maxDelayMs?: number;
  readonly maxIds?: number;
  /** How late a call may be resent and still be known; a day unless given. */
  readonly guardMs?: number;
  /** Called for calls in the background that failed; they are repeated until they succeed. */
  readonly onError?: (error: unknown) => void;
};

/**
 * Counts in the process and sends sums. `flush()` when it must be in Redis, `close()` before leaving: increments
 * of the last `maxDelayMs` are only here until then.
 */
export class IncrementBuffer implements AsyncDisposable {
  readonly #redis: Client;
  readonly #maxDelayMs: number;
  readonly #maxIds: number;
  readonly #guardMs: number;
  readonly #onError: ((error: unknown) => void) | undefined;
  readonly #producer = randomUUID();
  readonly #queues = new Map<string, Queue>();
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #failingSinceMs: number | undefined;
  #size = 0;
  #pending = 0;
  #isClosed = false;

  constructor(
    redis: Client,
    { maxDelayMs = 250, maxIds = 10_000, guardMs = dayMs, onError }: IncrementBufferOptions = {},
  ) {
    this.#redis = redis;
    this.#maxDelayMs = maxDelayMs;
    this.#maxIds = maxIds;
    this.#guardMs = guardMs;
    this.#onError = onError;
  }

  /** How many different ids wait in here. */
  get size(): number {
    return this.#size;
  }

  /** The sum of the increments that Redis has not confirmed yet. */
  get pending(): number {
    return this.#pending;
  }

  /** For how long every attempt to send has failed; 0 if the last one did not. */
  get failingForMs(): number {
    return this.#failingSinceMs === undefined ? 0 : performance.now() - this.#failingSinceMs;
  }

  /**
   * Adds `by` to the pending count of `id`, soon. False when so much waits that the caller had better await
   * `flush()` before adding more.
   * @throws {BadTypeError | BadIdError | BadCountError} at once, counting nothing
   */
  add(type: string, id: string, by = 1): boolean {
    if (this.#isClosed) throw new Error('This IncrementBuffer is closed');
    if (!Number.isSafeInteger(by) || by < 1) throw new BadCountError(by);
    if (!isId(id)) throw new BadIdError(id);
    const queue = this.#queueOf(type);
    const before = queue.waiting.get(id);
    const sum = (before ?? 0) + by;
    if (!Number.isSafeInteger(sum)) throw new CountTooLargeError(type, id);
    queue.waiting.set(id, sum);
    if (before === undefined) this.#size += 1;
    this.#pending += by;
    const isFull = this.#size >= this.#maxIds;
    if (isFull && this.#failures === 0) this.#sendIn(0);
    else if (!this.#timer) this.#sendIn(this.#maxDelayMs);
    return !isFull;
  }

  /**
   * Resolves once everything added before is counted in Redis, with the last id's pending count of each type.
   * @throws {WrongTypeError | CountTooLargeError} or what Redis answered; it all stays here and can be sent again
   */
  async flush(): Promise<ReadonlyMap<string, number>> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const outcomes = await Promise.allSettled(
      [...this.#queues].map(([type, queue]) => this.#drain(type, queue)),
    );
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) {
      this.#failures += 1;
      this.#failingSinceMs ??= performance.now();
      this.#sendIn(Math.min(this.#maxDelayMs * 2 ** this.#failures, longestRetryMs));
      throw failed.reason;
    }
    this.#failures = 0;
    this.#failingSinceMs = undefined;
    return new Map([...this.#queues].map(([type, queue]) => [type, queue.pending]));
  }

  /**
   * Sends what is left, also what is added meanwhile, and takes this producer's guards away. Throws as `flush()` does,
   * and stays open then.
   */
  async close(): Promise<void> {
    do await this.flush();
    while (this.#size > 0);
    this.#isClosed = true;
    clearTimeout(this.#timer);
    // Every reply has arrived, so nothing can be resent any more. Where they may not be removed, the guards end by
    // themselves: that decides nothing of what was counted.
    for (const { keys } of this.#queues.values()) {
      await retryAborted(() => this.#redis.unlink(keys.guard + this.#producer)).catch(() => {});
    }
  }

  /** Stops trying and gives up what was not sent. What a failed call carried may have been counted. */
  discard(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#queues.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #queueOf(type: string): Queue {
    let queue = this.#queues.get(type);
    if (!queue) {
      const keys = bufferKeys(this.#redis, type);
      queue = { keys, waiting: new Map(), chunk: undefined, sequence: 0, sending: undefined, pending: 0 };
      this.#queues.set(type, queue);
    }
    return queue;
  }

  #sendIn(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.flush().catch((error: unknown) => this.#onError?.(error));
    }, delayMs);
  }

  /** Sends chunk after chunk until nothing of what waited when it was called is left. */
  async #drain(type: string, queue: Queue): Promise<void> {
    // Whoever came first is sending; what it took may be older than what this caller waits for.
    while (queue.sending) await queue.sending.catch(() => {});
    if (!queue.chunk && queue.waiting.size === 0) return;
    queue.sending = this.#send(type, queue).finally(() => {
      queue.sending = undefined;
    });
    await queue.sending;
  }

  async #send(type: string, queue: Queue): Promise<void> {
    await register(this.#redis, 'buffer', type);
    if (queue.chunk) await this.#sendChunk(type, queue, queue.chunk);
    const rest = [...queue.waiting];
    queue.waiting = new Map();
    this.#size -= rest.length;
    while (rest.length > 0) {
      const entries = rest.splice(0, chunkIds);
      queue.sequence += 1;
      try {
        await this.#sendChunk(type, queue, { sequence: queue.sequence, entries });
      } catch (error) {
        this.#putBack(queue, rest);
        throw error;
      }
    }
  }

  async #sendChunk(type: string, queue: Queue, chunk: Chunk): Promise<void> {
    queue.chunk = chunk;
    const { pending, oldest, guard } = queue.keys;
    const words = chunk.entries.flat();
    try {
      queue.pending = await incrementScript(
        this.#redis,
        [pending, oldest, guard + this.#producer],
        [chunk.sequence, this.#guardMs, ...words],
      );
    } catch (error) {
      throw refusalOf(error, type, pending);
    }
    queue.chunk = undefined;
    this.#pending -= chunk.entries.reduce((sum, [, by]) => sum + by, 0);
  }

  #putBack(queue: Queue, entries: readonly (readonly [string, number])[]): void {
    for (const [id, by] of entries) {
      const before = queue.waiting.get(id);
      if (before === undefined) this.#size += 1;
      queue.waiting.set(id, (before ?? 0) + by);
    }
  }
}

/**
 * Counts a few ids at once, all of them or, when it throws, none; resolves with the last id's pending count. Only where
 * the connection ended before the answer came may they be counted although it throws.
 * @throws {TooManyIdsError} for more ids than one script takes
 * @throws what `IncrementBuffer.flush()` throws; it is not tried again
 */
export async function increment(
  redis: Client,
  type: string,
  counts: Iterable<readonly [id: string, by: number]>,
): Promise<number> {
  const buffer = new IncrementBuffer(redis, { maxIds: Number.POSITIVE_INFINITY, guardMs: guardLifeMs });
  for (const [id, by] of counts) buffer.add(type, id, by);
  if (buffer.size > chunkIds) {
    buffer.discard();
    throw new TooManyIdsError(buffer.size, chunkIds);
  }
  try {
    const pending = await buffer.flush();
    await buffer.close();
    return pending.get(type) ?? 0;
  } catch (error) {
    buffer.discard();
    throw error;
  }
}

function refusalOf(error: unknown, type: string, key: string): unknown {
  if (!(error instanceof Error)) return error;
  if (error.message.startsWith('WRONGTYPE')) return new WrongTypeError(key, 'sorted set', { cause: error });
  const [, id] = /^COUNT_TOO_LARGE (.*?)(?: script: .*)?$/s.exec(error.message) ?? [];
  return id === undefined ? error : new CountTooLargeError(type, id);
}
