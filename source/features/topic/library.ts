import { QuarterdeckError, WrongTypeError } from '../../errors.ts';
import { cancellable, watched } from '../../library-calls.ts';
import type { Call, Listed, Listening, Redis, Reporting, Watched } from '../../library-types.ts';
import { CutError } from '../../redis/allowance.ts';
import { clientOf } from '../../redis/connection/library-client.ts';
import { listed, unregister } from '../../redis/registry.ts';
import { namesCutTexts } from '../../ui/format.ts';
import { requireName, requireWholes, timerRange } from '../../values.ts';
import { warn } from '../../warnings.ts';
import type { Condition } from './condition.ts';
import { discover } from './discover.ts';
import * as errors from './errors.ts';
import {
  type Item,
  idOf,
  isGap,
  isThere,
  type LayoutName,
  type Retention,
  type TopicStatus,
} from './layout.ts';
import { inspectTopics, setRetention } from './own-layout/own-layout.ts';
import { type Published, publish as publishOwn } from './publish.ts';
import { type AsideMessage, asideOf, asidePages, retryAside, takeOut } from './subscriber/aside.ts';
import { subscribe as subscribeOwn } from './subscriber/subscribe.ts';
import { Subscription, type SubscriptionOptions } from './subscriber/subscription.ts';
import * as own from './topic.ts';

// quarterdeck/topic: messages in order for named subscribers, at least once, however long they were away.

export * from './errors.ts';
export type { Condition, Published, Retention };

export interface Message {
  readonly type: 'message';
  readonly id: number;
  /** Epoch ms at which the server stored it. */
  readonly at: number | undefined;
  readonly text: string;
}

/** Retention removed these before this subscriber had seen them, or what is stored there cannot be read: then with a reason. */
export interface Gap {
  readonly type: 'gap';
  readonly from: number;
  readonly to: number;
  readonly reason: string | undefined;
}

/** A message on which the handler failed for good: a copy, kept apart until it is done again, dropped, or its subscriber removed. */
export interface Aside {
  readonly topic: string;
  readonly subscriber: string;
  readonly id: number;
  /** Epoch ms at which the server stored it. */
  readonly at: number | undefined;
  readonly text: string;
  /** Of the last failure. */
  readonly reason: string;
  readonly sinceAt: number | undefined;
  /** How often its handler has failed on it. */
  readonly tries: number;
}

export interface Options extends Listening, Reporting {
  /** The subscriber: its position outlives this process. */
  readonly as: string;
  /** Where a name never seen before begins (`now`). */
  readonly from?: 'start' | 'now';
  /** Wait while another process serves this name, instead of failing. */
  readonly standby?: boolean;
  /** Without a sign of life for so long, another process may take over. */
  readonly leaseMs?: number;
  /** End once nothing is left to deliver. */
  readonly untilCaughtUp?: boolean;
}

export interface SubscribeOptions extends Options {
  /** How often a failing handler is tried again, with back-off (5). */
  readonly retries?: number;
  /** How many messages on which the handler failed for good are set aside, so that the next ones follow (0). */
  readonly aside?: number;
}

export interface Subscriber {
  readonly name: string;
  readonly position: number;
  readonly lag: number;
  readonly oldestAt: number | undefined;
  readonly seenAt: number | undefined;
  readonly state: 'live' | 'idle' | 'lapsed' | 'blocked';
  /** How it fares, in one word: see docs/topic.md. */
  readonly condition: Condition;
  /** How many messages were set aside for it. */
  readonly aside: number;
}

export interface Status {
  readonly topic: string;
  readonly lastId: number;
  /** Every id up to this one is gone. */
  readonly floor: number;
  readonly retained: number;
  readonly bytes: number | undefined;
  readonly subscribers: readonly Subscriber[];
}

/**
 * Stores messages; they get the next ids, in this order. Safe to be sent twice.
 * @throws {MessageTooLargeError | TopicNameError | WrongTypeError}
 */
export async function publish(
  redis: Redis,
  topic: string,
  texts: string | readonly string[],
  options: Call = {},
): Promise<Published> {
  const client = clientOf(redis);
  return await cancellable(options, () => publishOwn(client, topic, texts));
}

/**
 * Every message in the order of ids, and gaps. Asking for the next acknowledges the one before.
 * @throws {SubscriberInUseError | SubscriberLeaseLostError | SubscriberDroppedError | TopicNameError | WrongTypeError}
 */
export async function* consume(
  redis: Redis,
  topic: string,
  { untilCaughtUp = false, ...options }: Options,
): AsyncGenerator<Message | Gap, void, undefined> {
  const { signal } = options;
  using settings = subscriptionOptions(options);
  await using subscription = await Subscription.open(clientOf(redis), topic, settings.options);
  while (!signal?.aborted) {
    const items = await subscription.take({ wait: !untilCaughtUp });
    if (items.length === 0) break;
    for (const item of items) {
      if (signal?.aborted) break;
      yield asItem(item);
      subscription.ack(idOf(item));
    }
  }
}

/**
 * Hands every item, in the order of ids, to a handler, and acknowledges it after the handler returned. A failing
 * handler is tried again with back-off. Resolves when `signal` aborts, or it is caught up.
 * @throws {BlockedError} when the handler kept failing and no more may be set aside: this message is not skipped
 * @throws what `consume` throws
 */
export async function subscribe(
  redis: Redis,
  topic: string,
  { retries, aside: mostAside, untilCaughtUp = false, ...options }: SubscribeOptions,
  handler: (item: Message | Gap, call: { readonly signal: AbortSignal }) => unknown,
): Promise<void> {
  if (retries !== Number.POSITIVE_INFINITY) requireWholes({ retries });
  requireWholes({ aside: mostAside });
  const call = { signal: options.signal ?? new AbortController().signal };
  using settings = subscriptionOptions(options);
  await subscribeOwn(
    clientOf(redis),
    topic,
    {
      ...settings.options,
      untilCaughtUp,
      ...(retries !== undefined && { retries }),
      ...(mostAside !== undefined && { aside: mostAside }),
      onAside: ({ id }, error) =>
        warn(options.onEvent, new errors.MessageSetAsideError(topic, options.as, id, error)),
    },
    (item) => handler(asItem(item), call),
  );
}

/** What is set aside for the subscribers of a topic, each message once, in no order. @throws {WrongTypeError} */
export async function* aside(
  redis: Redis,
  topic: string,
  options: Call = {},
): AsyncGenerator<Aside, void, undefined> {
  const store = own.openTopic(clientOf(redis), topic);
  const { subscribers } = await cancellable(options, () => own.topicStatus(store.client, topic));
  for (const { name, aside: count } of subscribers) {
    if (count === 0) continue;
    const pages = asidePages(store, name);
    const given = new Set<number>();
    for (;;) {
      const { done, value: page } = await cancellable(options, () => pages.next());
      if (done) break;
      for (const message of page) {
        if (given.has(message.id)) continue;
        given.add(message.id);
        yield asAside(topic, name, message);
      }
    }
  }
}

/**
 * Hands messages that are set aside for a subscriber to a handler, by id. What it returned from is aside no longer;
 * what it failed on stays, and the next one follows.
 * @returns how many are done; one that is not aside is none of them
 * @throws {StillAsideError} when the handler failed on some, after the last one
 * @throws {TopicNameError | WrongTypeError}
 */
export async function retry(
  redis: Redis,
  topic: string,
  ids: readonly number[] | 'all',
  { subscriber, ...call }: Call & { readonly subscriber: string },
  handler: (message: Message, call: { readonly signal: AbortSignal }) => unknown,
): Promise<number> {
  requireName(subscriber);
  const store = own.openTopic(clientOf(redis), topic);
  const signal = call.signal ?? new AbortController().signal;
  const wanted = ids === 'all' ? undefined : ids;
  const { messages, cuts } = await cancellable(call, () => asideOf(store, subscriber, wanted));
  for (const cut of cuts) warn(undefined, new CutError(cut));
  const failures: unknown[] = [];
  const attempt = async ({ id, at, message }: AsideMessage): Promise<boolean> => {
    try {
      await handler({ type: 'message', id, at: at ?? undefined, text: message }, { signal });
      return true;
    } catch (error) {
      failures.push(error);
      return false;
    }
  };
  const { done, failed } = await retryAside(store, subscriber, messages, {
    attempt,
    onTooLarge: (_id, error) => failures.push(error),
    signal,
  });
  signal.throwIfAborted();
  if (failed > 0) throw new errors.StillAsideError(topic, subscriber, failed, failures[0]);
  return done;
}

/** @deprecated since 0.2: `remove(redis, topic, { subscriber })` */
export async function drop(
  redis: Redis,
  topic: string,
  subscriber: string,
  layout?: LayoutName,
): Promise<number>;
/**
 * Forgets messages that are set aside for a subscriber, without their being done.
 * @returns those that were aside
 */
export async function drop(
  redis: Redis,
  topic: string,
  ids: readonly number[],
  options: Call & { readonly subscriber: string },
): Promise<readonly number[]>;
export async function drop(
  redis: Redis,
  topic: string,
  what: string | readonly number[],
  options: LayoutName | (Call & { readonly subscriber: string }) = 'own',
): Promise<number | readonly number[]> {
  const client = clientOf(redis);
  const isOptions = typeof options === 'object';
  if (typeof what === 'string') {
    return await own.dropSubscriber(client, topic, what, isOptions ? 'own' : options);
  }
  if (!isOptions) throw new TypeError('Expected `{ subscriber }`: for whom they are set aside');
  requireName(options.subscriber);
  return await cancellable(options, () => takeOut(own.openTopic(client, topic), options.subscriber, what));
}

/** How long and how much a topic keeps of what not every subscriber has done yet; 0 is no limit. */
export async function configure(
  redis: Redis,
  topic: string,
  retention: Partial<Retention>,
  options: Call = {},
): Promise<void> {
  const client = clientOf(redis);
  await cancellable(options, () => setRetention(client, topic, retention));
}

/** One topic; undefined if nobody has used it. @throws {WrongTypeError} */
export async function status(redis: Redis, topic: string, options: Call = {}): Promise<Status | undefined> {
  const client = clientOf(redis);
  const found = await cancellable(options, () => own.topicStatus(client, topic));
  return isThere(found) ? asStatus(found) : undefined;
}

/**
 * Every topic that was published to or subscribed to. With `discover` also those that the index has lost; what is named
 * like a topic and holds something else is warned of.
 */
export async function list(
  redis: Redis,
  { limit, discover: also, onEvent, ...call }: Listed = {},
): Promise<Status[]> {
  const client = clientOf(redis);
  return await cancellable(call, async () => {
    const known = await listed(client, 'topic', limit);
    const found = also ? await discover(client, call.signal) : { topics: [], foreign: [] };
    for (const key of found.foreign) warn(onEvent, new WrongTypeError(key, 'topic'));
    const wanted = [...new Set([...known.names, ...found.topics])].slice(0, limit);
    const { topics, unreadable, cuts } = await inspectTopics(client, wanted.sort());
    for (const { error } of unreadable) if (QuarterdeckError.is(error)) warn(onEvent, error);
    for (const text of [...namesCutTexts(known), ...cuts]) warn(onEvent, new CutError(text));
    return topics.filter(isThere).map(asStatus);
  });
}

export function watch(redis: Redis, options: Watched = {}): AsyncIterable<Status[]> {
  return watched((reporting) => list(redis, reporting), options);
}

/**
 * Forgets a subscriber and its position, or, without one, every subscriber of the topic and what only they kept.
 * @returns whether there was something
 */
export async function remove(
  redis: Redis,
  topic: string,
  { subscriber, ...call }: Call & { readonly subscriber?: string } = {},
): Promise<boolean> {
  if (subscriber !== undefined) requireName(subscriber);
  const client = clientOf(redis);
  return await cancellable(call, async () => {
    const names =
      subscriber === undefined
        ? (await own.topicStatus(client, topic)).subscribers.map(({ name }) => name)
        : [subscriber];
    let removed = false;
    for (const name of names) {
      try {
        await own.dropSubscriber(client, topic, name);
        removed = true;
      } catch (error) {
        if (!(error instanceof errors.NoSubscriberError)) throw error;
      }
    }
    if (subscriber === undefined) await unregister(client, 'topic', topic);
    return removed;
  });
}

/** With a connection that the caller made, which is closed with these. */
function subscriptionOptions({
  as,
  from,
  standby,
  leaseMs,
  signal,
  subscriber,
  onEvent,
}: Options): Disposable & { readonly options: SubscriptionOptions } {
  requireName(as);
  requireWholes({ leaseMs }, timerRange);
  const listener = subscriber && clientOf(subscriber());
  return {
    options: {
      as,
      ...(from !== undefined && { from }),
      ...(standby !== undefined && { standby }),
      ...(leaseMs !== undefined && { leaseMs }),
      ...(signal && { signal }),
      ...(listener && { listener }),
      onTrouble: (error) => warn(onEvent, error),
    },
    [Symbol.dispose]: () => listener?.disconnect(),
  };
}

function asItem(item: Item): Message | Gap {
  if (isGap(item)) return { type: 'gap', from: item.gap.from, to: item.gap.to, reason: item.gap.reason };
  return { type: 'message', id: item.id, at: item.at ?? undefined, text: item.message };
}

function asAside(topic: string, subscriber: string, { message, at, sinceMs, ...row }: AsideMessage): Aside {
  return {
    topic,
    subscriber,
    ...row,
    at: at ?? undefined,
    text: message,
    sinceAt: sinceMs === 0 ? undefined : sinceMs,
  };
}

function asStatus({ topic, lastId, floor, retained, bytes, subscribers }: TopicStatus): Status {
  return {
    topic,
    lastId,
    floor,
    retained,
    bytes: bytes ?? undefined,
    subscribers: subscribers.map(
      ({ name, position, lag, oldestAt, seenMs, state, condition, blocked, aside }) => ({
        name,
        position,
        lag,
        oldestAt: oldestAt ?? undefined,
        seenAt: seenMs === 0 ? undefined : seenMs,
        state: blocked ? 'blocked' : state,
        condition,
        aside,
      }),
    ),
  };
}

export {
  /** @deprecated since 0.2: `SubscriberLeaseLostError` */
  SubscriberLeaseLostError as SeatLostError,
} from './errors.ts';
export {
  /** @deprecated since 0.2: `Message | Gap` */
  type Item,
  /** @deprecated since 0.2: `item.type` */
  isGap,
  /** @deprecated since 0.2: `Status` */
  type TopicStatus,
} from './layout.ts';
export {
  /** @deprecated since 0.2: `configure` */
  setRetention,
} from './own-layout/own-layout.ts';
export {
  /** @deprecated since 0.2: nothing needs it */
  settlePublished as settle,
} from './publish.ts';
export {
  /** @deprecated since 0.2: `consume` */
  Subscription,
  /** @deprecated since 0.2: `Options` */
  type SubscriptionOptions,
} from './subscriber/subscription.ts';
