/**
 * Durable publish/subscribe.
 *
 * The idea: a message is stored under a rising id before anyone is notified, and a notification carries no data. A
 * subscriber confirms its subscription, reads everything after its own position, and only then listens; it reads again
 * on a notification, after a reconnect, and on a slow poll. So there is no instant between catching up and listening at
 * which a message could be lost, and a lost notification costs at most one poll. Bodies never come from the channel.
 *
 *   topic:msgs:<t>   stream; entry `<epoch ms>-<last id>` with one field: `m` = one message, `f<n>` = JSON array of n
 *   topic:ids:<t>    the highest id given              topic:subs:<t>   zset, subscriber -> last id done
 *   topic:seats:<t>  hash, subscriber -> who serves it  topic:state:<t>  hash: floor, bell, retention, blocked:<sub>
 *   topic:aside:<t>:<subscriber>  hash, id -> JSON of a message its handler could not do (aside.ts)
 *   topic:sent:<t>:<producer>  the producer's last frames, so that a resent one is not stored twice
 *
 * Publishing is one script: id, store, notify. Messages published together share entries: one command, and less memory
 * than a stream entry each. Ids are given inside the script: their order is the order of storing, whoever publishes;
 * each publisher's own order is kept even around a reconnect. Notified are only subscribers that have read
 * everything and wait (`bell` in the state); on one server they rather leave a command that waits for the next
 * entry. A position moves only forward, after the handler succeeded. What the slowest subscriber has done is removed;
 * retention by age, length, bytes and lapsed subscribers moves the floor past the others, who then get a Gap. One
 * process serves a subscriber name, by a lease; others stand by.
 *
 * Time and id rise together, so an entry is found by both. If a server loses its newest messages and gives their ids
 * anew (a failover), the new ones bear a later time than a subscriber has read, and are not taken for read.
 *
 * Not promised: exactly once (a crash between handling and acknowledging repeats; use (topic, id) to be idempotent);
 * messages the server itself lost (a failover, a file not yet synced); binary content (messages are text).
 *
 * After the durable pub/sub over a zset with one cursor a subscriber, whose keys `--layout seed` shares.
 */

import type { Allowance } from '../../redis/allowance.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { listed, registered } from '../../redis/registry.ts';
import { namesCutTexts } from '../../ui/format.ts';
import { UnknownNameError } from '../../unknown-name.ts';
import { NoSubscriberError, TopicNameError } from './errors.ts';
import type { Inspection, LayoutName, TopicStatus, TopicStore } from './layout.ts';
import { inspectTopics, ownLayout } from './own-layout/own-layout.ts';
import { inspectSeed, isSeedInUse, seedLayout } from './seed-layout/seed-layout.ts';
import { requireTopicName } from './topic-name.ts';

/**
 * One topic in one layout. Opens nothing; costs no round trip.
 * @throws {TopicNameError | LayoutError}
 */
export function openTopic(client: Client, topic: string, layout: LayoutName = 'own'): TopicStore {
  requireTopicName(client, topic);
  return layout === 'seed' ? seedLayout(client, topic) : ownLayout(client, topic);
}

/**
 * How far each subscriber of a topic is, and what the topic retains. A topic nobody used is all zeros.
 * @throws {WrongTypeError} when a key of the topic belongs to something else
 */
export async function topicStatus(
  client: Client,
  topic: string,
  layout: LayoutName = 'own',
): Promise<TopicStatus> {
  const { topics: found, unreadable } = await openTopic(client, topic, layout).inspect();
  const [status] = found;
  if (!status) throw unreadable[0]?.error ?? new TopicNameError(topic, 'it cannot be read');
  return status;
}

/** The topics that were published to or subscribed to, by name. */
export async function topics(client: Client): Promise<string[]> {
  return (await registered(client, 'topic')).toSorted();
}

/**
 * The status of every topic, also of the one in the legacy layout if anybody uses it.
 * @param also topics that the index may not know
 */
export async function inspectAll(
  client: Client,
  also: readonly string[] = [],
): Promise<Omit<Inspection, 'rest'>> {
  const known = await listed(client, 'topic');
  const names = new Set([...known.names, ...also]);
  const [own, legacy] = await Promise.all([inspectTopics(client, [...names].sort()), inspectLegacy(client)]);
  return {
    topics: [...own.topics, ...legacy.topics],
    unreadable: [...own.unreadable, ...legacy.unreadable],
    cuts: [...namesCutTexts(known), ...own.cuts, ...legacy.cuts],
  };
}

/** The one topic of the legacy layout, called `pubsub` here, if there is one. */
export async function inspectLegacy(
  client: Client,
  most?: number,
  allowance?: Allowance,
): Promise<Inspection> {
  const isThere = !isCluster(client) && (await isSeedInUse(client));
  const none = { topics: [], unreadable: [], cuts: [], rest: [] };
  return isThere ? await inspectSeed(client, 'pubsub', most, allowance) : none;
}

/**
 * Forgets a subscriber and removes what only it still held back. A process serving it ends with
 * SubscriberDroppedError.
 * @returns how many messages were removed
 * @throws {NoSubscriberError}
 */
export async function dropSubscriber(
  client: Client,
  topic: string,
  name: string,
  layout: LayoutName = 'own',
): Promise<number> {
  const store = openTopic(client, topic, layout);
  if (!(await store.drop(name))) {
    const { subscribers } = await topicStatus(client, topic, layout);
    throw new NoSubscriberError(
      topic,
      name,
      subscribers.map((subscriber) => subscriber.name),
    );
  }
  return await store.sweep();
}

/** Nobody ever published or subscribed to it. */
export async function unknownTopic(client: Client, topic: string): Promise<UnknownNameError> {
  return new UnknownNameError('topic', 'topic', topic, await topics(client), { listedBy: 'topic status' });
}
