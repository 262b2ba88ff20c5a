import * as v from 'valibot';
import { type Client, isCluster } from '../../redis/client.ts';
import { nameInKey } from '../../redis/keys.ts';
import { typedKeys } from '../../redis/scan.ts';
import { name as nameValue } from '../../values.ts';
import { TopicNameError } from './errors.ts';
import { seedKeysIn } from './seed-layout/seed-layout.ts';
import { openTopic } from './topic.ts';

export type Found = {
  readonly topics: readonly string[];
  /** Keys that are named like a topic's but hold something else, or cannot be read where they are. */
  readonly foreign: readonly string[];
};

const own = /^topic:(msgs|subs):(.+)$/s;
const types: Readonly<Record<string, string>> = { msgs: 'stream', subs: 'zset' };

/**
 * Topics by their keys alone, such as those that the index has lost: a slow SCAN of every server. The one topic of the
 * seed's layout has fixed keys and is always shown; in Cluster, where nobody can read it, it is among the foreign.
 */
export async function discover(client: Client, signal?: AbortSignal): Promise<Found> {
  const topics = new Set<string>();
  const foreign = new Set<string>();
  const fits = (key: string): boolean => own.test(key);
  for await (const found of typedKeys(client, { match: 'topic:*', fits, ...(signal && { signal }) })) {
    for (const { key, type } of found) {
      const [, part = '', written = ''] = own.exec(key) ?? [];
      const topic = nameInKey(client, written);
      if (topic !== undefined && type === types[part] && isTopicName(client, topic)) topics.add(topic);
      else foreign.add(key);
    }
  }
  if (isCluster(client)) for (const key of await seedKeysIn(client)) foreign.add(key);
  return { topics: [...topics].toSorted(), foreign: [...foreign] };
}

function isTopicName(client: Client, topic: string): boolean {
  if (!v.is(nameValue, topic)) return false;
  try {
    openTopic(client, topic);
    return true;
  } catch (error) {
    if (error instanceof TopicNameError) return false;
    throw error;
  }
}
