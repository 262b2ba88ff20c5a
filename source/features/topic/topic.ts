import { type Client, isCluster } from '../../redis/client.ts';
import { registered } from '../../redis/registry.ts';
import { NoSubscriberError, TopicNameError } from './errors.ts';
import type { LayoutName, TopicStatus, TopicStore } from './layout.ts';
import { ownLayout, surveyTopics } from './own-layout.ts';
import { isSeedInUse, seedLayout } from './seed-layout.ts';

/**
 * Durable publish/subscribe.
 *
 * The idea: a message is stored under a rising id before anyone is told of it, and what a subscriber hears is only a
 * doorbell. It confirms its subscription, reads everything after its own position, and only then listens; it reads
 * again on a ring, after a reconnect, and on a slow poll. So there is no instant between catching up and listening at
 * which a message could be lost, and a lost ring costs at most one poll. Bodies never come from the channel.
 *
 *   topic:msgs:<t>   stream; entry `<epoch ms>-<last id>` with one field: `m` = one message, `f<n>` = JSON array of n
 *   topic:ids:<t>    the highest id given              topic:subs:<t>   zset, subscriber -> last id done
 *   topic:seats:<t>  hash, subscriber -> who serves it  topic:state:<t>  hash: floor, bell, retention, blocked:<sub>
 *   topic:sent:<t>:<producer>  the producer's last frames, so that a resent one is not stored twice
 *
 * Publishing is one script: id, store, ring. Messages published together share entries: one command, and less memory
 * than a stream entry each. Ids are given inside the script: their order is the order of storing, whoever publishes;
 * each publisher's own order is kept even around a reconnect. The bell is rung only for subscribers that have read
 * everything and said so (`bell` in the state); on one server they rather leave a command that waits for the next
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
export const largestMessageBytes = 16 * 1024 ** 2;

/**
 * One topic in one layout. Opens nothing; costs no round trip.
 * @throws {TopicNameError | LayoutError}
 */
export function openTopic(client: Client, topic: string, layout: LayoutName = 'own'): TopicStore {
  if (topic === '') throw new TopicNameError(topic, 'it is empty');
  if (Buffer.byteLength(topic) > 512) throw new TopicNameError(topic.slice(0, 40), 'it has over 512 bytes');
  // In Cluster it would become `{}...}`, whose empty tag puts the family's keys into different slots.
  if (topic.startsWith('}')) throw new TopicNameError(topic, 'it begins with a closing brace');
  return layout === 'seed' ? seedLayout(client, topic) : ownLayout(client, topic);
}

/** How far each subscriber of a topic is, and what the topic retains. A topic nobody used is all zeros. */
export function topicStatus(client: Client, topic: string, layout: LayoutName = 'own'): Promise<TopicStatus> {
  return openTopic(client, topic, layout).status();
}

/** The topics that were published to or subscribed to, by name. */
export async function topics(client: Client): Promise<string[]> {
  return (await registered(client, 'topic')).sort();
}

/** How many topics one look takes in: in Cluster each costs a command of its own. */
const mostTopics = { server: 1000, cluster: 100 };

/**
 * The status of every topic, also of the one in the seed layout if anybody uses it. A topic whose keys hold
 * something else is an error among the others. `also`: topics that the index may not know.
 */
export async function surveyAll(
  client: Client,
  {
    most = isCluster(client) ? mostTopics.cluster : mostTopics.server,
    mostSubscribers = 1000,
    also = [],
  }: { readonly most?: number; readonly mostSubscribers?: number; readonly also?: readonly string[] } = {},
): Promise<(TopicStatus | Error)[]> {
  const [known, seed] = await Promise.all([
    registered(client, 'topic', most),
    isCluster(client) ? false : isSeedInUse(client),
  ]);
  const own = [...new Set([...known, ...also])].sort();
  const [statuses, shared] = await Promise.all([
    surveyTopics(client, own, mostSubscribers),
    seed ? topicStatus(client, 'pubsub', 'seed').catch((error: Error) => error) : undefined,
  ]);
  return shared ? [...statuses, shared] : statuses;
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
  if (!(await store.drop(name))) throw new NoSubscriberError(topic, name);
  return await store.sweep();
}
