import { WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import type { Blocked, SubscriberStatus } from './layout.ts';

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
    if (!(error instanceof Error && error.message.includes('WRONGTYPE'))) throw error;
    for (const [key, expected] of Object.entries(keys)) {
      const type = await client.type(key);
      if (type !== 'none' && type !== expected) throw new WrongTypeError(key, expected, { cause: error });
    }
    throw error;
  }
}

/** The seat of a subscriber: `<token or -> <seen ms> <lease ms> <since ms> <label>`. */
function parseSeat(seat: string): { isTaken: boolean; seenMs: number; leaseMs: number; owner: string } {
  const [token = '-', seen = '0', lease = '0', _since, ...label] = seat.split(' ');
  return {
    isTaken: token !== '-' && token !== '',
    seenMs: Number(seen),
    leaseMs: Number(lease),
    owner: label.join(' '),
  };
}

/** From the flat list a status script gives: name, position, seat, oldest waiting ms, blocked. */
export function subscriberStatuses(
  flat: readonly (number | string)[],
  topic: { lastId: number; floor: number; nowMs: number; lapseMs: number },
): SubscriberStatus[] {
  const statuses: SubscriberStatus[] = [];
  for (let index = 0; index < flat.length; index += 5) {
    const [name = '', at = 0, seatText = '', oldest = 0, blocked = ''] = flat.slice(index, index + 5);
    const position = Number(at);
    const seat = parseSeat(String(seatText));
    const isLive = seat.isTaken && seat.seenMs + seat.leaseMs > topic.nowMs;
    const isLapsed = topic.lapseMs > 0 && topic.nowMs - seat.seenMs > topic.lapseMs;
    statuses.push({
      name: String(name),
      position,
      lag: Math.max(0, topic.lastId - position),
      seenMs: seat.seenMs,
      state: isLive ? 'live' : isLapsed ? 'lapsed' : 'idle',
      missed: Math.max(0, topic.floor - position),
      oldestAt: Number(oldest) || null,
      owner: seat.owner,
      blocked: blockedAt(String(blocked), position),
    });
  }
  return statuses.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What was said of a message that has been handled since no longer matters. */
function blockedAt(text: string, position: number): Blocked | null {
  if (text === '') return null;
  const blocked = JSON.parse(text) as Blocked;
  return blocked.id > position ? blocked : null;
}
