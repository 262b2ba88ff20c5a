import { type Client, isCluster } from '../../redis/client.ts';
import { registered } from '../../redis/registry.ts';
import { defineScript } from '../../redis/script.ts';
import { typed } from '../../redis/wrong-type.ts';
import { parseCursor } from './chat.ts';
import figuresLua from './figures.lua';
import { roomKeys } from './keys.ts';
import { type Entry, parseEntries } from './message.ts';

/** Looking at rooms from outside: nothing here marks, writes, or needs to be a member. */

export type RoomFigures = {
  readonly room: string;
  readonly lastId: number;
  /** How many messages are stored because somebody has not seen them. */
  readonly messages: number;
  readonly memberCount: number;
  /** Those furthest behind first. */
  readonly members: readonly MemberFigures[];
};

export type MemberFigures = {
  readonly name: string;
  /** The last id for a member who only writes. */
  readonly seen: number;
  readonly unread: number;
  readonly writesOnly: boolean;
};

/** The rooms that Quarterdeck has met, most recently used first, at most `limit`. Some may be gone. */
export function known(redis: Client, limit?: number): Promise<string[]> {
  return registered(redis, 'chat', limit);
}

/**
 * Tells of these rooms: members with what they have not read, and what is stored. Rooms that are gone are left out.
 * `limit` bounds the members told of (-1: all of them); `always` names one to tell of in any case.
 * @throws {WrongTypeError}
 */
export async function figures(
  redis: Client,
  rooms: readonly string[],
  { limit = -1, always = '' }: { readonly limit?: number; readonly always?: string } = {},
): Promise<RoomFigures[]> {
  // In Cluster each room has its own slot, so each is asked by itself.
  const groups = isCluster(redis) ? rooms.map((room) => [room]) : [rooms];
  const replies = await Promise.all(
    groups
      .filter((group) => group.length > 0)
      .map(async (group) => {
        const families = group.map((room) => roomKeys(redis, room));
        const keys = families.flatMap(({ members, ids, messages }) => [members, ids, messages]);
        const types = families.flatMap(({ members, ids, messages }) => [
          [members, 'zset'],
          [ids, 'string'],
          [messages, 'zset'],
        ]);
        return typed(redis, Object.fromEntries(types), figuresScript(redis, keys, [limit, always]));
      }),
  );
  return replies.flat().flatMap((reply, index) => parseFigures(rooms[index] ?? '', reply));
}

/**
 * The newest stored messages with an id above `after`, oldest first, at most `limit`.
 * @throws {WrongTypeError}
 */
export async function history(redis: Client, room: string, after = 0, limit = 200): Promise<Entry[]> {
  const { messages } = roomKeys(redis, room);
  const newestFirst = redis.zrange(
    messages,
    '+inf',
    `(${after}`,
    'BYSCORE',
    'REV',
    'LIMIT',
    0,
    limit,
    'WITHSCORES',
  );
  return parseEntries(await typed(redis, { [messages]: 'zset' }, newestFirst)).reverse();
}

function parseFigures(room: string, reply: unknown): RoomFigures[] {
  if (!Array.isArray(reply)) return [];
  const [lastId, messages, memberCount, flat]: unknown[] = reply;
  const members: MemberFigures[] = [];
  const cells = Array.isArray(flat) ? flat : [];
  for (let index = 0; index < cells.length; index += 3) {
    const cursor = parseCursor(cells[index + 1]);
    members.push({
      name: String(cells[index]),
      seen: Number.isFinite(cursor) ? cursor : Number(lastId),
      unread: Number(cells[index + 2]),
      writesOnly: !Number.isFinite(cursor),
    });
  }
  return [
    {
      room,
      lastId: Number(lastId),
      messages: Number(messages),
      memberCount: Number(memberCount),
      members,
    },
  ];
}

const figuresScript = defineScript({
  lua: figuresLua,
  parse(reply): unknown[] {
    if (!Array.isArray(reply)) throw new Error(`Expected an array from Redis, got \`${String(reply)}\``);
    return reply;
  },
});
