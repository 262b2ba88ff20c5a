import * as v from 'valibot';
import type { Client } from '../../redis/client.ts';
import { name } from '../../values.ts';
import { flagOr, type NamesOf, named, word } from '../feature.ts';
import { MessageNotAsideError, NoSubscriberError } from './errors.ts';
import { type Inspection, isThere, type LayoutName } from './layout.ts';
import { openTopic, unknownTopic } from './topic.ts';

export const knownSubscribers: NamesOf = async (redis, _beginning, { topic = '', layout }) => {
  const { topics: found } = await openTopic(redis, topic, layout === 'seed' ? 'seed' : 'own').inspect();
  const { subscribers = [], subscriberCount = 0 } = found[0] ?? {};
  // Some of them would look like all.
  return subscribers.length < subscriberCount ? [] : subscribers.map((subscriber) => subscriber.name);
};
export const topic = named(word('TOPIC', 'the topic', name), 'topic');
export const layout = flagOr(
  'own|seed',
  'which keys: `topic:…`, or the one topic under `pubsub:` that Python programs share',
  v.picklist(['own', 'seed'], 'Expected own or seed'),
  'own',
);

/** @throws {UnknownNameError} when nobody ever used it; {WrongTypeError} when nothing of it can be read */
export async function inspectOne(redis: Client, name: string, layoutName: LayoutName): Promise<Inspection> {
  const inspection = await openTopic(redis, name, layoutName).inspect();
  const [status] = inspection.topics;
  if (!status && inspection.unreadable[0]) throw inspection.unreadable[0].error;
  if (!status || !isThere(status)) throw await unknownTopic(redis, name);
  return inspection;
}

/**
 * Of a topic and its subscriber the topic is looked for first: where there is none, it is named.
 * @throws {UnknownNameError} and what the work throws
 */
export async function topicFirst<Value>(
  redis: Client,
  { topic: name, layout: layoutName }: { readonly topic: string; readonly layout: LayoutName },
  work: Promise<Value>,
): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof NoSubscriberError || error instanceof MessageNotAsideError)
      await inspectOne(redis, name, layoutName);
    throw error;
  }
}
