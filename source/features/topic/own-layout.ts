import type { Redis } from 'ioredis';
import { publishCommand } from '../../redis/channels.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { keyFamily, singleKey } from '../../redis/keys.ts';
import { register } from '../../redis/registry.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { defineScript, type Script } from '../../redis/script.ts';
import advanceLua from './advance.lua';
import claimLua from './claim.lua';
import dropLua from './drop.lua';
import { awaitEntries, decode, type Entry, entriesOf } from './entries.ts';
import type { AwaitRequest, Claim, Retention, TopicStatus, TopicStore, Turn } from './layout.ts';
import publishLua from './publish.lua';
import releaseLua from './release.lua';
import { type ExpectedKeys, isWrongType, parseStatus, withKeys, wrongType } from './replies.ts';
import statusLua from './status.lua';
import sweepLua from './sweep.lua';

/** What a topic keeps unless it was told otherwise. */
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
const statusScript = defineScript({
  lua: statusLua,
  parse: (reply) => reply as ((number | string)[] | string)[],
});

type AdvanceReply = [state: number, detail: number | string, at: number, ...entries: string[]];

function keysOf(client: Client, topic: string) {
  return keyFamily(client, topic, {
    msgs: 'topic:msgs:*',
    subs: 'topic:subs:*',
    seats: 'topic:seats:*',
    ids: 'topic:ids:*',
    state: 'topic:state:*',
    sent: 'topic:sent:*:',
  });
}

/** In the order in which the scripts of subscribers take them. */
function typesOf(keys: ReturnType<typeof keysOf>): ExpectedKeys {
  return {
    [keys.msgs]: 'stream',
    [keys.subs]: 'zset',
    [keys.seats]: 'hash',
    [keys.ids]: 'string',
    [keys.state]: 'hash',
  };
}

/**
 * The status of many topics: one command on one server, one for each topic in Cluster. A topic whose keys hold
 * something else is an error among the others.
 */
export async function surveyTopics(
  client: Client,
  topics: readonly string[],
  mostSubscribers = 1000,
): Promise<(TopicStatus | Error)[]> {
  if (topics.length === 0) return [];
  const types = topics.map((topic) => typesOf(keysOf(client, topic)));
  const args = [defaultRetention.lapseMs, mostSubscribers];
  const replies = isCluster(client)
    ? (await Promise.all(types.map((each) => statusScript(client, Object.keys(each), args)))).flat(1)
    : await statusScript(client, types.flatMap(Object.keys), args);
  return await Promise.all(
    topics.map((topic, index) => {
      const reply = replies[index] ?? '';
      if (typeof reply !== 'string') return parseStatus(topic, 'own', reply);
      const error = new Error(reply);
      return isWrongType(reply) ? wrongType(client, types[index] ?? {}, error) : error;
    }),
  );
}

/** Keys under `topic:`, messages in a stream. The layout of `topic.ts`'s design note. */
export function ownLayout(client: Client, topic: string): TopicStore {
  const keys = keysOf(client, topic);
  const ring = publishCommand(client);
  const types = typesOf(keys);
  const run = <Reply>(script: Script<Reply>, names: string[], args: (string | number)[]): Promise<Reply> =>
    withKeys(client, types, script(client, names, args));
  const subscriberKeys = Object.keys(types);

  return {
    client,
    topic,
    bells: [keys.msgs],
    publish(producer, sequence, messages, followsAny = false) {
      return run(
        publishScript,
        [keys.msgs, keys.ids, keys.state, singleKey(keys.sent, producer)],
        [followsAny ? -sequence : sequence, ring, ...entriesOf(messages)],
      );
    },
    async retire(producer) {
      await retryAborted(() => client.unlink(singleKey(keys.sent, producer)));
    },
    claim: (seat, { from, label, leaseMs }) =>
      run(
        claimScript,
        [keys.subs, keys.seats, keys.ids, keys.state, keys.msgs],
        [seat.name, seat.token, label, leaseMs, from],
      ),
    async turn(seat, { done, after, step, arm }) {
      const reply = await run(advanceScript, subscriberKeys, [
        seat.name,
        seat.token,
        done.id,
        done.at,
        after.id,
        after.at,
        step,
        readBytes,
        arm ? 1 : 0,
      ]);
      return parseTurn(reply, after.id);
    },
    ...(!isCluster(client) && {
      await: (connection: Redis, request: AwaitRequest) => awaitEntries(connection, keys.msgs, request),
    }),
    async release(seat) {
      await run(releaseScript, [keys.seats], [seat.name, seat.token, ring, keys.msgs]);
    },
    async drop(name) {
      const dropped = await run(dropScript, [keys.subs, keys.seats, keys.state], [name, ring, keys.msgs]);
      return dropped === 1;
    },
    async block(name, blocked) {
      const field = `blocked:${name}`;
      if (blocked) await retryAborted(() => client.hset(keys.state, field, JSON.stringify(blocked)));
      else await retryAborted(() => client.hdel(keys.state, field));
    },
    async sweep() {
      const { maxAgeMs, maxLen, maxBytes, lapseMs } = defaultRetention;
      return await run(sweepScript, subscriberKeys, [maxAgeMs, maxLen, maxBytes, lapseMs]);
    },
    register: () => register(client, 'topic', topic),
    async status() {
      const [status] = await surveyTopics(client, [topic]);
      if (status instanceof Error) throw status;
      return status as TopicStatus;
    },
  };
}

/** Sets what a topic keeps; what is left out stays as it is. */
export async function setRetention(
  client: Client,
  topic: string,
  retention: Partial<Retention>,
): Promise<void> {
  const { state } = keyFamily(client, topic, { state: 'topic:state:*' });
  const fields = Object.entries(retention).flat();
  if (fields.length > 0)
    await withKeys(
      client,
      { [state]: 'hash' },
      retryAborted(() => client.hset(state, ...fields)),
    );
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
  if (state === -1) return { name: 'taken', by: String(detail) };
  if (state === 2) return { name: 'forgotten', last: { id: Number(detail), at } };
  const floor = { id: Number(detail), at };
  const entries: Entry[] = [];
  for (let index = 3; index < reply.length; index += 3) {
    entries.push([reply[index] as string, [reply[index + 1] as string, reply[index + 2] as string]]);
  }
  return { name: 'read', floor, ...decode(entries, Math.max(after, floor.id)) };
}
