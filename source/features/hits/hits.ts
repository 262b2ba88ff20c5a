import { randomUUID } from 'node:crypto';
import { UsageError, WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { guessServerMs, learnServerMs } from '../../redis/clock.ts';
import { requireKeyName } from '../../redis/keys.ts';
import { register } from '../../redis/registry.ts';
import { asIntegers } from '../../redis/reply.ts';
import { defineScript } from '../../redis/script.ts';
import add from './add.lua';
import addSeed from './add-seed.lua';
import { bucketMs, dayMs, hourlyKey, hourMs, plainKey, rawKey, writersKey } from './keys.ts';

/**
 * Hit counters: how often something happened, in buckets of 10 s and in hours, both written by one script.
 *
 * Keys of a series, in one slot: `hits:<series>:10s:<hour>` and `hits:<series>:1h:<day>` (hashes; a day is 24 small
 * hashes rather than 8,640 keys), each with a deadline of its own. Any window is then whole hours from the second
 * and two ends from the first (see read.ts).
 *
 * Counting costs the caller an addition: sums go out every `flushMs`, one batch of a series at a time. A batch says
 * how long ago it happened on the monotonic clock, and the server subtracts that from its own: the machine's clock
 * decides nothing, and what an outage delayed still counts where it happened. A batch sent twice counts once: it
 * names what the writer last saw confirmed, and a server that is ahead of that has it already.
 *
 * Not promised: what was not flushed when a process is killed is lost (`close` before ending). A bucket is 10 s, so
 * windows begin and end on multiples of that. A replay more than an hour late counts twice.
 */
export class Hits {
  readonly #client: Client;
  readonly #options: HitsOptions & typeof defaults;
  readonly #writer = randomUUID();
  readonly #series = new Map<string, Series>();
  #timer: NodeJS.Timeout | undefined;

  /** @throws {UsageError} on options that cannot be meant */
  constructor(client: Client, options: HitsOptions = {}) {
    this.#client = client;
    this.#options = { ...defaults, ...options };
    requireMs('flushMs', this.#options.flushMs, 10, 10_000);
    requireMs('keepMs', this.#options.keepMs, hourMs, 366 * dayMs);
    // A window tells from the hour that its buckets have gone, so the hour stays at least as long.
    requireMs(
      'keepHourlyMs',
      this.#options.keepHourlyMs,
      Math.max(dayMs, this.#options.keepMs),
      3660 * dayMs,
    );
  }

  /**
   * Counts, in memory; it is in Redis after the next flush.
   * @throws {UsageError} when `count` is not a whole number from 0 up, or `series` no name
   */
  add(series: string, count = 1): void {
    if (!Number.isInteger(count) || count < 0 || count > largestCount) {
      throw new UsageError(
        `Expected \`count\` to be a whole number from 0 to ${largestCount}, got \`${count}\``,
      );
    }
    if (count === 0) return;
    let waiting = this.#series.get(series);
    if (!waiting) {
      requireKeyName(this.#client, series);
      waiting = {
        name: series,
        batches: [],
        confirmed: new Map(),
        sending: undefined,
        failingSinceMs: undefined,
      };
      this.#series.set(series, waiting);
    }
    const now = performance.now();
    const newest = waiting.batches.at(-1);
    const isFull = waiting.batches.length >= mostBatches;
    // What is on its way must stay as it is: a second try has to be the same batch.
    if (newest && !newest.isSent && (isFull || now - newest.sinceMs < bucketMs)) newest.count += count;
    else waiting.batches.push({ count, sinceMs: now, isSent: false });
    this.#arm();
  }

  /**
   * Resolves once everything added so far is in Redis. What failed stays and goes out with the next flush.
   * @throws {WrongTypeError} when a key holds something else
   */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const flushed = [...this.#series.values()].map(async (series) => {
      // One batch of a series at a time: a replay is recognised by the batch before it.
      while (series.sending) await series.sending.catch(() => {});
      await this.#send(series);
    });
    const failed = (await Promise.allSettled(flushed)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  /** How many hits Redis has not confirmed yet. */
  get pending(): number {
    let sum = 0;
    for (const { batches } of this.#series.values()) for (const { count } of batches) sum += count;
    return sum;
  }

  /** For how long every attempt to send some series has failed, the longest of them; 0 if none does. */
  get failingForMs(): number {
    const since = [...this.#series.values()].map(
      ({ failingSinceMs }) => failingSinceMs ?? Number.POSITIVE_INFINITY,
    );
    return Math.max(performance.now() - Math.min(...since), 0);
  }

  /** Flushes; the client stays open. */
  async close(): Promise<void> {
    await this.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      for (const series of this.#series.values()) {
        if (series.sending || series.batches.length === 0) continue;
        this.#send(series).catch((error: unknown) => {
          this.#options.onError(error);
          // Tried again, though a process that is done does not stay for it.
          this.#arm();
          this.#timer?.unref();
        });
      }
    }, this.#options.flushMs);
  }

  #send(series: Series): Promise<void> {
    series.sending = this.#drain(series, series.batches.length)
      .then(
        () => {
          series.failingSinceMs = undefined;
        },
        (error: unknown) => {
          series.failingSinceMs ??= performance.now();
          throw error;
        },
      )
      .finally(() => {
        series.sending = undefined;
      });
    return series.sending;
  }

  /** Sends what was there; what is added meanwhile waits for the next flush. */
  async #drain(series: Series, batches: number): Promise<void> {
    for (let sent = 0; sent < batches; sent += 1) {
      const [batch] = series.batches;
      if (!batch) return;
      batch.isSent = true;
      await Promise.all([
        this.#write(series, batch),
        this.#options.layout === 'own' && register(this.#clientOf(series.name), 'hits', series.name),
      ]);
      series.batches.shift();
    }
    if (series.batches.length > 0) this.#arm();
  }

  #clientOf(key: string): Client {
    return this.#options.clientOf?.(key) ?? this.#client;
  }

  async #write({ name, confirmed }: Series, batch: Batch): Promise<void> {
    const { layout, keepMs, keepHourlyMs, clientOf } = this.#options;
    const { count } = batch;
    const isOwn = layout === 'own';
    for (;;) {
      let client = isOwn ? this.#clientOf(name) : this.#client;
      let ageMs = Math.floor(performance.now() - batch.sinceMs);
      const atMs = guessServerMs(client) - ageMs;
      const hour = Math.floor(atMs / hourMs);
      let bucket = Math.floor(atMs / bucketMs);
      if (!isOwn && clientOf) {
        // Every key has a server, each with a clock: the first one's tells the 10 s, once and for all tries.
        batch.bucket ??= bucket;
        bucket = batch.bucket;
        client = clientOf(plainKey(client, name, bucket));
        ageMs = guessServerMs(client) - (bucket + 0.5) * bucketMs;
      }
      const last = confirmed.get(client) ?? 0;
      const writers = writersKey(client, name);
      const keys = isOwn
        ? [rawKey(client, name, hour), hourlyKey(client, name, Math.floor(hour / 24)), writers]
        : [plainKey(client, name, bucket), writers];
      const [code = 0, figure = 0] = await (isOwn
        ? write(client, keys, [this.#writer, last, hour, ageMs, count, keepMs, keepHourlyMs])
        : writeSeed(client, keys, [this.#writer, last, bucket, ageMs, count, keepMs]));
      if (code === 0) {
        confirmed.set(client, figure);
        return;
      }
      if (code === -2) throw new WrongTypeError(keys[figure - 1] ?? '', 'hit counter');
      learnServerMs(client, figure);
    }
  }
}

export type HitsOptions = {
  /** How long hits are added up in memory (500). */
  readonly flushMs?: number;
  /** How long the buckets of 10 s stay behind their hour (3 days; `seed`: behind themselves). */
  readonly keepMs?: number;
  /** How long the hours stay behind their day (400 days). */
  readonly keepHourlyMs?: number;
  /** `seed`: plain keys `<series>:<epoch>` of each 10 s, shared with programs that INCR them; no hours. */
  readonly layout?: 'own' | 'seed';
  /** Called for a flush by the timer that failed; what it held goes out with the next. */
  readonly onError?: (error: unknown) => void;
  /** Over several servers, which of them this series (`seed`: this plain key) lives on. */
  readonly clientOf?: (key: string) => Client;
};

/** Sums stay exact in the server's arithmetic. */
export const largestCount = 1_000_000_000_000;

type Batch = { count: number; readonly sinceMs: number; isSent: boolean; bucket?: number };
type Series = {
  readonly name: string;
  readonly batches: Batch[];
  /** By the server; it is one unless plain keys are spread. */
  readonly confirmed: Map<Client, number>;
  sending: Promise<void> | undefined;
  failingSinceMs: number | undefined;
};

export const defaultKeepMs = 3 * dayMs;
export const defaultKeepHourlyMs = 400 * dayMs;

const defaults: Required<Omit<HitsOptions, 'clientOf'>> = {
  flushMs: 500,
  keepMs: defaultKeepMs,
  keepHourlyMs: defaultKeepHourlyMs,
  layout: 'own',
  onError() {},
};
/** An hour of outage at full resolution; the rest counts in its last bucket. */
const mostBatches = 360;

const write = defineScript({ lua: add, parse: asIntegers });
const writeSeed = defineScript({ lua: addSeed, parse: asIntegers });

function requireMs(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new UsageError(
    `Expected \`${name}\` to be whole milliseconds from ${min} to ${max}, got \`${value}\``,
  );
}
