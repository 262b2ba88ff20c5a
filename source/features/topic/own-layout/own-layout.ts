import type { Redis } from 'ioredis';
import { Allowance, mostOfAll, mostOfOne } from '../../../redis/allowance.ts';
import { publishCommand } from '../../../redis/channels.ts';
import { type Client, isCluster } from '../../../redis/client.ts';
import { keyFamily, singleKey } from '../../../redis/keys.ts';
import { register } from '../../../redis/registry.ts';
import { asArray } from '../../../redis/reply.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { defineScript, type Script } from '../../../redis/script.ts';
import { onlyText } from '../../../ui/format.ts';
import { requireWholes } from '../../../values.ts';
import { TopicNameError } from '../errors.ts';
import type {
  AwaitRequest,
  Claim,
  From,
  Inspection,
  Retention,
  TopicStatus,
  TopicStore,
  Turn,
  Unreadable,
} from '../layout.ts';
import { byName, cutOf, type ExpectedKeys, parseStatus, unreadableTopic, withKeys } from '../replies.ts';
import { largestFrameBytes, largestMessageBytes } from '../sizes.ts';
import { awaitEntries, decode, type Entry, entriesOf } from '../subscriber/entries.ts';
import { requireTopicName } from '../topic-name.ts';
import advanceLua from './advance.lua';
import claimLua from './claim.lua';
import dropLua from './drop.lua';
import publishLua from './publish.lua';
import releaseLua from './release.lua';
import statusLua from './status.lua';
import sweepLua from './sweep.lua';

/** What a topic keeps unless it was set otherwise. */
export const defaultRetention: Retention = {
  maxAgeMs: 7 * 86_400_000,
  maxLen: 0,
  maxBytes: 1024 ** 3,
  lapseMs: 7 * 86_400_000,
};

const readBytes = 256 * 1024;

const publishScript = defineScript({ lua: publishLua, parse: Number, immediate: true });
const claimScript = defineScript({ lua: claimLua, parse: parseClaim });
export const releaseScript = defineScript({ lua: releaseLua, parse: Number });
export const dropScript = defineScript({ lua: dropLua, parse: Number });
const advanceScript = defineScript({
  lua: advanceLua,
  parse: (reply) => reply as AdvanceReply,
  immediate: true,
});
const sweepScript = defineScript({ lua: sweepLua, parse: Number });
const statusScript = defineScript({ lua: statusLua, parse: asArray });

type AdvanceReply = [state: number, detail: number | string, at: number, ...entries: string[]];

export function topicKeys(client: Client, topic: string) {
  return keyFamily(client, topic, {
    msgs: 'topic:msgs:*',
    subs: 'topic:subs:*',
    leases: 'topic:seats:*',
    ids: 'topic:ids:*',
    state: 'topic:state:*',
    sent: 'topic:sent:*:',
    aside: 'topic:aside:*:',
  });
}

/** Topic and subscriber may both hold colons: the last one in the key is the one between them. */
function asideKey({ aside }: { readonly aside: string }, subscriber: string): string {
  const escaped = subscriber.replaceAll('%', '%25').replaceAll(':', '%3A');
  return singleKey(aside, escaped);
}

/** In the order in which the scripts of subscribers take them. */
function typesOf(keys: ReturnType<typeof topicKeys>): ExpectedKeys {
  return {
    [keys.msgs]: 'stream',
    [keys.subs]: 'zset',
    [keys.leases]: 'hash',
    [keys.ids]: 'string',
    [keys.state]: 'hash',
  };
}

/** Five keys each: no command has more than 3,000 words. */
const topicsAtOnce = 590;
const subscribersAtOnce = 500;
/** What comes with the topic itself; of the few that have more the rest is asked for. */
const subscribersAtFirst = 20;
const replyBytes = 262_144;

/**
 * The status of many topics: some hundreds a command on one server, one for each topic in Cluster.
 * @param most how many subscribers of each, the slowest; all of them unless given, as far as is bearable
 */
export async function inspectTopics(
  client: Client,
  topics: readonly string[],
  most = Number.POSITIVE_INFINITY,
  allowance = new Allowance(mostOfAll),
): Promise<Inspection> {
  const found: Inspection[] = [];
  const [step, abreast] = isCluster(client) ? [1, 64] : [topicsAtOnce, 2];
  const atFirst = Math.min(most, Number.isFinite(most) ? subscribersAtOnce : subscribersAtFirst);
  let rest = topics;
  while (rest.length > 0 && !allowance.isSpent) {
    const some = rest.slice(0, step * abreast);
    const asked = Array.from({ length: Math.ceil(some.length / step) }, (_, index) =>
      inspectPage(client, some.slice(index * step, (index + 1) * step), { most: atFirst, allowance }),
    );
    const pages = await Promise.all(asked);
    found.push(...pages);
    rest = [...pages.flatMap((page) => page.rest), ...rest.slice(some.length)];
  }
  const complete: TopicStatus[] = [];
  const cuts: string[] = [];
  const unreadable = found.flatMap((page) => [...page.unreadable]);
  for (const status of found.flatMap((page) => page.topics)) {
    const own = new Allowance(mostOfOne, allowance);
    const wanted = Math.min(most, status.subscriberCount);
    const subscribers = [...status.subscribers];
    let isCut = false;
    // Places are counted from the subscribers that were read: behind one that cannot be, no further page is asked for.
    const { subs } = topicKeys(client, status.topic);
    while (subscribers.length < wanted && !unreadable.some(({ key }) => key === subs)) {
      isCut = own.isSpent;
      if (isCut) break;
      const count = Math.min(subscribersAtOnce, wanted - subscribers.length);
      const look = { first: subscribers.length, most: count, allowance: own };
      const page = await inspectPage(client, [status.topic], look);
      unreadable.push(...page.unreadable);
      const next = page.topics[0]?.subscribers ?? [];
      // Some have been dropped meanwhile.
      if (next.length === 0) break;
      subscribers.push(...next);
    }
    const isLonger = subscribers.length > status.subscribers.length;
    const whole = isLonger ? { ...status, subscribers: byName(subscribers) } : status;
    if (isCut) cuts.push(...cutOf(whole, most));
    complete.push(whole);
  }
  if (rest.length > 0) cuts.push(onlyText(topics.length - rest.length, topics.length, 'topics', mostOfAll));
  return { topics: complete, unreadable, cuts, rest };
}

/** One topic with these of its subscribers. @throws {WrongTypeError | UnreadableReplyError} */
export async function inspectSubscribers(
  client: Client,
  topic: string,
  names: readonly string[],
): Promise<TopicStatus> {
  const { topics, unreadable } = await inspectPage(client, [topic], { most: names.length, names });
  const [status] = topics;
  if (!status) throw unreadable[0]?.error ?? new TopicNameError(topic, 'it cannot be read');
  return status;
}

type Page = {
  /** The place of the first subscriber that is wanted, the slowest being 0. */
  readonly first?: number;
  readonly most: number;
  /** Instead of a page those with these names. */
  readonly names?: readonly string[];
  readonly allowance?: Allowance;
};

/** A page of the subscribers of each, as long as the reply is not long; at least of the first topic. */
export async function inspectPage(
  client: Client,
  topics: readonly string[],
  { first = 0, most, names = [], allowance }: Page,
): Promise<Inspection> {
  const keys = topics.map((topic) => topicKeys(client, topic));
  const types = keys.map(typesOf);
  // Who is asked for by name is not passed over.
  const budget = names.length > 0 ? replyBytes * 16 : Math.min(replyBytes, allowance?.bytes ?? replyBytes);
  const args = [defaultRetention.lapseMs, first, most, budget, ...names];
  const replies = await statusScript(client, types.flatMap(Object.keys), args);
  allowance?.take(replies);
  const statuses: TopicStatus[] = [];
  const unreadable: Unreadable[] = [];
  for (const [index, reply] of replies.entries()) {
    const topic = topics[index] ?? '';
    const expected = types[index] ?? {};
    if (typeof reply === 'string') {
      unreadable.push(await unreadableTopic(client, topic, expected, reply));
      continue;
    }
    try {
      const parsed = parseStatus(topic, 'own', asArray(reply), keys[index] ?? topicKeys(client, topic));
      statuses.push(parsed.status);
      unreadable.push(...parsed.unreadable);
    } catch (error) {
      // A number that is none, or too large: the other topics are well.
      if (!(error instanceof Error)) throw error;
      unreadable.push({ topic, key: keys[index]?.ids ?? '', error });
    }
  }
  return { topics: statuses, unreadable, cuts: [], rest: topics.slice(replies.length) };
}

/** Keys under `topic:`, messages in a stream. The layout of `topic.ts`'s design note. */
export function ownLayout(client: Client, topic: string): TopicStore {
  const keys = topicKeys(client, topic);
  const publishing = publishCommand(client);
  const types = typesOf(keys);
  const run = <Reply>(script: Script<Reply>, names: string[], args: (string | number)[]): Promise<Reply> =>
    withKeys(client, types, script(client, names, args));
  const subscriberKeys = Object.keys(types);

  return {
    client,
    topic,
    channels: [keys.msgs],
    publish(producer, sequence, messages, followsAny = false) {
      return run(
        publishScript,
        [keys.msgs, keys.ids, keys.state, singleKey(keys.sent, producer)],
        [followsAny ? -sequence : sequence, publishing, ...entriesOf(messages)],
      );
    },
    async retire(producer) {
      await retryAborted(() => client.unlink(singleKey(keys.sent, producer)));
    },
    claim: (server, { from, label, leaseMs }) =>
      run(
        claimScript,
        [keys.subs, keys.leases, keys.ids, keys.state, keys.msgs],
        [server.name, server.token, label, leaseMs, ...fromWords(from)],
      ),
    async turn(server, { done, after, step, arm, pace = false }) {
      const reply = await run(advanceScript, subscriberKeys, [
        server.name,
        server.token,
        done.id,
        done.at,
        after.id,
        after.at,
        step,
        readBytes,
        arm ? 1 : 0,
        pace ? 1 : 0,
        largestMessageBytes,
        largestFrameBytes,
      ]);
      return parseTurn(reply, after.id);
    },
    ...(!isCluster(client) && {
      await: (connection: Redis, request: AwaitRequest) => awaitEntries(connection, keys.msgs, request),
    }),
    async release(server) {
      const words = [server.name, server.token, publishing, keys.msgs];
      await run(releaseScript, [keys.leases], words);
    },
    async drop(name) {
      const dropped = await run(
        dropScript,
        [keys.subs, keys.leases, keys.state, asideKey(keys, name)],
        [name, publishing, keys.msgs],
      );
      return dropped === 1;
    },
    async block(name, blocked) {
      const field = `blocked:${name}`;
      if (blocked) await retryAborted(() => client.hset(keys.state, field, JSON.stringify(blocked)));
      else await retryAborted(() => client.hdel(keys.state, field));
    },
    asideKeys: (name) => [asideKey(keys, name), keys.state],
    async sweep() {
      const { maxAgeMs, maxLen, maxBytes, lapseMs } = defaultRetention;
      return await run(sweepScript, subscriberKeys, [maxAgeMs, maxLen, maxBytes, lapseMs]);
    },
    register: () => register(client, 'topic', topic),
    inspect: (names) =>
      names ? inspectPage(client, [topic], { most: names.length, names }) : inspectTopics(client, [topic]),
  };
}

/** Sets what a topic keeps; what is left out stays as it is. */
export async function setRetention(
  client: Client,
  topic: string,
  retention: Partial<Retention>,
): Promise<void> {
  requireTopicName(client, topic);
  requireWholes(retention);
  const { state } = keyFamily(client, topic, { state: 'topic:state:*' });
  const fields = Object.entries(retention).flatMap(([field, value]) =>
    value === undefined ? [] : [field, value],
  );
  if (fields.length > 0)
    await withKeys(
      client,
      { [state]: 'hash' },
      retryAborted(() => client.hset(state, ...fields)),
    );
}

/** As the scripts take it. */
export function fromWords(from: From): [id: string | number, at: number] {
  return typeof from === 'string' ? [from, 0] : [from.id, from.at];
}

export function parseClaim(reply: unknown): Claim {
  const [taken, first, second] = reply as [number, number | string, number];
  return taken === 1
    ? { name: 'ours', position: { id: Number(first), at: second } }
    : { name: 'taken', by: String(first), seenMs: second };
}

function parseTurn(reply: AdvanceReply, after: number): Turn {
  const [state, detail, at] = reply;
  if (state === 0) return { name: 'dropped' };
  if (state === 3) return { name: 'lost' };
  if (state === -1) return { name: 'taken', by: String(detail) };
  if (state === 2) return { name: 'forgotten', last: { id: Number(detail), at } };
  const floor = { id: Number(detail), at };
  const entries: Entry[] = [];
  for (let index = 3; index < reply.length; index += 3) {
    entries.push([reply[index] as string, [reply[index + 1] as string, reply[index + 2] as string]]);
  }
  return { name: 'read', floor, ...decode(entries, Math.max(after, floor.id), true) };
}
