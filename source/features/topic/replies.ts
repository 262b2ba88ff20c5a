import * as v from 'valibot';
import { messageOf, WrongTypeError } from '../../errors.ts';
import { mostOfOne } from '../../redis/allowance.ts';
import type { Client } from '../../redis/client.ts';
import { UnreadableReplyError } from '../../redis/errors.ts';
import { refusedScript } from '../../redis/refusals.ts';
import { asInteger, asText, ifReadable } from '../../redis/reply.ts';
import { onlyText } from '../../ui/format.ts';
import { conditionOf } from './condition.ts';
import type { Blocked, LayoutName, SubscriberStatus, TopicStatus, Unreadable } from './layout.ts';
import statusLua from './own-layout/status.lua';

/** Key -> the type it must have. */
export type ExpectedKeys = Readonly<Record<string, string>>;

/**
 * Waits for a reply; when Redis says that a key has another type, finds out which one.
 * @throws {WrongTypeError}
 */
export async function withKeys<Reply>(
  client: Client,
  keys: ExpectedKeys,
  reply: Promise<Reply>,
): Promise<Reply> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof Error && isWrongType(error.message)) throw await wrongType(client, keys, error);
    throw error;
  }
}

export function isWrongType(text: string): boolean {
  return text.includes('WRONGTYPE');
}

/** The key that has another type than it must have, as an error; the given one if all is well by now. */
export async function wrongType(client: Client, keys: ExpectedKeys, error: Error): Promise<Error> {
  for (const [key, expected] of Object.entries(keys)) {
    const type = await client.type(key);
    if (type !== 'none' && type !== expected) return new WrongTypeError(key, expected, { cause: error });
  }
  return error;
}

/** Which key of a topic a text from its script is about, and what it means. */
export async function unreadableTopic(
  client: Client,
  topic: string,
  keys: ExpectedKeys,
  text: string,
): Promise<Unreadable> {
  const [first = '', , , ids = '', state = ''] = Object.keys(keys);
  const reply = Object.assign(new Error(text), { name: 'ReplyError' });
  if (text.includes('not an integer')) {
    const key = text.endsWith('in state') ? state : ids;
    return { topic, key, error: new WrongTypeError(key, 'whole number', { cause: reply }) };
  }
  const error = isWrongType(text)
    ? await wrongType(client, keys, reply)
    : await refusedScript(client, reply, { lua: statusLua, keys: Object.keys(keys) });
  const key = error instanceof WrongTypeError ? error.key : first;
  return { topic, key, error: error instanceof Error ? error : reply };
}

/** One that cannot be read, in a sentence. */
export function unreadableText({ topic, key, error }: Unreadable): string {
  const reason = error instanceof WrongTypeError ? `key \`${key}\` holds other data` : messageOf(error);
  return `Topic \`${topic}\` cannot be read: ${reason}`;
}

/** Fields of a topic in the flat list the status scripts give, and of each subscriber behind them. */
const topicFields = 7;
const subscriberFields = 7;

/**
 * From that flat list.
 * @param keys whose fields and scores tell of subscribers, for what cannot be read
 */
export function parseStatus(
  topic: string,
  layout: LayoutName,
  flat: readonly unknown[],
  keys: { readonly state: string; readonly subs: string },
): { readonly status: TopicStatus; readonly unreadable: readonly Unreadable[] } {
  const [at, lastId, floor, retained, bytes, lapseMs, subscriberCount] = flat;
  const unreadable: Unreadable[] = [];
  const own = {
    at: asInteger(at),
    lastId: asInteger(lastId),
    floor: asInteger(floor),
    lapseMs: asInteger(lapseMs),
  };
  const subscribers = Array.from(
    { length: Math.floor((flat.length - topicFields) / subscriberFields) },
    (_, index): SubscriberStatus[] => {
      const from = topicFields + index * subscriberFields;
      const [name, done, lease, oldest, blockedText, pace, aside] = flat.slice(from, from + subscriberFields);
      const parsed = parseBlocked(asText(blockedText));
      if (parsed === 'unreadable') {
        unreadable.push({
          topic,
          key: keys.state,
          error: new UnreadableReplyError(`what blocks ${asText(name)}, as JSON`, blockedText, keys.state),
        });
      }
      const exact = (text: unknown, key: string): number | undefined =>
        ifReadable(
          () => asInteger(text, key),
          (error) => unreadable.push({ topic, key, error }),
        );
      const position = exact(done, keys.subs);
      const set = aside === '' ? 0 : exact(aside, keys.state);
      if (position === undefined || set === undefined) return [];
      const found = {
        name: asText(name),
        position,
        lease: parseLease(asText(lease)),
        oldestAt: asInteger(oldest) || null,
        blocked: parsed === 'unreadable' ? undefined : parsed,
        isShrinking: / -1$/.test(asText(pace)),
        aside: set,
      };
      return [subscriberStatus(own, found)];
    },
  );
  const status = {
    topic,
    layout,
    at: own.at,
    lastId: own.lastId,
    floor: own.floor,
    retained: asInteger(retained),
    bytes: bytes === null || bytes === undefined ? null : asInteger(bytes),
    lapseMs: own.lapseMs,
    subscriberCount: asInteger(subscriberCount),
    subscribers: byName(subscribers.flat()),
  };
  return { status, unreadable };
}

/** Whether a topic has fewer subscribers than were wanted, in a sentence. */
export function cutOf(
  { topic, subscribers, subscriberCount }: TopicStatus,
  most = Number.POSITIVE_INFINITY,
): readonly string[] {
  const wanted = Math.min(most, subscriberCount);
  if (subscribers.length >= wanted) return [];
  return [onlyText(subscribers.length, wanted, `subscribers of \`${topic}\``, mostOfOne)];
}

export function byName(subscribers: readonly SubscriberStatus[]): SubscriberStatus[] {
  return subscribers.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

type Found = Pick<SubscriberStatus, 'name' | 'position' | 'oldestAt' | 'aside'> & {
  readonly lease: Lease;
  readonly blocked: Blocked | undefined;
  readonly isShrinking: boolean;
};

function subscriberStatus(
  { at, lastId, floor, lapseMs }: Pick<TopicStatus, 'at' | 'lastId' | 'floor' | 'lapseMs'>,
  { name, position, lease, oldestAt, blocked: found, isShrinking, aside }: Found,
): SubscriberStatus {
  const isLive = lease.isTaken && lease.seenMs + lease.leaseMs > at;
  const isLapsed = lapseMs > 0 && at - lease.seenMs > lapseMs;
  const state = isLive ? 'live' : isLapsed ? 'lapsed' : 'idle';
  const lag = Math.max(0, lastId - position);
  // What was said of a message that has been handled since no longer matters.
  const blocked = found && found.id > position ? found : null;
  const { seenMs, owner } = lease;
  return {
    name,
    position,
    lag,
    seenMs,
    state,
    condition: conditionOf({ state, blocked, lag, seenMs, oldestAt, isShrinking, at }),
    missed: Math.max(0, floor - position),
    oldestAt,
    owner,
    blocked,
    aside,
  };
}

type Lease = {
  readonly isTaken: boolean;
  readonly seenMs: number;
  readonly leaseMs: number;
  readonly owner: string;
};

/** Who serves a subscriber: `<token or -> <seen ms> <lease ms> <since ms> <epoch ms of done> <label>`. */
function parseLease(text: string): Lease {
  const [token = '-', seen = '0', lease = '0', _since, _doneAt, ...label] = text.split(' ');
  return {
    isTaken: token !== '-' && token !== '',
    seenMs: Number(seen) || 0,
    leaseMs: Number(lease) || 0,
    owner: label.join(' '),
  };
}

const whole = v.pipe(v.number(), v.safeInteger());

const blockedSchema = v.object({ id: whole, attempts: whole, error: v.string() });

function parseBlocked(text: string): Blocked | undefined | 'unreadable' {
  if (text === '') return;
  try {
    const parsed = v.safeParse(blockedSchema, JSON.parse(text));
    return parsed.success ? parsed.output : 'unreadable';
  } catch {
    return 'unreadable';
  }
}
