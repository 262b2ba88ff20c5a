import type { Client } from '../../../redis/client.ts';
import { type RefusalEpisode, rideOut } from '../../../redis/refusals.ts';
import type { RunnerOptions } from '../options.ts';
import { readRecord, type TargetRecord, unused, writeRecord } from '../record.ts';

/** All refusals of a run are one episode, and have one timeout. */
type Riding = { readonly signal: AbortSignal; readonly episode: RefusalEpisode };

/** What a runner knows of its target, kept in Redis too: whoever serves the target next goes on with it. */
export class TargetMemory {
  readonly redis: Client;
  readonly #options: RunnerOptions;
  readonly #riding: Riding;
  record: TargetRecord;

  constructor(redis: Client, options: RunnerOptions, riding: Riding) {
    this.redis = redis;
    this.#options = options;
    this.#riding = riding;
    this.record = unused(options.base);
  }

  async load(): Promise<void> {
    const { channel, target } = this.#options;
    this.record = (await this.ride(() => readRecord(this.redis, channel, target))) ?? this.record;
  }

  /** Changes the record, here and in Redis. */
  async remember(news: Partial<TargetRecord>): Promise<void> {
    const { channel, target } = this.#options;
    this.record = { ...this.record, ...news };
    await this.ride(() => writeRecord(this.redis, channel, target, this.record));
  }

  /** Waits while the server refuses for now. */
  ride<Result>(run: () => Promise<Result>): Promise<Result> {
    const { timeoutMs = Number.POSITIVE_INFINITY } = this.#options;
    return rideOut(run, { timeoutMs, ...this.#riding });
  }
}
