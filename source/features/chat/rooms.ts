import { WrongTypeError } from '../../errors.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { masters } from '../../redis/connect.ts';
import { register, registered } from '../../redis/registry.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { scan } from '../../redis/scan.ts';
import { defineScript } from '../../redis/script.ts';
import { typed } from '../../redis/wrong-type.ts';
import surveyLua from './inspect.lua';
import { roomKeys, roomOf, whyNoRoom } from './keys.ts';
import { type Entry, parseEntries } from './message.ts';
import { parseArray, parseCursor } from './reply.ts';

/** Looking at rooms from outside: nothing here marks messages as seen or needs to be a member. */

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
export async function known(redis: Client, limit?: number): Promise<string[]> {
  const names = await registered(redis, 'chat', limit);
  // Anybody may write to the index, and one name that cannot be must not hide all others.
  return names.filter((room) => whyNoRoom(room) === undefined);
}

/** Looks through every key for rooms, such as those of programs that follow the book; rate-bound, so it takes time. */
export async function discover(redis: Client, signal?: AbortSignal): Promise<string[]> {
  const rooms = new Set<string>();
  for (const server of await masters(redis)) {
    const options = { match: 'chat:*', type: 'zset', ...(signal && { signal }) };
    for await (const keys of scan(server, options)) {
      for (const key of keys) {
        const room = roomOf(redis, key);
        if (room !== undefined) rooms.add(room);
      }
    }
  }
  return [...rooms];
}

/** Makes rooms known that others made. */
export async function adopt(redis: Client, rooms: readonly string[]): Promise<void> {
  await Promise.all(rooms.map((room) => register(redis, 'chat', room, { isNew: true })));
}

export type Survey = {
  readonly rooms: readonly RoomFigures[];
  /** Rooms that cannot be told of, because one of their keys holds something else. */
  readonly wrong: readonly WrongTypeError[];
};

/**
 * Tells of these rooms: members with what they have not read, and what is stored. Rooms that are gone are left out.
 * `limit` bounds the members told of (-1: all of them); `always` names one to tell of in any case.
 */
export async function survey(
  redis: Client,
  names: readonly string[],
  { limit = -1, always = '' }: { readonly limit?: number; readonly always?: string } = {},
): Promise<Survey> {
  if (names.length === 0) return { rooms: [], wrong: [] };
  // In Cluster each room has its own slot, so each is asked by itself.
  const groups = isCluster(redis) ? names.map((room) => [room]) : [names];
  const replies = await Promise.all(
    groups.map((group) => {
      const families = group.map((room) => roomKeys(redis, room));
      const keys = families.flatMap(({ members, ids, messages }) => [members, ids, messages]);
      return surveyScript(redis, keys, [limit, always]);
    }),
  );
  const rooms: RoomFigures[] = [];
  const wrong: WrongTypeError[] = [];
  for (const [index, reply] of replies.flat().entries()) {
    const room = names[index] ?? '';
    if (Array.isArray(reply)) rooms.push(parseFigures(room, reply));
    if (typeof reply === 'string') {
      wrong.push(new WrongTypeError(reply, reply === roomKeys(redis, room).ids ? 'string' : 'zset'));
    }
  }
  return { rooms, wrong };
}

/**
 * The newest stored messages with an id above `after`, oldest first, at most `limit`.
 * @throws {WrongTypeError}
 */
export async function history(redis: Client, room: string, after = 0, limit = 200): Promise<Entry[]> {
  const { messages } = roomKeys(redis, room);
  const newestFirst = retryAborted(() =>
    redis.zrange(messages, '+inf', `(${after}`, 'BYSCORE', 'REV', 'LIMIT', 0, limit, 'WITHSCORES'),
  );
  return parseEntries(await typed(redis, { [messages]: 'zset' }, newestFirst)).reverse();
}

function parseFigures(room: string, [lastId, messages, memberCount, flat]: readonly unknown[]): RoomFigures {
  const members: MemberFigures[] = [];
  const cells: readonly unknown[] = Array.isArray(flat) ? flat : [];
  for (let index = 0; index < cells.length; index += 3) {
    const cursor = parseCursor(cells[index + 1]);
    members.push({
      name: String(cells[index]),
      seen: Number.isFinite(cursor) ? cursor : Number(lastId),
      unread: Number(cells[index + 2]),
      writesOnly: !Number.isFinite(cursor),
    });
  }
  return {
    room,
    lastId: Number(lastId),
    messages: Number(messages),
    memberCount: Number(memberCount),
    members,
  };
}

const surveyScript = defineScript({ lua: surveyLua, parse: parseArray });
