import type { Client } from '../../redis/client.ts';
import { clusterNameFault } from '../../redis/keys.ts';
import { nameFault } from '../../values.ts';
import { TopicNameError } from './errors.ts';

/**
 * The name of a topic, of a channel of `sync` too: the one place that decides which there may be.
 * @throws {TopicNameError}
 */
export function requireTopicName(client: Client, topic: unknown): asserts topic is string {
  const fault = nameFault(topic) ?? faultOf(client, String(topic));
  if (fault !== undefined) throw new TopicNameError(topic, fault);
}

function faultOf(client: Client, topic: string): string | undefined {
  // In Cluster it would become `{}...}`, whose empty tag puts the family's keys into different slots.
  return topic.startsWith('}') ? 'it begins with a closing brace' : clusterNameFault(client, topic);
}
