import * as v from 'valibot';
import { asArray, asInteger } from '../../../redis/reply.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { defineScript } from '../../../redis/script.ts';
import { MessageNotAsideError, NoSubscriberError } from '../errors.ts';
import type { Message, TopicStore } from '../layout.ts';
import { withKeys } from '../replies.ts';
import setAsideLua from './set-aside.lua';
import takeOutLua from './take-out.lua';

/**
 * Messages that are set aside: a subscriber's handler failed on them for good, and its user allowed so many to be kept
 * apart instead of standing before the first. They are copies, so neither retention nor other subscribers matter to
 * them; they stay until they are done again, discarded, or their subscriber is dropped.
 *
 * One hash a subscriber, id -> JSON. It is written before the message is acknowledged: who is killed in between
 * is given the message again and may do it, while it is aside too.
 */
export type AsideMessage = Message & {
  /** Of the last failure. */
  readonly reason: string;
  /** How often its handler has failed on it. */
  readonly tries: number;
  /** Epoch ms, by the server's clock, at which it was set aside; 0 where that cannot be read. */
  readonly sinceMs: number;
};

type Failure = { readonly reason: string; readonly tries: number };

const longestReason = 1000;
const pageLength = 100;
const idsAtOnce = 1000;

const setAsideScript = defineScript({ lua: setAsideLua, parse: asInteger });
const takeOutScript = defineScript({ lua: takeOutLua, parse: asArray });

/** Keeps a message apart. @returns whether it is: not when `most` are already */
export async function setAside(
  store: TopicStore,
  name: string,
  { id, at, message }: Message,
  { reason, tries }: Failure,
  most: number,
): Promise<boolean> {
  const keys = store.asideKeys(name);
  const json = JSON.stringify({ at, message, reason: reason.slice(0, longestReason), tries });
  const args = [name, id, json, most];
  return (await withKeys(store.client, typesOf(keys), setAsideScript(store.client, [...keys], args))) === 1;
}

/** What is aside of one subscriber, in pages, in no order. One may come twice. @throws {WrongTypeError} */
export async function* asidePages(
  store: TopicStore,
  name: string,
): AsyncGenerator<readonly AsideMessage[], void, undefined> {
  const keys = store.asideKeys(name);
  let cursor = '0';
  do {
    const from = cursor;
    const reply = retryAborted(() => store.client.hscan(keys[0], from, 'COUNT', pageLength));
    const [next, flat] = await withKeys(store.client, typesOf(keys), reply);
    const page: AsideMessage[] = [];
    for (let index = 0; index + 1 < flat.length; index += 2)
      page.push(parseAside(Number(flat[index]), flat[index + 1] ?? ''));
    if (page.length > 0) yield page;
    cursor = next;
  } while (cursor !== '0');
}

/** What is aside of one subscriber, by id; those of these ids, where some are given. @throws {WrongTypeError} */
export async function asideOf(
  store: TopicStore,
  name: string,
  ids?: readonly number[],
): Promise<AsideMessage[]> {
  const wanted = ids && new Set(ids);
  const found = new Map<number, AsideMessage>();
  for await (const page of asidePages(store, name)) {
    for (const one of page) if (!wanted || wanted.has(one.id)) found.set(one.id, one);
  }
  return [...found.values()].sort((a, b) => a.id - b.id);
}

/** Forgets that they are aside. @returns those that were */
export async function takeOut(
  store: TopicStore,
  name: string,
  ids: readonly number[],
): Promise<readonly number[]> {
  const keys = store.asideKeys(name);
  const taken: number[] = [];
  for (let from = 0; from < ids.length; from += idsAtOnce) {
    const some = ids.slice(from, from + idsAtOnce);
    const replies = await withKeys(
      store.client,
      typesOf(keys),
      takeOutScript(store.client, [...keys], [name, ...some]),
    );
    taken.push(...some.filter((_, index) => replies[index] === 1));
  }
  return taken;
}

/**
 * Goes through messages that are aside, one after the other. What is done is aside no longer; the others stay. Ends
 * early when the signal aborts.
 * @param attempt resolves with whether this message is done
 * @returns how many are done, and how many were attempted in vain
 */
export async function retryAside(
  store: TopicStore,
  name: string,
  messages: readonly AsideMessage[],
  attempt: (message: AsideMessage) => Promise<boolean>,
  signal: AbortSignal | undefined,
): Promise<{ readonly done: number; readonly failed: number }> {
  let done = 0;
  let failed = 0;
  for (const message of messages) {
    if (signal?.aborted) break;
    if (await attempt(message)) {
      await takeOut(store, name, [message.id]);
      done += 1;
    } else {
      failed += 1;
    }
  }
  return { done, failed };
}

/**
 * The messages that a person named, or all; at least one.
 * @throws {NoSubscriberError | MessageNotAsideError}
 */
export async function namedAside(
  store: TopicStore,
  name: string,
  ids: readonly number[] | 'all',
): Promise<AsideMessage[]> {
  const found = await asideOf(store, name, ids === 'all' ? undefined : ids);
  if (found.length > 0) return found;
  const [status] = (await store.inspect()).topics;
  const known = status?.subscribers.map((subscriber) => subscriber.name) ?? [];
  if (!known.includes(name)) throw new NoSubscriberError(store.topic, name, known);
  if (ids === 'all') return [];
  throw new MessageNotAsideError(store.topic, name, ids);
}

function typesOf([aside, state]: readonly [string, string]) {
  return { [aside]: 'hash', [state]: 'hash' };
}

const asideSchema = v.object({
  at: v.nullable(v.number()),
  message: v.string(),
  reason: v.string(),
  tries: v.number(),
  sinceMs: v.number(),
});

/** What cannot be read is still there to be seen and discarded. */
function parseAside(id: number, text: string): AsideMessage {
  try {
    const parsed = v.safeParse(asideSchema, JSON.parse(text));
    if (parsed.success) return { id, ...parsed.output };
  } catch {
    // Below.
  }
  return {
    id,
    at: null,
    message: text,
    reason: 'what is stored is not of this program',
    tries: 0,
    sinceMs: 0,
  };
}
