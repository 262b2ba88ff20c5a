import * as v from 'valibot';
import { Allowance, mostOfAll, mostOfOne, sizeOf } from '../../../redis/allowance.ts';
import { asArray, asInteger, asText } from '../../../redis/reply.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { defineScript } from '../../../redis/script.ts';
import { cutMark, onlyText } from '../../../ui/format.ts';
import { AsideTooLargeError, MessageNotAsideError, NoSubscriberError } from '../errors.ts';
import type { Message, TopicStore } from '../layout.ts';
import { withKeys } from '../replies.ts';
import pageLua from './aside-page.lua';
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
  /** `message` is only its beginning, with a mark such as `… (12.4M, cut)`. */
  readonly isCut?: true;
};

type Failure = { readonly reason: string; readonly tries: number };

const longestReason = 1000;
const idsAtOnce = 1000;
/** In a list; and when it is done again, in which no message of ours, escaped, is longer. */
const longestListed = 65_536;
const longestDone = 100 * 1024 ** 2;
const pageBytes = 262_144;

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

type Page = { readonly cursor: string; readonly rows: readonly AsideMessage[]; readonly bytes: number };

const pageScript = defineScript({
  lua: pageLua,
  parse(reply): Page {
    const [cursor, ...flat] = asArray(reply);
    const rows = Array.from({ length: Math.floor(flat.length / 4) }, (_, index) => {
      const [id, bytes, text, end] = flat.slice(4 * index, 4 * index + 4);
      const own = Number(asText(id));
      return bytes === ''
        ? parseAside(own, asText(text))
        : parseCut(own, { bytes: asInteger(bytes), text: asText(text), end: asText(end) });
    });
    return { cursor: asText(cursor), rows, bytes: sizeOf(flat) };
  },
});

async function readPage(store: TopicStore, name: string, words: readonly (string | number)[]): Promise<Page> {
  const keys = store.asideKeys(name);
  return await withKeys(store.client, typesOf(keys), pageScript(store.client, [keys[0]], words));
}

/** What is aside of one subscriber, by id, and what is missing, in sentences. */
export type AsideList = { readonly messages: readonly AsideMessage[]; readonly cuts: readonly string[] };

/**
 * What is aside of one subscriber, by id, long messages cut; those of these ids, where some are given.
 * @throws {WrongTypeError}
 */
export async function asideOf(
  store: TopicStore,
  name: string,
  ids?: readonly number[],
  all = new Allowance(mostOfAll),
): Promise<AsideList> {
  const allowance = new Allowance(mostOfOne, all);
  const found = new Map<number, AsideMessage>();
  const take = ({ rows, bytes }: Page): void => {
    for (const one of rows) found.set(one.id, one);
    allowance.takeBytes(bytes);
  };
  let cursor = '0';
  let left = ids ?? [];
  while (left.length > 0 && !allowance.isSpent) {
    const page = await readPage(store, name, ['', longestListed, pageBytes, ...left.slice(0, idsAtOnce)]);
    take(page);
    left = left.slice(Number(page.cursor));
  }
  if (!ids) {
    do {
      const page = await readPage(store, name, [cursor, longestListed, pageBytes]);
      take(page);
      cursor = page.cursor;
    } while (cursor !== '0' && !allowance.isSpent);
  }
  const messages = [...found.values()].sort((a, b) => a.id - b.id);
  if (left.length === 0 && cursor === '0') return { messages, cuts: [] };
  const total = ids?.length ?? (await countOf(store, name));
  return { messages, cuts: [onlyText(found.size, total, `messages aside of \`${name}\``, mostOfOne)] };
}

async function countOf(store: TopicStore, name: string): Promise<number> {
  const keys = store.asideKeys(name);
  return await withKeys(
    store.client,
    typesOf(keys),
    retryAborted(() => store.client.hlen(keys[0])),
  );
}

/** What is aside of one subscriber, whole, in pages, in no order. One may come twice. @throws {WrongTypeError} */
export async function* asidePages(
  store: TopicStore,
  name: string,
): AsyncGenerator<readonly AsideMessage[], void, undefined> {
  let cursor = '0';
  do {
    const page = await readPage(store, name, [cursor, longestDone, pageBytes]);
    cursor = page.cursor;
    if (page.rows.length > 0) yield page.rows;
  } while (cursor !== '0');
}

/**
 * One of them as it was published; undefined when it is not aside any more.
 * @throws {AsideTooLargeError} when it is longer than a message can be
 */
async function asideWhole(store: TopicStore, name: string, id: number): Promise<AsideMessage | undefined> {
  const { rows } = await readPage(store, name, ['', longestDone, pageBytes, id]);
  const [found] = rows;
  if (found?.isCut) throw new AsideTooLargeError(store.topic, name, id);
  return found;
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

type Retry = {
  /** Resolves with whether this message is done. */
  attempt(message: AsideMessage): Promise<boolean>;
  /** What stands there is longer than a message can be, and is not read. */
  onTooLarge(id: number, error: AsideTooLargeError): void;
  readonly signal: AbortSignal | undefined;
};

/**
 * Goes through messages that are aside, one after the other, each of them whole. What is done is aside no longer; the
 * others stay. Ends early when the signal aborts.
 * @returns how many are done, and how many were attempted in vain
 */
export async function retryAside(
  store: TopicStore,
  name: string,
  messages: readonly AsideMessage[],
  { attempt, onTooLarge, signal }: Retry,
): Promise<{ readonly done: number; readonly failed: number }> {
  let done = 0;
  let failed = 0;
  for (const listed of messages) {
    if (signal?.aborted) break;
    let isDone = false;
    try {
      const message = listed.isCut ? await asideWhole(store, name, listed.id) : listed;
      // Somebody else has done it meanwhile.
      if (!message) continue;
      isDone = await attempt(message);
    } catch (error) {
      if (!(error instanceof AsideTooLargeError)) throw error;
      onTooLarge(listed.id, error);
    }
    if (isDone) {
      await takeOut(store, name, [listed.id]);
      done += 1;
    } else failed += 1;
  }
  return { done, failed };
}

/**
 * The messages that a person named, or all, long ones cut; at least one.
 * @throws {NoSubscriberError | MessageNotAsideError}
 */
export async function namedAside(
  store: TopicStore,
  name: string,
  ids: readonly number[] | 'all',
): Promise<AsideList> {
  const found = await asideOf(store, name, ids === 'all' ? undefined : ids);
  if (found.messages.length > 0) return found;
  const [status] = (await store.inspect([name])).topics;
  if (status?.subscribers.every((subscriber) => subscriber.name !== name) ?? true) {
    const [others] = (await store.inspect()).topics;
    const known = others?.subscribers.map((subscriber) => subscriber.name) ?? [];
    throw new NoSubscriberError(store.topic, name, known);
  }
  if (ids === 'all') return found;
  throw new MessageNotAsideError(store.topic, name, ids);
}

function typesOf([aside, state]: readonly [string, string]) {
  return { [aside]: 'hash', [state]: 'hash' };
}

const notOurs = 'what is stored is not of this program';

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
    reason: notOurs,
    tries: 0,
    sinceMs: 0,
  };
}

/** From its beginning and its end: the reason stands behind the message. */
function parseCut(
  id: number,
  { bytes, text, end }: { readonly bytes: number; readonly text: string; readonly end: string },
): AsideMessage {
  const [, since = '', at = '', began = ''] =
    /^\{"sinceMs":(\d{1,16}),"at":(\d{1,16}|null),"message":"(.*)$/s.exec(text) ?? [];
  // Within a JSON string a quote never stands behind anything but a backslash.
  const behind = v.safeParse(
    v.pipe(v.string(), v.parseJson(), v.object({ reason: v.string(), tries: v.number() })),
    `{${end.slice(end.lastIndexOf('","reason":') + 2)}`,
  );
  // An escape that was cut in two goes.
  const message = v.safeParse(
    v.pipe(v.string(), v.parseJson(), v.string()),
    `"${began.replace(/\\(u[\da-f]{0,3})?$/i, '')}"`,
  );
  const isOurs = since !== '' && behind.success;
  return {
    id,
    at: isOurs && at !== 'null' ? Number(at) : null,
    message: (isOurs && message.success ? message.output : text) + cutMark(bytes),
    reason: behind.success ? behind.output.reason : notOurs,
    tries: behind.success ? behind.output.tries : 0,
    sinceMs: isOurs ? Number(since) : 0,
    isCut: true,
  };
}
