import { UnsupportedClientError } from '../errors.ts';
import { messageEvent, subscribeTo, unsubscribeFrom } from './channels.ts';
import type { Client } from './client.ts';
import { refusalSort } from './refusals.ts';

/**
 * Many channels on one socket. Messages are handed over once a tick, however many arrived; a gap is reported whenever
 * the subscription was (re)made, because whatever was published before is lost: a message notifies, it delivers nothing.
 *
 * In Cluster these are sharded channels (SSUBSCRIBE): a notification is SPUBLISHed in the slot of the family it is about.
 */
export type Subscriber = {
  /** Makes the subscriptions exactly these. */
  want(channels: readonly string[]): void;
  stop(): void;
};

export type Heard = { readonly channel: string; readonly message: string };

export type SubscriberOptions = {
  readonly onMessages: (messages: readonly Heard[]) => void;
  /** These channels were just (re)subscribed: look at what they ring for. */
  readonly onGap: (channels: readonly string[]) => void;
  /** The server does not allow these channels, or has none. They are asked for again now and then. */
  readonly onDenied?: (channels: readonly string[], error: unknown) => void;
};

const longestBatch = 10_000;
/** How long after a refusal a right may have been granted. */
const askAgainMs = 30_000;

/** Who wants what on a connection that several share: the last to leave a channel unsubscribes. */
type Wishes = Map<string, Set<(channels: readonly string[]) => void>>;
const wishesOn = new WeakMap<Client, Wishes>();

/** Said when channels may be heard again: a cluster stays ready while a slot moves, and its channels are lost. */
const returns = ['ready', 'subscribersReady'] as const;

function wishesOf(client: Client): Wishes {
  const wishes: Wishes = wishesOn.get(client) ?? new Map();
  wishesOn.set(client, wishes);
  return wishes;
}

export function startSubscriber(
  listen: () => Client,
  { onMessages, onGap, onDenied }: SubscriberOptions,
): Subscriber {
  let client: Client | undefined;
  let wanted = new Set<string>();
  const confirmed = new Set<string>();
  /** Those whose subscription failed before it stood: nobody else asks for them again. */
  const failed = new Set<string>();
  let batch: Heard[] = [];
  let dropped = new Set<string>();
  let isStopped = false;
  let askAgain: NodeJS.Timeout | undefined;

  const deliver = (): void => {
    const messages = batch;
    const gaps = dropped;
    batch = [];
    dropped = new Set();
    if (isStopped) return;
    if (gaps.size > 0) onGap([...gaps]);
    onMessages(messages);
  };
  const hear = (channel: string, message: string): void => {
    if (!wanted.has(channel)) return;
    if (batch.length === 0) setImmediate(deliver);
    if (batch.length < longestBatch) batch.push({ channel, message });
    else dropped.add(channel);
  };
  // On a client that resubscribes by itself, asking once more tells when that is done: only then may the gap be reported,
  // for what is published before the subscription stands is heard by nobody.
  const resubscribe = (): void => {
    const lost = [...new Set([...confirmed, ...failed])].filter((channel) => wanted.has(channel));
    failed.clear();
    if (lost.length > 0) join(lost);
  };

  const open = (): Client => {
    if (client) return client;
    client = listen();
    client.on(messageEvent(client), hear);
    for (const event of returns) client.on(event, resubscribe);
    return client;
  };

  const subscribe = async (channels: readonly string[]): Promise<void> => {
    const on = open();
    await subscribeTo(on, channels);
    for (const channel of channels) confirmed.add(channel);
    if (!isStopped) onGap(channels);
  };
  const unsubscribe = async (channels: readonly string[]): Promise<void> => {
    const on = open();
    const wishes = wishesOf(on);
    const deserted = channels.filter((channel) => !wishes.has(channel));
    if (deserted.length === 0) return;
    try {
      await unsubscribeFrom(on, deserted);
    } finally {
      // Around a failover it may be done behind the wish of somebody who came after.
      for (const channel of deserted) for (const join of wishes.get(channel) ?? []) join([channel]);
    }
  };
  // Unless the server refuses it, a failure means that the connection is going: the reconnect subscribes again.
  const join = (channels: readonly string[]): void => {
    subscribe(channels).catch((error: unknown) => {
      const isDenied = refusalSort(error) === 'lasting' || error instanceof UnsupportedClientError;
      // One that is refused takes the others with it.
      if (isDenied && channels.length > 1) {
        for (const channel of channels) join([channel]);
        return;
      }
      for (const channel of channels) failed.add(channel);
      if (!isDenied || isStopped) return;
      onDenied?.(channels, error);
      askAgain ??= setTimeout(() => {
        askAgain = undefined;
        const refused = [...failed].filter((channel) => wanted.has(channel));
        failed.clear();
        if (!isStopped && refused.length > 0) join(refused);
      }, askAgainMs).unref();
    });
  };
  const wish = (channel: string): void => {
    const wishes = wishesOf(open());
    wishes.set(channel, (wishes.get(channel) ?? new Set()).add(join));
  };
  const leave = (channel: string): void => {
    const wishes = wishesOf(open());
    const others = wishes.get(channel);
    others?.delete(join);
    if (others?.size === 0) wishes.delete(channel);
  };

  return {
    want(channels) {
      const next = new Set(channels);
      const added = [...next].filter((channel) => !wanted.has(channel));
      const removed = [...wanted].filter((channel) => !next.has(channel));
      wanted = next;
      for (const channel of added) wish(channel);
      for (const channel of removed) {
        leave(channel);
        confirmed.delete(channel);
      }
      if (added.length > 0) join(added);
      if (removed.length > 0) unsubscribe(removed).catch(() => {});
    },
    stop() {
      isStopped = true;
      clearTimeout(askAgain);
      for (const channel of wanted) leave(channel);
      client?.off(messageEvent(client), hear);
      for (const event of returns) client?.off(event, resubscribe);
    },
  };
}
