import { randomBytes } from 'node:crypto';
import type { Client } from '../../redis/client.ts';
import { rideOut } from '../../redis/refusals.ts';
import { requireText } from '../../values.ts';
import { MessageTooLargeError } from './errors.ts';
import type { LayoutName, TopicStore } from './layout.ts';
import { largestMessageBytes } from './sizes.ts';
import { openTopic } from './topic.ts';
import { requireTopicName } from './topic-name.ts';

/**
 * A producer numbers its frames, so that one resent by the connection is recognised and not stored twice. What is
 * published while the event loop is busy, or while as many frames are in flight as the server remembers, joins the
 * next frame: under load many messages cost one command, alone one waits for nothing.
 */

export type Published = {
  /** 0 when nothing was stored. */
  readonly first: number;
  readonly last: number;
  readonly count: number;
  /** The subscribers were notified that this is the end (legacy layout). */
  readonly isComplete?: true;
};

export type PublishOptions = {
  readonly layout?: LayoutName;
  /** How long what a server refuses for a while (it is full, it cannot save) is waited for; not at all by default. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Called once when the server begins to refuse. */
  readonly onRefused?: (refusal: unknown) => void;
};

type Batch = {
  readonly messages: readonly string[];
  taken: number;
  stored: number;
  first: number;
  last: number;
  readonly riding: Riding;
  readonly resolve: (published: Published) => void;
  readonly reject: (error: unknown) => void;
};

type Riding = Omit<PublishOptions, 'layout'>;

type Slice = { readonly batch: Batch; readonly count: number };

// The server remembers 127 frames of each producer; what is in flight must be among them.
const mostInFlight = 64;
const mostMessages = 1000;
const mostLength = 128 * 1024;
const sweepEveryMessages = 64;
const sweepEveryMs = 20;
const registerEveryMs = 3000;

/**
 * Stores messages in one go and wakes the subscribers. Resolves once they are stored: `first` and `last` are their
 * ids (consecutive, unless a large batch met other publishers). Calls made in the same tick share one command.
 *
 * In the legacy layout the text `COMPLETE` is no message but the end, as for the programs of that layout: it is not
 * stored, and subscribers that listen end once they have everything that was stored before it.
 * @throws {MessageTooLargeError | TopicNameError | WrongTypeError}
 */
export async function publish(
  client: Client,
  topic: string,
  message: string | readonly string[],
  { layout = 'own', ...riding }: PublishOptions = {},
): Promise<Published> {
  const messages = typeof message === 'string' ? [message] : message;
  requireTopicName(client, topic);
  for (const each of messages) {
    requireText('message', each);
    if (each.length <= largestMessageBytes / 3) continue;
    const bytes = Buffer.byteLength(each);
    if (bytes > largestMessageBytes) throw new MessageTooLargeError(topic, bytes, largestMessageBytes);
  }
  const producer = producerOf(client, topic, layout);
  if (producer.endMark !== undefined && messages.includes(producer.endMark)) {
    return await publishToTheEnd(producer, messages, riding);
  }
  return producer.add(messages, riding);
}

/** What lies between the marks is stored before the next mark is given. */
async function publishToTheEnd(
  producer: Producer,
  messages: readonly string[],
  riding: Riding,
): Promise<Published> {
  let stored: Published = { first: 0, last: 0, count: 0 };
  for (let start = 0; start <= messages.length; ) {
    const mark = messages.indexOf(producer.endMark ?? '', start);
    const part = messages.slice(start, mark === -1 ? messages.length : mark);
    const { first, last, count } = await producer.add(part, riding);
    if (count > 0) stored = { first: stored.first || first, last, count: stored.count + count };
    if (mark === -1) break;
    await producer.complete();
    start = mark + 1;
  }
  return { ...stored, isComplete: true };
}

/**
 * Resolves when everything this client published is stored, swept, and its producers are forgotten on the server.
 * For programs about to end; publishing again is fine.
 */
export async function settlePublished(client: Client): Promise<void> {
  const known = producers.get(client);
  producers.delete(client);
  await Promise.all([...(known?.values() ?? [])].map((producer) => producer.settle()));
}

const producers = new WeakMap<Client, Map<string, Producer>>();

function producerOf(client: Client, topic: string, layout: LayoutName): Producer {
  const known = producers.get(client) ?? new Map<string, Producer>();
  producers.set(client, known);
  const id = `${layout} ${topic}`;
  const existing = known.get(id);
  if (existing) return existing;
  // A program may publish to very many topics: forget the idle ones rather than grow.
  if (known.size >= 1000) for (const [other, { isIdle }] of known) if (isIdle) known.delete(other);
  const producer = new Producer(openTopic(client, topic, layout));
  known.set(id, producer);
  return producer;
}

/** A frame waits as long as the most patient of its messages. */
function ridingOf(slices: readonly Slice[]): Riding {
  return slices.reduce<Riding>(
    (most, { batch: { riding } }) => ((riding.timeoutMs ?? 0) > (most.timeoutMs ?? 0) ? riding : most),
    {},
  );
}

class Producer {
  readonly #store: TopicStore;
  readonly #name = randomBytes(9).toString('base64url');
  #waiting: Batch[] = [];
  #isScheduled = false;
  #sequence = 0;
  #inFlight = 0;
  #latest: Promise<unknown> = Promise.resolve();
  #registeredAt = Number.NEGATIVE_INFINITY;
  #unswept = sweepEveryMessages;
  #sweptAt = Number.NEGATIVE_INFINITY;
  #sweepTimer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> | undefined;
  #registering: Promise<void> | undefined;
  #settled: (() => void)[] = [];
  #isRefused = false;

  constructor(store: TopicStore) {
    this.#store = store;
  }

  get endMark(): string | undefined {
    return this.#store.endMark;
  }

  get isIdle(): boolean {
    return this.#inFlight === 0 && this.#waiting.length === 0;
  }

  add(messages: readonly string[], riding: Riding = {}): Promise<Published> {
    if (messages.length === 0) return Promise.resolve({ first: 0, last: 0, count: 0 });
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        messages,
        taken: 0,
        stored: 0,
        first: Number.POSITIVE_INFINITY,
        last: 0,
        riding,
        resolve,
        reject,
      });
      if (this.#isScheduled || this.#inFlight >= mostInFlight) return;
      this.#isScheduled = true;
      queueMicrotask(() => this.#send());
    });
  }

  /** Says that this is the end, once everything given before is stored. */
  async complete(): Promise<void> {
    await this.#idle();
    await this.#store.complete?.();
  }

  async #idle(): Promise<void> {
    if (!this.isIdle) await new Promise<void>((resolve) => this.#settled.push(resolve));
  }

  async settle(): Promise<void> {
    await this.#idle();
    await this.#registering;
    clearTimeout(this.#sweepTimer);
    await this.#sweeping;
    // What is in the way of this was in the way of publishing, and said there.
    await this.#store.sweep().catch(() => {});
    await this.#store.retire(this.#name);
  }

  #send(): void {
    this.#isScheduled = false;
    while (this.#waiting.length > 0 && this.#inFlight < mostInFlight) {
      const { messages, slices } = this.#nextFrame();
      this.#inFlight += 1;
      this.#sequence += 1;
      const storing = this.#deliver(this.#sequence, messages, this.#latest, ridingOf(slices));
      this.#latest = storing;
      void storing
        .then(
          (last) => this.#stored(slices, last, messages.length),
          (error: unknown) => this.#failed(slices, error),
        )
        .then(() => this.#landed(messages.length));
    }
  }

  /** In order: one that overtook its predecessor, as may happen around a reconnect, waits for it. */
  async #deliver(
    sequence: number,
    messages: readonly string[],
    latest: Promise<unknown>,
    riding: Riding,
  ): Promise<number> {
    const store = (followsAny: boolean): Promise<number> =>
      this.#ride(riding, () => this.#store.publish(this.#name, sequence, messages, followsAny));
    const last = await store(false);
    if (last !== -1) return last;
    await latest.catch(() => {});
    return await store(true);
  }

  /** Goes on through what the server refuses for a while; reports it once, until it is over. */
  async #ride({ timeoutMs = 0, signal, onRefused }: Riding, run: () => Promise<number>): Promise<number> {
    if (timeoutMs === 0) return await run();
    const last = await rideOut(run, {
      timeoutMs,
      ...(signal && { signal }),
      onWait: (refusal) => {
        if (!this.#isRefused) onRefused?.(refusal);
        this.#isRefused = true;
      },
    });
    this.#isRefused = false;
    return last;
  }

  #nextFrame(): { messages: readonly string[]; slices: Slice[] } {
    const slices: Slice[] = [];
    let messages: string[] | undefined;
    let length = 0;
    let count = 0;
    let finished = 0;
    for (const batch of this.#waiting) {
      const { taken } = batch;
      while (batch.taken < batch.messages.length && count < mostMessages) {
        const size = batch.messages[batch.taken]?.length ?? 0;
        if (count > 0 && length + size > mostLength) break;
        length += size;
        count += 1;
        batch.taken += 1;
      }
      if (batch.taken === taken) break;
      slices.push({ batch, count: batch.taken - taken });
      const isWhole = taken === 0 && batch.taken === batch.messages.length;
      // One batch that fits is sent as it is, uncopied.
      if (isWhole && count === batch.messages.length && this.#waiting.length === 1) {
        this.#waiting = [];
        return { messages: batch.messages, slices };
      }
      messages ??= [];
      for (let index = taken; index < batch.taken; index += 1) messages.push(batch.messages[index] ?? '');
      if (batch.taken < batch.messages.length) break;
      finished += 1;
    }
    this.#waiting = this.#waiting.slice(finished);
    return { messages: messages ?? [], slices };
  }

  #stored(slices: readonly Slice[], last: number, total: number): void {
    let id = last - total + 1;
    for (const { batch, count } of slices) {
      batch.first = Math.min(batch.first, id);
      batch.stored += count;
      id += count;
      batch.last = Math.max(batch.last, id - 1);
      if (batch.stored === batch.messages.length) {
        batch.resolve({ first: batch.first, last: batch.last, count: batch.stored });
      }
    }
  }

  /** What of these batches was not sent yet stays unsent: a batch does not go on behind a hole. */
  #failed(slices: readonly Slice[], error: unknown): void {
    const batches = slices.map(({ batch }) => batch);
    this.#waiting = this.#waiting.filter((batch) => !batches.includes(batch));
    for (const batch of batches) batch.reject(error);
  }

  #landed(count: number): void {
    this.#inFlight -= 1;
    this.#unswept += count;
    const now = performance.now();
    if (now - this.#registeredAt >= registerEveryMs) {
      this.#registeredAt = now;
      // An index that could not be written is written the next minute; the messages are stored.
      this.#registering = this.#store.register().catch(() => {});
    }
    this.#sweepSoon(now);
    if (this.#waiting.length > 0 && !this.#isScheduled) this.#send();
    if (this.isIdle) for (const resolve of this.#settled.splice(0)) resolve();
  }

  /** Not for every message, and not all the time; but what is published last is swept too. */
  #sweepSoon(now: number): void {
    if (this.#unswept < sweepEveryMessages || this.#sweeping || this.#sweepTimer) return;
    const waitMs = this.#sweptAt + sweepEveryMs - now;
    if (waitMs > 0) {
      this.#sweepTimer = setTimeout(() => {
        this.#sweepTimer = undefined;
        this.#sweepSoon(performance.now());
      }, waitMs);
      this.#sweepTimer.unref();
      return;
    }
    this.#unswept = 0;
    this.#sweptAt = now;
    const swept = (): void => {
      this.#sweeping = undefined;
      this.#sweepSoon(performance.now());
    };
    // What is in the way of it is in the way of publishing too, and said there.
    this.#sweeping = this.#store.sweep().then(swept, swept);
  }
}
