import { messageOf, WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { asInteger, asNumber } from '../../redis/reply.ts';
import { typed } from '../../redis/wrong-type.ts';
import { NotAMemberError, UnknownRoomError } from './errors.ts';
import { type RoomKeys, typesOf } from './keys.ts';

/**
 * Waits for the reply of a script.
 * @throws {WrongTypeError} naming the key that belongs to something else
 */
export async function checked<Reply>(
  redis: Client,
  keys: RoomKeys,
  seen: readonly string[],
  reply: Promise<Reply>,
): Promise<Reply> {
  try {
    return await typed(redis, () => typesOf(keys, seen), reply);
  } catch (error) {
    if (!messageOf(error).includes('not an integer')) throw error;
    throw new WrongTypeError(keys.ids, 'whole number', { cause: error });
  }
}

/**
 * How far a member has seen: the id of a message, or Infinity for one who only writes.
 * @throws {UnreadableReplyError}
 */
export function asCursor(reply: unknown, key?: string): number {
  return asNumber(reply, key) === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : asInteger(reply, key);
}

/**
 * Goes on only with the expected first word.
 * @throws {UnknownRoomError | NotAMemberError}
 */
export function refuseUnless(
  expected: string,
  reply: readonly unknown[],
  room: string,
  member: string,
): void {
  if (reply[0] === 'unknown') throw new UnknownRoomError(room);
  if (reply[0] === 'stranger') throw new NotAMemberError(room, member);
  if (reply[0] !== expected)
    throw new Error(`Expected \`${expected}\` from Redis, got \`${String(reply[0])}\``);
}
