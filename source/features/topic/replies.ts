import { WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import type { Blocked, SubscriberStatus, TopicStatus } from './layout.ts';

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

/** The key that has another type than it must have; the error itself if all is well by now. */
export async function wrongType(client: Client, keys: ExpectedKeys, error: Error): Promise<Error> {
  for (const [key, expected] of Object.entries(keys)) {
    const type = await client.type(key);
    if (type !== 'none' && type !== expected) return new WrongTypeError(key, expected, { cause: error });
  }
  return error;
}

/** From the flat list the status scripts give. */
export function parseStatus(
  topic: string,
  layout: TopicStatus['layout'],
  flat: readonly (number | string)[],
): TopicStatus {
  const [at = 0, lastId = 0, floor = 0, retained = 0, bytes = 0, lapseMs = 0] = flat.slice(0, 6).map(Number);
  const subscribers: SubscriberStatus[] = [];
  for (let index = 6; index < flat.length; index += 5) {
    const [name = '', done = 0, seatText = '', oldest = 0, blocked = ''] = flat.slice(index, index + 5);
    const position = Number(done);
    const seat = parseSeat(String(seatText));
    const isLive = seat.isTaken && seat.seenMs + seat.leaseMs > at;
    const isLapsed = lapseMs > 0 && at - seat.seenMs > lapseMs;
    subscribers.push({
      name: String(name),
      position,
      lag: Math.max(0, lastId - position),
      seenMs: seat.seenMs,
      state: isLive ? 'live' : isLapsed ? 'lapsed' : 'idle',
      missed: Math.max(0, floor - position),
      oldestAt: Number(oldest) || null,
      owner: seat.owner,
      blocked: blockedAt(String(blocked), position),
    });
  }
  subscribers.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { topic, layout, at, lastId, floor, retained, bytes, lapseMs, subscribers };
}

/** The seat of a subscriber: `<token or -> <seen ms> <lease ms> <since ms> <epoch ms of done> <label>`. */
function parseSeat(seat: string): { isTaken: boolean; seenMs: number; leaseMs: number; owner: string } {
  const [token = '-', seen = '0', lease = '0', _since, _doneAt, ...label] = seat.split(' ');
  return {
    isTaken: token !== '-' && token !== '',
    seenMs: Number(seen),
    leaseMs: Number(lease),
    owner: label.join(' '),
  };
}

/** What was said of a message that has been handled since no longer matters. */
function blockedAt(text: string, position: number): Blocked | null {
  if (text === '') return null;
  const blocked = JSON.parse(text) as Blocked;
  return blocked.id > position ? blocked : null;
}
