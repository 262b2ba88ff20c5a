import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { DeniedError, WrongTypeError } from '../../../errors.ts';
import { Allowance, mostOfAll, mostOfOne } from '../../../redis/allowance.ts';
import { type Client, isCluster } from '../../../redis/client.ts';
import { singleKey } from '../../../redis/keys.ts';
import { asArray } from '../../../redis/reply.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { defineScript, type Script } from '../../../redis/script.ts';
import { formatBytes } from '../../../ui/format.ts';
import { LayoutError, SeedLockError } from '../errors.ts';
import type {
  Inspection,
  Item,
  SubscriberStatus,
  TopicStatus,
  TopicStore,
  Turn,
  Unreadable,
} from '../layout.ts';
import { dropScript, fromWords, parseClaim, releaseScript } from '../own-layout/own-layout.ts';
import { byName, cutOf, type ExpectedKeys, parseStatus, withKeys } from '../replies.ts';
import { largestFrameBytes } from '../sizes.ts';
import advanceLua from './seed-advance.lua';
import claimLua from './seed-claim.lua';
import publishLua from './seed-publish.lua';
import statusLua from './seed-status.lua';
import sweepLua from './seed-sweep.lua';

/**
 * The keys of the durable pub/sub that Python programs run today: one topic for the whole server, whatever it is
 * called here. Payload `{"msg_id": n, "message": text}`, the same in the store and on the channel. Where that
 * program loses messages this one does not: bodies come from the store, in the order of ids, and positions only rise.
 * No retention: as there, the slowest registered subscriber decides what is kept.
 */
const keys = {
  ids: 'pubsub:msg_id',
  msgs: 'pubsub:messages',
  subs: 'pubsub:process_stats',
  lock: 'pubsub:lock',
  leases: 'pubsub:seats',
  state: 'pubsub:state',
  channel: 'news_id_pubsub',
} as const;

const types: ExpectedKeys = {
  [keys.ids]: 'string',
  [keys.msgs]: 'zset',
  [keys.subs]: 'zset',
  [keys.lock]: 'string',
  [keys.leases]: 'hash',
  [keys.state]: 'hash',
};

/** The bare text on the channel with which publishers of this layout say that everything was sent. */
export const endMark = 'COMPLETE';

// As long as the Python side waits for the same lock.
const lockTimeoutMs = 10_000;

const publishScript = defineScript({ lua: publishLua, parse: Number });
const claimScript = defineScript({ lua: claimLua, parse: parseClaim });
const advanceScript = defineScript({ lua: advanceLua, parse: (reply) => reply as AdvanceReply });
const sweepScript = defineScript({ lua: sweepLua, parse: Number });
const statusScript = defineScript({ lua: statusLua, parse: asArray });
const replyBytes = 262_144;
const subscribersAtOnce = 500;

type AdvanceReply = [state: number, detail: number | string, ...entries: (string | number)[]];

const payload = v.object({ message: v.unknown() });

/** @throws {LayoutError} in Cluster, where these keys lie in different slots */
export function seedLayout(client: Client, topic: string): TopicStore {
  if (isCluster(client)) throw new LayoutError('in Cluster its keys lie in different slots');
  let publishing: Promise<unknown> = Promise.resolve();
  const run = <Reply>(script: Script<Reply>, names: string[], args: (string | number)[]): Promise<Reply> =>
    withKeys(client, types, script(client, names, args));

  const publishUnlocked = async (
    producer: string,
    sequence: number,
    messages: readonly string[],
  ): Promise<number> => {
    const started = performance.now();
    const names = [keys.ids, keys.msgs, keys.lock, singleKey('pubsub:sent:', producer)];
    const texts = messages.map((message) => JSON.stringify(message));
    for (let attempt = 0; ; attempt += 1) {
      const last = await run(publishScript, names, [sequence, keys.channel, ...texts]);
      if (last !== -1) return last;
      if (performance.now() - started > lockTimeoutMs) throw new SeedLockError(lockTimeoutMs);
      await delay(Math.min(1 + attempt, 20));
    }
  };

  return {
    client,
    topic,
    // Programs of this layout expect nothing but payloads on their channel.
    channels: [keys.channel, keys.leases],
    endMark,
    async complete() {
      await retryAborted(() => client.publish(keys.channel, endMark));
    },
    publish(producer, sequence, messages) {
      // One at a time: two that wait for the lock could overtake each other.
      const next = publishing.then(
        () => publishUnlocked(producer, sequence, messages),
        () => publishUnlocked(producer, sequence, messages),
      );
      publishing = next;
      return next;
    },
    async retire(producer) {
      await retryAborted(() => client.unlink(singleKey('pubsub:sent:', producer)));
    },
    claim: (server, { from, label, leaseMs }) =>
      run(
        claimScript,
        [keys.subs, keys.leases, keys.ids, keys.state, keys.msgs, keys.lock],
        [server.name, server.token, label, leaseMs, fromWords(from)[0]],
      ),
    async turn(server, { done, after, step }) {
      const names = [keys.msgs, keys.subs, keys.leases, keys.ids, keys.state];
      const words = [server.name, server.token, done.id, after.id, step, largestFrameBytes];
      return parseTurn(await run(advanceScript, names, words));
    },
    async release(server) {
      await run(releaseScript, [keys.leases], [server.name, server.token, 'PUBLISH', keys.leases]);
    },
    async drop(name) {
      const names = [keys.subs, keys.leases, keys.state, singleKey('pubsub:aside:', name)];
      return (await run(dropScript, names, [name, 'PUBLISH', keys.leases])) === 1;
    },
    async block(name, blocked) {
      const field = `blocked:${name}`;
      if (blocked) await retryAborted(() => client.hset(keys.state, field, JSON.stringify(blocked)));
      else await retryAborted(() => client.hdel(keys.state, field));
    },
    asideKeys: (name) => [singleKey('pubsub:aside:', name), keys.state],
    sweep: () => run(sweepScript, [keys.msgs, keys.subs], []),
    // Its keys have fixed names: nothing needs to be remembered to find it.
    register: () => Promise.resolve(),
    inspect: () => inspectSeed(client, topic),
  };
}

/** The status of this one topic, whatever it is called here; everything of it that can be read, as far as is bearable. */
export async function inspectSeed(
  client: Client,
  topic: string,
  most = Number.POSITIVE_INFINITY,
  all = new Allowance(mostOfAll),
): Promise<Inspection> {
  const names = [keys.msgs, keys.subs, keys.leases, keys.ids, keys.state];
  const allowance = new Allowance(mostOfOne, all);
  const budget = Math.min(replyBytes, all.bytes);
  const unreadable: Unreadable[] = [];
  const cuts: string[] = [];
  const subscribers: SubscriberStatus[] = [];
  let status: TopicStatus | undefined;
  try {
    do {
      const args = [subscribers.length, Math.min(subscribersAtOnce, most - subscribers.length), budget];
      const reply = await withKeys(client, types, statusScript(client, names, args));
      allowance.take(reply);
      const page = parseStatus(topic, 'seed', reply, keys);
      unreadable.push(...page.unreadable);
      subscribers.push(...page.status.subscribers);
      status = page.status;
      if (page.status.subscribers.length === 0 || page.unreadable.some(({ key }) => key === keys.subs)) break;
    } while (subscribers.length < Math.min(most, status.subscriberCount) && !allowance.isSpent);
    if (allowance.isSpent) cuts.push(...cutOf({ ...status, subscribers }, most));
  } catch (error) {
    if (!(error instanceof WrongTypeError)) throw error;
    unreadable.push({ topic, key: error.key, error });
  }
  const topics = status ? [{ ...status, subscribers: byName(subscribers) }] : [];
  return { topics, unreadable, cuts, rest: [] };
}

/** Whether any program uses these keys; no where this user may not look, who then does not use them. */
export async function isSeedInUse(client: Client): Promise<boolean> {
  try {
    return (await retryAborted(() => client.exists(keys.ids, keys.subs))) > 0;
  } catch (error) {
    if (error instanceof DeniedError) return false;
    throw error;
  }
}

/** Which of its keys there are, wherever each lies. */
export async function seedKeysIn(client: Client): Promise<string[]> {
  const names = [keys.ids, keys.msgs, keys.subs];
  const found = await Promise.all(names.map((key) => client.exists(key)));
  return names.filter((_, index) => found[index] === 1);
}

function parseTurn([state, detail, ...entries]: AdvanceReply): Turn {
  if (state === 0) return { name: 'dropped' };
  if (state === 3) return { name: 'lost' };
  if (state === -1) return { name: 'taken', by: String(detail) };
  if (state === 2) return { name: 'forgotten', last: { id: Number(detail), at: 0 } };
  const items: Item[] = [];
  let [bytes, newest] = [0, Number.NaN];
  for (let index = 0; index < entries.length; index += 2) {
    const text = entries[index + 1] ?? '';
    newest = Number(entries[index]);
    if (typeof text === 'number') {
      const reason = `larger than messages can be (${formatBytes(text)}, cut)`;
      items.push({ gap: { from: newest, to: newest, reason } });
      continue;
    }
    bytes += text.length;
    items.push({ id: newest, at: null, message: messageIn(text) });
  }
  const last = Number.isNaN(newest) ? undefined : { id: newest, at: 0 };
  return { name: 'read', floor: { id: Number(detail), at: 0 }, items, bytes, last };
}

/** What another program stored, whatever it is: a message that is no text comes as its JSON. */
function messageIn(text: string): string {
  try {
    const parsed = v.safeParse(payload, JSON.parse(text));
    if (!parsed.success) return text;
    const { message } = parsed.output;
    return typeof message === 'string' ? message : JSON.stringify(message);
  } catch {
    return text;
  }
}
