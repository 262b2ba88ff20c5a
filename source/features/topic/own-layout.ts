import type { Redis } from 'ioredis';
import { type Client, isCluster } from '../../redis/client.ts';
import { keyFamily, singleKey } from '../../redis/keys.ts';
import { defineScript, type Script } from '../../redis/script.ts';
import advanceLua from './advance.lua';
import claimLua from './claim.lua';
import dropLua from './drop.lua';
import type {
  AwaitRequest,
  Claim,
  Message,
  Read,
  Retention,
  TopicStatus,
  TopicStore,
  Turn,
} from './layout.ts';
import publishLua from './publish.lua';
import releaseLua from './release.lua';
import { type ExpectedKeys, subscriberStatuses, withKeys } from './replies.ts';
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
export const claimScript = defineScript({ lua: claimLua, parse: parseClaim });
export const releaseScript = defineScript({ lua: releaseLua, parse: Number });
export const dropScript = defineScript({ lua: dropLua, parse: Number });
const advanceScript = defineScript({
  lua: advanceLua,
  parse: (reply) => reply as AdvanceReply,
  immediate: true,
});
const sweepScript = defineScript({ lua: sweepLua, parse: (reply) => reply as [number, number] });
const statusScript = defineScript({ lua: statusLua, parse: (reply) => reply as (number | string)[] });

type AdvanceReply = [state: number, detail: number | string, ...entries: string[]];

/** Keys under `topic:`, messages in a stream. The layout of `topic.ts`'s design note. */
export function ownLayout(client: Client, topic: string): TopicStore {
  const keys = keyFamily(client, topic, {
    msgs: 'topic:msgs:*',
    subs: 'topic:subs:*',
    seats: 'topic:seats:*',
    ids: 'topic:ids:*',
    state: 'topic:state:*',
    bell: 'topic:bell:*',
    sent: 'topic:sent:*:',
  });
  const ring = isCluster(client) ? 'SPUBLISH' : 'PUBLISH';
  const types: ExpectedKeys = {
    [keys.msgs]: 'stream',
    [keys.subs]: 'zset',
    [keys.seats]: 'hash',
    [keys.ids]: 'string',
    [keys.state]: 'hash',
  };
  const run = <Reply>(script: Script<Reply>, names: string[], args: (string | number)[]): Promise<Reply> =>
    withKeys(client, types, script(client, names, args));
  const subscriberKeys = [keys.msgs, keys.subs, keys.seats, keys.ids, keys.state];

  return {
    client,
    topic,
    bell: keys.bell,
    publish(producer, sequence, messages) {
      const [only] = messages;
      const isOne = messages.length === 1 && only !== undefined;
      return run(
        publishScript,
        [keys.msgs, keys.ids, keys.state, singleKey(keys.sent, producer)],
        [
          sequence,
          messages.length,
          isOne ? 'm' : `f${messages.length}`,
          isOne ? only : JSON.stringify(messages),
          ring,
          keys.bell,
        ],
      );
    },
    async retire(producer) {
      await client.unlink(singleKey(keys.sent, producer));
    },
    claim: (seat, { from, label, leaseMs }) =>
      run(
        claimScript,
        [keys.subs, keys.seats, keys.ids, keys.state],
        [seat.name, seat.token, label, leaseMs, from],
      ),
    async turn(seat, { done, after, step, arm }) {
      const reply = await run(advanceScript, subscriberKeys, [
        seat.name,
        seat.token,
        done,
        after,
        step,
        readBytes,
        arm ? 1 : 0,
      ]);
      return parseTurn(reply, after);
    },
    ...(!isCluster(client) && {
      await: (connection: Redis, request: AwaitRequest) => awaitEntries(connection, keys.msgs, request),
    }),
    async release(seat) {
      await run(releaseScript, [keys.seats], [seat.name, seat.token, ring, keys.bell]);
    },
    async drop(name) {
      const dropped = await run(dropScript, [keys.subs, keys.seats, keys.state], [name, ring, keys.bell]);
      return dropped === 1;
    },
    async block(name, blocked) {
      const field = `blocked:${name}`;
      if (blocked) await client.hset(keys.state, field, JSON.stringify(blocked));
      else await client.hdel(keys.state, field);
    },
    async sweep() {
      const { maxAgeMs, maxLen, maxBytes, lapseMs } = defaultRetention;
      await run(sweepScript, subscriberKeys, [maxAgeMs, maxLen, maxBytes, lapseMs]);
    },
    async status(most = 1000) {
      const reply = await run(statusScript, subscriberKeys, [defaultRetention.lapseMs, most]);
      return parseStatus(topic, reply);
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
  if (fields.length > 0) await withKeys(client, { [state]: 'hash' }, client.hset(state, ...fields));
}

export function parseClaim(reply: unknown): Claim {
  const [taken, first, second] = reply as [number, number | string, number];
  return taken === 1
    ? { name: 'ours', position: Number(first), floor: second }
    : { name: 'taken', by: String(first), seenMs: second };
}

function parseTurn(reply: AdvanceReply, after: number): Turn {
  const [state, detail] = reply;
  if (state === 0) return { name: 'dropped' };
  if (state === -1) return { name: 'taken', by: String(detail) };
  if (state === 2) return { name: 'forgotten', last: Number(detail) };
  const floor = Number(detail);
  const entries: Entry[] = [];
  for (let index = 2; index < reply.length; index += 3) {
    entries.push([reply[index] as string, [reply[index + 1] as string, reply[index + 2] as string]]);
  }
  return { name: 'read', floor, ...decode(entries, Math.max(after, floor)) };
}

type Entry = readonly [id: string, fields: readonly string[]];

/** The messages after `seen` in these entries: the first entry may hold some before it. */
function decode(entries: readonly Entry[], seen: number): Read {
  const messages: Message[] = [];
  let bytes = 0;
  for (const [entry, [kind = '', body = '']] of entries) {
    const dash = entry.indexOf('-');
    const last = Number(entry.slice(0, dash));
    const at = Number(entry.slice(dash + 1));
    bytes += body.length;
    if (kind === 'm') {
      messages.push({ id: last, at, message: body });
      continue;
    }
    const frame = JSON.parse(body) as string[];
    let id = last - frame.length;
    for (const message of frame) {
      id += 1;
      if (id > seen) messages.push({ id, at, message });
    }
  }
  return { messages, bytes };
}

async function awaitEntries(
  connection: Redis,
  key: string,
  { after, step, withinMs }: AwaitRequest,
): Promise<Read> {
  const start = `${after}-18446744073709551615`;
  const reply = await connection.xread('COUNT', step, 'BLOCK', withinMs, 'STREAMS', key, start);
  return decode(reply?.[0]?.[1] ?? [], after);
}

function parseStatus(topic: string, reply: readonly (number | string)[]): TopicStatus {
  const [lastId = 0, floor = 0, bytes = 0, nowMs = 0, lapseMs = 0] = reply.slice(0, 5).map(Number);
  return {
    topic,
    lastId,
    floor,
    retained: lastId - floor,
    bytes,
    subscribers: subscriberStatuses(reply.slice(6), { lastId, floor, nowMs, lapseMs }),
  };
}
