import { createHash } from 'node:crypto';
import path from 'node:path';
import * as v from 'valibot';
import { ownFolder, stateHome } from '../../../own-folders.ts';
import type { Client } from '../../../redis/client.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { requireName } from '../../../values.ts';
import { ConsumerReplacedError } from '../channel/errors.ts';
import { dataKey } from '../channel/keys.ts';
import { type AsideRecord, faultOfName } from '../channel/ledger.ts';
import { type Delivery, PartDelivery, type Refusal, type Shape } from './delivery.ts';
import { debtsOf } from './owed.ts';
import { ReadAhead } from './read-ahead.ts';
import { ConsumerSession, type Page } from './session.ts';

/**
 * One of the N consumers of a channel: gets every part of every file, each at least once, in the order of their
 * announcement; ours and those of a legacy (Redis in Action) program (a whole file for each message, `.gz` by its name).
 *
 * A part is acknowledged in one step with the consumer's cursor in the room, its count in `<part>:done` and what is
 * carried over of a cut line: whatever happened to a part whose acknowledgement is missing happens again. What is
 * written at the place where it belongs (`at`), as `--out` does, is therefore exact.
 *
 * The ledger decides what is owed: parts behind the cursor that this consumer has not finished, because another program
 * moved it, come first. What cannot be taken is set aside (see channel/aside.ts).
 *
 * Not promised: lines handed to another program come twice when this process dies between handing them over and the
 * acknowledgement, one part of them at most, or the small files that are acknowledged together; a machine that loses its file system's cache loses what was acknowledged.
 */
export type ConsumeOptions = {
  /** Which consumer this is: `0` to `N-1`. */
  readonly as: string;
  readonly signal?: AbortSignal;
  /** A connection that may subscribe: with it nothing waits longer than it must. */
  readonly listen?: () => Client;
  /** How long refusals of the server that pass, such as MISCONF, are ridden out; without limit unless given. */
  readonly timeoutMs?: number;
  /** Called with the first refusal of each such time. */
  readonly onRefused?: (refusal: unknown) => void;
  /**
   * Small files may be acknowledged together, up to 64 of them or 256 KiB: all of them come again if this process dies
   * before that. For whom taking a part twice changes nothing.
   */
  readonly acknowledgesTogether?: boolean;
  /** Why nothing comes yet. */
  readonly onWait?: (reason: string) => void;
  /** What arrived damaged or not at all, and stays so. */
  readonly onDamage?: (problem: string) => void;
  /** A part was set aside, now or by an earlier process. */
  readonly onAside?: (problem: string) => void;
  /** So many parts of the channel may be set aside; 100 by default. */
  readonly asideLimit?: number;
  /** Where pieces of large gzip files are collected; by default in `quarterdeck/spool` of the user's state directory. */
  readonly spoolDirectory?: string;
};

const graceMs = 10_000;
const defaultAsideLimit = 100;
const secondWindowBytes = 32 * 1024;
const smallBytes = 16 * 1024;
const mostTogether = 64;
const mostBytesTogether = 256 * 1024;

/**
 * Yields part after part until the channel is done. Asking for the next one acknowledges the one before; leaving the
 * loop early, or throwing in it, leaves that one for the next start.
 *
 * Started on a channel whose run is over it waits ten seconds for a new one.
 * @throws {NotExpectedError | ConsumerBusyError | ConsumerReplacedError | PartsUncountedError | AsideFullError}
 * @throws {WrongTypeError | FolderError} and the signal's reason
 */
export async function* consume(
  redis: Client,
  channel: string,
  options: ConsumeOptions,
): AsyncGenerator<Delivery, void, undefined> {
  requireName(options.as);
  const signal = options.signal ?? new AbortController().signal;
  const session = new ConsumerSession(redis, channel, options.as, { ...options, signal });
  const consumer = new Consumer(redis, channel, session, signal, options);
  try {
    for (;;) {
      const next = await consumer.next();
      if (!next) break;
      yield next.delivery;
      await next.delivery.finish();
      if (await consumer.collect(next)) continue;
      if (next.delivery.refusal) {
        await consumer.setAside(next, next.delivery.refusal);
        continue;
      }
      if (next.damages.length > 0) {
        // Its announcement was lost, and comes again with all of its bytes.
        if (!(await consumer.stands(next.id))) {
          consumer.rewind();
          continue;
        }
        for (const problem of next.damages) options.onDamage?.(problem);
      }
      const { part, file, carry } = next.delivery;
      if (await session.done(next.id, part, file, carry)) await next.delivery.acknowledged();
      else consumer.rewind();
    }
  } finally {
    await consumer.end();
    await session.leave();
  }
}

/** A message; without a part there is nothing to do about it but to mark it as seen. */
type Item = {
  readonly id: number;
  readonly part: Part | undefined;
  /** Nobody can work with its entry in the ledger. */
  readonly bad?: { readonly part: string; readonly fault: string };
};
/** `damages` is what arrived damaged or not at all. */
type Part = { readonly delivery: PartDelivery; readonly damages: readonly string[] };
type Next = Part & { readonly id: number };

const messageSchema = v.object({ sender: v.string(), message: v.string() });

class Consumer {
  readonly #redis: Client;
  readonly #channel: string;
  readonly #session: ConsumerSession;
  readonly #signal: AbortSignal;
  readonly #options: ConsumeOptions;
  readonly #items: Item[] = [];
  #readAhead: ReadAhead | undefined;
  /** Messages up to here were looked at. */
  #lookedAt = 0;
  /** The run that is served; none before there is one that is not over. */
  #run: string | undefined;
  #joinedAtMs = 0;
  /** What is set aside, by part, and the first such part of each file. */
  #aside: ReadonlyMap<string, AsideRecord> = new Map();
  readonly #asideFiles = new Map<string, string>();
  #isBookDone = false;
  /** More is owed than was looked at. */
  #isOwedMore = false;
  readonly #finished: { readonly id: number; readonly part: string }[] = [];
  #finishedBytes = 0;

  constructor(
    redis: Client,
    channel: string,
    session: ConsumerSession,
    signal: AbortSignal,
    options: ConsumeOptions,
  ) {
    this.#redis = redis;
    this.#channel = channel;
    this.#session = session;
    this.#signal = signal;
    this.#options = options;
  }

  /**
   * Takes note of a small file that was finished, to be acknowledged with others before anything else is.
   * @returns false for what has to be acknowledged by itself
   */
  async collect({ id, delivery, damages }: Next): Promise<boolean> {
    const isSmall =
      this.#options.acknowledgesTogether === true &&
      delivery.isWholeLines &&
      delivery.bytes <= smallBytes &&
      damages.length === 0 &&
      !delivery.refusal &&
      id > this.#session.cursor;
    if (!isSmall) {
      await this.#acknowledge();
      return false;
    }
    this.#finished.push({ id, part: delivery.part });
    this.#finishedBytes += delivery.bytes;
    if (this.#finished.length >= mostTogether || this.#finishedBytes >= mostBytesTogether)
      await this.#acknowledge();
    return true;
  }

  async #acknowledge(): Promise<void> {
    const finished = this.#finished.splice(0);
    this.#finishedBytes = 0;
    if (finished.length > 0 && !(await this.#session.doneMany(finished))) this.rewind();
  }

  /** What was finished and is not acknowledged yet; it comes again where that fails. */
  async end(): Promise<void> {
    await this.#acknowledge().catch(() => {});
  }

  /** The next part; undefined when the channel is done. */
  async next(): Promise<Next | undefined> {
    for (;;) {
      this.#signal.throwIfAborted();
      // Nobody waits for what is acknowledged while there is more to do.
      if (!this.#items[0]?.part) await this.#acknowledge();
      if (!this.#readAhead) await this.#join();
      const item = this.#items.shift();
      if (item?.part) {
        const next = { id: item.id, ...item.part };
        await this.#session.loadCarry(next.delivery.file);
        const first = this.#asideFiles.get(next.delivery.file);
        if (first === undefined) return next;
        await next.delivery.finish();
        await this.setAside(next, { reason: `behind ${first} of the same file`, tries: 0 });
        continue;
      }
      if (item?.bad) {
        await this.#putAside(item.id, item.bad.part, {
          file: '',
          bytes: 0,
          reason: `its entry in the ledger is not valid: ${item.bad.fault}`,
          tries: 1,
        });
        continue;
      }
      if (item) {
        if (!(await this.#session.done(item.id, '', '', undefined))) this.rewind();
        continue;
      }
      if (this.#isOwedMore) {
        this.rewind();
        continue;
      }
      const page = await this.#session.pending(this.#lookedAt);
      if (page.cursor === undefined) {
        if (page.run !== '' && page.run === this.#session.run)
          throw new ConsumerReplacedError(this.#channel, this.#options.as);
        // Redis lost everything: wait for the shipper to begin again, or join what it began.
        this.rewind();
        continue;
      }
      // Another server took over that knows of less, another program moved the cursor, or parts are wanted again.
      if (page.cursor !== this.#session.cursor || page.retries !== this.#session.retries) {
        this.rewind();
        continue;
      }
      for (const message of page.messages) this.#items.push(await this.#look(message, page));
      if (page.messages.length > 0) continue;
      if (this.#isDone(page)) return;
      await this.#session.wait();
    }
  }

  /** Whether this message is still what comes next. */
  async stands(id: number): Promise<boolean> {
    // What is owed from before stands in the ledger, its message may be gone.
    if (id <= this.#session.cursor) return true;
    const { cursor, messages } = await this.#session.pending(id - 1);
    return cursor === this.#session.cursor && messages[0]?.id === id;
  }

  async setAside({ id, delivery }: Next, { reason, tries }: Refusal): Promise<void> {
    const { file, part, bytes } = delivery;
    await this.#putAside(id, part, {
      file,
      bytes,
      reason,
      tries: tries + (this.#aside.get(part)?.tries ?? 0),
    });
  }

  async #putAside(
    id: number,
    part: string,
    record: Omit<AsideRecord, 'since' | 'retry' | 'id'>,
  ): Promise<void> {
    const { asideLimit = defaultAsideLimit, onAside } = this.#options;
    if (!(await this.#session.setAside(id, part, record, asideLimit))) {
      this.rewind();
      return;
    }
    if (record.file !== '' && !this.#asideFiles.has(record.file)) this.#asideFiles.set(record.file, part);
    onAside?.(`${part} is set aside: ${record.reason}`);
  }

  /** Another server took over that knows of less: goes on from there. */
  rewind(): void {
    this.#items.length = 0;
    this.#readAhead = undefined;
  }

  async #join(): Promise<void> {
    const session = this.#session;
    await session.take((reason) => this.#options.onWait?.(reason));
    this.#readAhead = new ReadAhead(this.#redis, session.windowBytes, session.ride);
    this.#lookedAt = session.cursor;
    this.#joinedAtMs = performance.now();
    if (!session.isRunOver && session.run !== '') this.#run ??= session.run;
    const { as, onAside, onDamage } = this.#options;
    const { owed, isPart, aside, gone } = await session.ride(() =>
      debtsOf(this.#redis, session.keys, { channel: this.#channel, id: as, cursor: session.cursor }),
    );
    this.#aside = aside;
    this.#isOwedMore = isPart;
    for (const part of gone) onDamage?.(`${part}: was set aside, and is gone from Redis`);
    this.#asideFiles.clear();
    for (const [part, { file, reason, retry }] of aside) {
      if (retry) continue;
      if (file !== '' && !this.#asideFiles.has(file)) this.#asideFiles.set(file, part);
      onAside?.(`${part} is set aside: ${reason}`);
    }
    for (const { id, part, entry } of owed) {
      const shape = entry ?? (await this.#bookShape(part));
      if (shape) this.#items.push({ id, part: this.#deliver(part, shape) });
    }
  }

  /** What is to be done about a message; a part is asked for at once. */
  async #look({ id, json, entry, fault }: Page['messages'][number], page: Page): Promise<Item> {
    this.#lookedAt = id;
    const { as, onDamage = () => {} } = this.#options;
    const message = parseMessage(json);
    if (!message) onDamage(`message ${id} of ${this.#channel} is no JSON of a message`);
    // Who else talks in the room ships nothing.
    if (message?.sender !== 'source' || message.message === '') return { id, part: undefined };
    const part = message.message;
    this.#isBookDone = part === ':done' && page.run === '';
    if (part === ':done') return { id, part: undefined };
    const problem = entry?.id === id ? undefined : (fault ?? faultOfName(part));
    if (problem !== undefined) return { id, part: undefined, bad: { part, fault: problem } };
    if (entry?.id === id && !entry.want.includes(` ${as} `)) return { id, part: undefined };
    const shape = entry?.id === id ? entry : await this.#bookShape(part);
    if (shape) return { id, part: this.#deliver(part, shape) };
    onDamage(`${part}: gone from Redis before it was read`);
    return { id, part: undefined };
  }

  #deliver(part: string, shape: Shape): Part {
    const { as, spoolDirectory } = this.#options;
    const key = dataKey(this.#session.keys, part);
    const readAhead =
      this.#readAhead ?? new ReadAhead(this.#redis, this.#session.windowBytes, this.#session.ride);
    const damages: string[] = [];
    const delivery = new PartDelivery(part, shape, {
      readAhead,
      reading: readAhead.add(key, shape.bytes),
      readAgain: () => {
        const slowly = new ReadAhead(this.#redis, secondWindowBytes, this.#session.ride);
        return { readAhead: slowly, reading: slowly.add(key, shape.bytes) };
      },
      carry: () => this.#session.carries.get(shape.file),
      spoolFile: (generation) => {
        const name = `${this.#channel}\0${as}\0${generation}`;
        return path.join(
          spoolDirectory ?? defaultSpoolDirectory(),
          createHash('sha1').update(name).digest('hex'),
        );
      },
      onDamage: (problem) => damages.push(problem),
    });
    return { delivery, damages };
  }

  /** A file shipped by a legacy (Redis in Action) program. */
  async #bookShape(part: string): Promise<Shape | undefined> {
    const key = dataKey(this.#session.keys, part);
    const [bytes, exists] = await this.#session.ride(() =>
      Promise.all([retryAborted(() => this.#redis.strlen(key)), retryAborted(() => this.#redis.exists(key))]),
    );
    if (exists === 0) return;
    const kind = part.endsWith('.gz') && bytes > 0 ? 'gzip' : 'lines';
    return { file: part, generation: '', at: 0, bytes, kind, last: true };
  }

  #isDone(page: Page): boolean {
    if (page.run === '') return this.#isBookDone;
    if (this.#run === undefined) {
      // Came when everything was over: a new run may be about to begin.
      if (page.run === this.#session.run && page.isOver)
        return performance.now() - this.#joinedAtMs > graceMs;
      this.#run = page.run;
    }
    if (page.run === this.#run) return page.doneId !== undefined && this.#session.cursor >= page.doneId;
    // Another run: the one served came to its end, unless Redis lost it.
    if (page.runBefore === this.#run) return true;
    this.#run = page.run;
    return false;
  }
}

function parseMessage(json: string): v.InferOutput<typeof messageSchema> | undefined {
  try {
    const result = v.safeParse(messageSchema, JSON.parse(json));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

function defaultSpoolDirectory(): string {
  // biome-ignore lint/style/noProcessEnv: library users give no folder, and the XDG rules say where it is
  return ownFolder(path.join(stateHome(process.env), 'quarterdeck', 'spool'));
}
