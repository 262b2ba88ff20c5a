import { randomBytes } from 'node:crypto';
import type { Client } from '../../redis/client.ts';
import { register } from '../../redis/registry.ts';
import { typed } from '../../redis/wrong-type.ts';
import { cut, short } from './cut.ts';
import { joinLogName, type LogKeys, type LogName, logKeys, logName } from './keys.ts';
import { type Counted, mostDistinct, type Written, writeBatch } from './log.ts';
import { messagesOf } from './message/message-of.ts';
import { type Count, type Gathered, Gathering } from './pending-lines.ts';
import { mask } from './template/mask.ts';
import { Miner } from './template/miner.ts';

export type LogWriterOptions = {
  /** `info` unless told; the book's numbers become names, anything else is kept in small letters. */
  readonly severity?: string | number;
  /** Count exact texts instead of templates. */
  readonly raw?: boolean;
  /** How long a message waits at most before it is sent. */
  readonly flushMs?: number;
  /** How many messages are gathered at most before they are sent. */
  readonly flushMessages?: number;
  /** Epoch seconds instead of the server's clock: for tests. */
  readonly clock?: () => number | undefined;
};

/**
 * Writes messages to one log, gathered on this side: one script call for up to 1,000 messages or 250 ms of them, one
 * call in flight at a time. While it is, the next batch gathers.
 *
 * Nothing written is lost while the process lives: a lost connection, a full server or a wrong key keep it in memory,
 * to be sent by the next flush, and what is in flight when the connection breaks counts once. `close()` (or `await
 * using`) sends the rest; a pending batch keeps the process alive until it is sent. A process that is killed loses at
 * most what it gathered since the last flush.
 */
export class LogWriter {
  readonly log: LogName;
  readonly #redis: Client;
  readonly #keys: LogKeys;
  readonly #lane = randomBytes(9).toString('base64url');
  readonly #options: Required<Omit<LogWriterOptions, 'severity'>>;
  readonly #miner = new Miner();
  readonly #gathering = new Gathering();
  #sending: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** What is, or was, in flight: sent again as it is, under the same number, until Redis has answered. */
  #batch: Gathered | undefined;
  #number = 0;
  #failure: unknown;
  #hour = '';
  #sampled = new Set<string>();
  /** How many distinct messages there were when this writer last looked at all of them. */
  #learnedFrom = 0;
  #written = 0;

  constructor(redis: Client, name: string, options: LogWriterOptions = {}) {
    const { severity = 'info', ...others } = options;
    this.#redis = redis;
    this.log = logName(name, severity);
    this.#keys = logKeys(redis, this.log);
    this.#options = { raw: false, flushMs: 250, flushMessages: 1000, clock: () => undefined, ...others };
  }

  /** How many messages Redis has acknowledged. */
  get written(): number {
    return this.#written;
  }

  /** What the last flush failed with, if it did and none has succeeded since. */
  get failure(): unknown {
    return this.#failure;
  }

  /**
   * Takes a message; it is in Redis once `flush()` or `close()` resolved. False asks to wait for `room()` before the
   * next one: who does not lets memory grow, by distinct messages only.
   */
  write(message: string): boolean {
    const line = cut(message);
    if (this.#options.raw) this.#gathering.add(short(line), line);
    else {
      const messages = messagesOf(message);
      for (const { text, isTemplate } of messages) {
        const template = short(isTemplate ? text : this.#miner.template(cut(text)));
        // One line of several records stands for none of them.
        this.#gathering.add(template, messages.length === 1 ? line : cut(text));
      }
    }
    if (this.#gathering.size < this.#options.flushMessages) {
      this.#plan();
      return true;
    }
    if (this.#sending) return false;
    this.#start();
    return true;
  }

  /** Resolves once the batch in flight is through, or has failed. */
  async room(): Promise<void> {
    await this.#sending;
  }

  /**
   * Resolves once everything taken so far is in Redis.
   * @throws {WrongTypeError} and whatever Redis refuses; the messages are kept for the next flush
   */
  async flush(): Promise<void> {
    await this.#sending;
    while (this.#gathering.size > 0 || this.#batch) {
      this.#failure = undefined;
      this.#start();
      await this.#sending;
      if (this.#failure !== undefined) throw this.#failure;
    }
  }

  /** Sends the rest. @throws as `flush` does; then what was not written is lost */
  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      clearTimeout(this.#timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #start(): void {
    this.#sending ??= this.#send()
      .then(
        () => {
          this.#failure = undefined;
        },
        (error: unknown) => {
          this.#failure = error;
        },
      )
      .finally(() => {
        this.#sending = undefined;
        if (this.#gathering.size > 0 || this.#batch) this.#plan();
      });
  }

  #plan(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#start();
    }, this.#options.flushMs);
  }

  /** Sends the batch that failed, if one did, else what has gathered. */
  async #send(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { raw } = this.#options;
    if (!raw && this.#hour === '') await this.#learn();
    // Whoever writes in the same turn shares the call.
    else await new Promise(setImmediate);
    this.#number += this.#batch ? 0 : 1;
    this.#batch ??= this.#gathering.take();
    const batch = this.#batch;
    let reply = await this.#attempt(batch);
    while (reply.state === 'stale') {
      this.#miner.adopt(reply.patterns, reply.from);
      reply = await this.#attempt(batch);
    }
    this.#batch = undefined;
    this.#written += batch.size;
    // The batch counts: what these add can as well come with the next one.
    await this.#acknowledged(batch, reply.hour, reply.distinct).catch(() => {});
  }

  async #attempt({ counts, lines }: Gathered): Promise<Written> {
    const { raw, clock } = this.#options;
    const known = [...this.#miner.shared];
    const learned = [...this.#miner.proposed];
    const counted = this.#counted(counts);
    const patterns = raw ? {} : { patterns: { known, learned } };
    const reply = await writeBatch(
      this.#redis,
      this.#keys,
      { lane: this.#lane, number: this.#number },
      { counted, lines, ...patterns },
      { clock: clock() },
    );
    if (!raw && reply.state === 'written') this.#miner.adopt(learned, known.length);
    return reply;
  }

  /** The batch under the templates as they are known by now. */
  #counted(counts: Gathered['counts']): Counted[] {
    const merged = new Map<string, Count>();
    for (const [message, { count, sample }] of counts) {
      const template = this.#options.raw ? message : this.#miner.resolve(message);
      const known = merged.get(template);
      if (known) known.count += count;
      else merged.set(template, { count, sample });
    }
    return Array.from(merged, ([message, { count, sample }]) => ({
      message,
      count,
      sample: sample === message || this.#sampled.has(message) ? '' : short(sample),
    }));
  }

  async #acknowledged({ counts }: Gathered, hour: string, distinct: number): Promise<void> {
    await register(this.#redis, 'log', joinLogName(this.log));
    if (this.#options.raw) return;
    const isNewHour = hour !== this.#hour;
    if (isNewHour || this.#sampled.size > mostDistinct) this.#sampled.clear();
    this.#hour = hour;
    for (const message of counts.keys()) this.#sampled.add(this.#miner.resolve(message));
    // What several writers saw between them may be evidence where what each saw is not.
    if (!isNewHour && distinct <= 2 * this.#learnedFrom + 16) return;
    await this.#learn();
    this.#learnedFrom = distinct;
  }

  async #learn(): Promise<void> {
    const { common, last } = this.#keys;
    const heaviest = (key: string): Promise<string[]> =>
      typed(this.#redis, { [key]: 'zset' }, this.#redis.zrevrange(key, 0, mostLearnedFrom - 1));
    const [current, previous] = await Promise.all([heaviest(common), heaviest(last)]);
    for (const message of [...current, ...previous]) {
      // Exact texts of others are no templates.
      if (mask(message) === message) this.#miner.learn(message);
    }
  }
}

const mostLearnedFrom = 1000;
