import { NotAMemberError, UnknownRoomError } from './errors.ts';

/** From what the scripts answer to what it means; each throws on what no script of ours answers. */

export function parseArray(reply: unknown): unknown[] {
  if (!Array.isArray(reply)) throw new Error(`Expected an array from Redis, got \`${String(reply)}\``);
  return reply;
}

export function parseTexts(reply: unknown): string[] {
  return parseArray(reply).map(String);
}

/** Infinity for a member who only writes. */
export function parseCursor(score: unknown): number {
  return score === 'inf' ? Number.POSITIVE_INFINITY : Number(score);
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
