import { randomBytes } from 'node:crypto';
import { QuarterdeckError } from '../../errors.ts';
import type { Warning } from '../../library-types.ts';
import { backoffMs } from '../../redis/backoff.ts';
import type { Client } from '../../redis/client.ts';
import { requireKeyName } from '../../redis/keys.ts';
import { register } from '../../redis/registry.ts';
import { warn } from '../../warnings.ts';
import { cut, short } from './cut.ts';
import { joinLogName, type LogKeys, type LogName, logKeys, logName } from './keys.ts';
import { type Counted, heaviest, mostDistinct, type Written, writeBatch } from './log.ts';
import { messagesOf } from './message/message-of.ts';
import { type Count, type Gathered, Gathering } from './pending-lines.ts';
import { type RecordOptions, Records } from './records/records.ts';
import { mask } from './template/mask.ts';
import { Miner } from './template/miner.ts';

export type LogWriterOptions = {
  /** `info` unless given; the numbers of Redis in Action become names, anything else is kept in small letters. */
  readonly severity?: string | number;
  /** Count exact texts instead of templates. */
  readonly raw?: boolean;
  /** How long a message waits at most before it is sent. */
  readonly flushMs?: number;
  /** How many messages are gathered at most before they are sent. */
  readonly flushMessages?: number;
  /** Called for each attempt to send that failed; it is made again. Without it, Node warns once for each code. */
  readonly onEvent?: ((event: Warning) => void) | undefined;
  /** Epoch seconds instead of the server's clock: for tests. */
  readonly clock?: () => number | undefined;
};

/**
 * Writes messages to one log, gathered on this side: one script call for up to 1,000 messages or 250 ms of them, one
 * call in flight at a time. While it is, the next batch gathers.
 *
 * Nothing written is lost while the process lives: a lost connection, a full server or a wrong key keep it in memory,
 * to be sent again after a while, and what is in flight when the connection breaks counts once. `close()` (or `await
 * using`) sends the rest; a pending batch keeps the process alive until it is sent. A process that is killed loses at
 * most what it gathered since the last flush.
 */
export class LogWriter {
  readonly log: LogName;
  readonly #redis: Client;
  readonly #keys: LogKeys;
  readonly #lane = randomBytes(9).toString('base64url');
  readonly #options: Required<Omit<LogWriterOptions, 'severity' | 'onEvent'>>;
  readonly #onEvent: LogWriterOptions['onEvent'];
  readonly #miner = new Miner();
  readonly #gathering = new Gathering();
  #sending: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The first is, or was, in flight: sent again as it is, under the same number, until Redis has answered. */
  readonly #batches: Gathered[] = [];
  #number = 1;
  #failure: unknown;
  #failures = 0;
  #failingSinceMs = 0;
  /** Resolves when the next attempt to send is over. */
  #attempted = Promise.withResolvers<void>();
  #hour = '';
  #sampled = new Set<string>();
  /** How many distinct messages there were when this writer last looked at all of them. */
  #learnedFrom = 0;
  #written = 0;

  constructor(redis: Client, name: string, options: LogWriterOptions = {}) {
    const { severity = 'info', onEvent, ...others } = options;
    this.#redis = redis;
    this.#onEvent = onEvent;
    this.log = logName(name, severity);
    requireKeyName(redis, joinLogName(this.log), () => undefined);
    this.#keys = logKeys(redis, this.log);
    this.#options = { raw: false, flushMs: 250, flushMessages: 1000, clock: () => undefined, ...others };
  }

  /** How many messages Redis has acknowledged. */
  get written(): number {
    return this.#written;
  }

  /** How many messages Redis has not acknowledged yet. */
  get pending(): number {
    return this.#batches.reduce((sum, { size }) => sum + size, this.#gathering.size);
  }

  /** What the last attempt to send failed with, if it did. */
  get failure(): unknown {
    return this.#failure;
  }

  /** For how long every attempt has failed; 0 if the last one did not. */
  get failingForMs(): number {
    return this.#failure === undefined ? 0 : performance.now() - this.#failingSinceMs;
  }

  /**
   * Takes a message; it is in Redis once `flush()` or `close()` resolved. False asks to wait for `drained()` before the
   * next one: who does not lets memory grow, by distinct messages only.
   */
  write(message: string): boolean {
    const line = cut(message);
    if (this.#options.raw) this.#gathering.add(short(line), line);
    else {
      // What is cut is no JSON any more.
      const messages = messagesOf(message.length > longestParsed ? line : message);
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
    if (this.#sending || this.#failure !== undefined) return false;
    this.#start();
    return true;
  }

  /** For the lines of one file or pipe: puts them together into messages first. */
  lines(options: Pick<RecordOptions, 'multiline'> = {}): Records {
    return new Records({ ...options, raw: this.#options.raw }, (record) => this.write(record));
  }

  /** Resolves once the attempt to send that is under way, or the next one after a failure, is over. */
  async drained(): Promise<void> {
    if (this.#sending) await this.#sending;
    else if (this.#failure !== undefined) await this.#attempted.promise;
  }

  /** @deprecated `drained` */
  async room(): Promise<void> {
    await this.drained();
  }

  /**
   * Resolves once everything taken so far is in Redis.
   * @throws {WrongTypeError} and whatever Redis refuses; the messages are kept and sent again
   */
  async flush(): Promise<void> {
    await this.#sending;
    while (this.pending > 0) {
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
          this.#failures = 0;
        },
        (error: unknown) => this.#failed(error),
      )
      .finally(() => {
        this.#sending = undefined;
        if (this.pending > 0) this.#plan();
        this.#attempted.resolve();
        this.#attempted = Promise.withResolvers();
      });
  }

  #failed(error: unknown): void {
    if (this.#failure === undefined) this.#failingSinceMs = performance.now();
    this.#failure = error;
    this.#failures += 1;
    if (QuarterdeckError.is(error)) warn(this.#onEvent, error);
  }

  #plan(): void {
    const { flushMs } = this.#options;
    const delayMs =
      this.#failure === undefined ? flushMs : backoffMs(this.#failures, { firstMs: flushMs, mostMs: 2000 });
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#start();
    }, delayMs);
  }

  /** Sends what failed, if something did, and what has gathered. */
  async #send(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { raw } = this.#options;
    if (!raw && this.#hour === '') await this.#learn();
    // Whoever writes in the same turn shares the call.
    else await new Promise(setImmediate);
    if (this.#batches.length === 0) this.#batches.push(...this.#gathering.take());
    for (let [batch] = this.#batches; batch; [batch] = this.#batches) {
      let reply = await this.#attempt(batch);
      while (reply.state === 'stale') {
        this.#miner.adopt(reply.patterns, reply.from);
        reply = await this.#attempt(batch);
      }
      this.#batches.shift();
      this.#number += 1;
      this.#written += batch.size;
      // The batch counts: what these add can as well come with the next one.
      await this.#acknowledged(batch, reply.hour, reply.distinct).catch(() => {});
    }
  }

  async #attempt({ counts, lines }: Gathered): Promise<Written> {
    const { raw, clock } = this.#options;
    const known = [...this.#miner.shared];
    const learned = this.#miner.proposed.slice(0, mostLearnedAtOnce);
    const counted = this.#counted(counts);
    const patterns = raw ? {} : { patterns: { known, learned } };
    const reply = await writeBatch(
      this.#redis,
      this.#keys,
      { lane: this.#lane, number: this.#number },
      { counted, lines, ...patterns },
      { clock: clock() },
    );
    if (!raw && reply.state === 'written') this.#miner.adopt(learned.slice(0, reply.learned), known.length);
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
      sample: sample === message || this.#sampled.has(message) ? '' : sample,
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
    for (const message of await heaviest(this.#redis, this.#keys)) {
      // Exact texts of others are no templates.
      if (mask(message) === message) this.#miner.learn(message);
    }
  }
}

/** A longer message is cut before its envelope is taken off. */
const longestParsed = 256 * 1024;
/** How many patterns go out with one batch. */
const mostLearnedAtOnce = 100;
