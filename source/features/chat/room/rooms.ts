import { QuarterdeckError, WrongTypeError } from '../../../errors.ts';
import { Allowance, mostOfAll, mostOfOne } from '../../../redis/allowance.ts';
import { type Client, isCluster, masters } from '../../../redis/client.ts';
import { UnreadableReplyError } from '../../../redis/errors.ts';
import { refused } from '../../../redis/refusals.ts';
import { listed, registerAll } from '../../../redis/registry.ts';
import { asArray, asInteger, asText, asTexts, ifReadable } from '../../../redis/reply.ts';
import { scan } from '../../../redis/scan.ts';
import { defineScript } from '../../../redis/script.ts';
import { typed } from '../../../redis/wrong-type.ts';
import { namesCutTexts, onlyText } from '../../../ui/format.ts';
import { type RoomKeys, roomKeys, roomOf, whyNoRoom } from '../keys.ts';
import { type Entry, parseEntries } from '../message.ts';
import { asCursor } from '../replies.ts';
import historyLua from './history.lua';
import surveyLua from './inspect.lua';

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
export async function known(redis: Client, limit?: number): Promise<readonly string[]> {
  return (await knownRooms(redis, limit)).rooms;
}

/** The same, and what is missing, in sentences. */
export async function knownRooms(
  redis: Client,
  limit?: number,
): Promise<{ readonly rooms: readonly string[]; readonly cuts: readonly string[] }> {
  const found = await listed(redis, 'chat', limit);
  // Anybody may write to the index, and one name that cannot be must not hide all others.
  const rooms = found.names.filter((room) => whyNoRoom(room, redis) === undefined);
  return { rooms, cuts: namesCutTexts(found) };
}

/** Looks through every key for rooms, such as those of programs that follow Redis in Action; rate-bound, so it takes time. */
export async function discover(redis: Client, signal?: AbortSignal): Promise<string[]> {
  const rooms = new Set<string>();
  for (const server of await masters(redis)) {
    const options = { match: 'chat:*', type: 'zset', count: 2000, perSecond: 20, ...(signal && { signal }) };
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
  await registerAll(redis, 'chat', rooms);
}

/** Of three keys each: no command has more than 3,000 words. */
const roomsAtOnce = 990;
/** What comes with the room itself; of the few that have more the rest is asked for. */
const membersAtFirst = 20;
const membersAtOnce = 1000;
const replyBytes = 262_144;

export type Inspection = {
  readonly rooms: readonly RoomFigures[];
  /** Rooms that cannot be read, each with the key that is in the way. */
  readonly wrong: readonly QuarterdeckError[];
  /** What is missing because there is too much of it, in sentences. */
  readonly cuts: readonly string[];
};

type InspectOptions = {
  /** How many members of each; unless given all of them, as far as that is bearable. */
  readonly limit?: number;
  /** One who is given in any case. */
  readonly always?: string;
};

/**
 * What these rooms hold: members with what they have not read, and what is stored. Rooms that are gone are left out.
 */
export async function inspect(
  redis: Client,
  names: readonly string[],
  { limit = Number.POSITIVE_INFINITY, always = '' }: InspectOptions = {},
): Promise<Inspection> {
  const rooms: RoomFigures[] = [];
  const wrong: QuarterdeckError[] = [];
  const cuts: string[] = [];
  const allowance = new Allowance(mostOfAll);
  const most = Number.isFinite(limit) ? limit : membersAtFirst;
  // In Cluster each room lies in a slot of its own.
  const [step, abreast] = isCluster(redis) ? [1, 64] : [roomsAtOnce, 2];
  let rest = names;
  while (rest.length > 0 && !allowance.isSpent) {
    const some = rest.slice(0, step * abreast);
    const asked = Array.from({ length: Math.ceil(some.length / step) }, (_, index) => {
      const page = some.slice(index * step, (index + 1) * step);
      return inspectPage(redis, page, { first: 0, most, always, allowance });
    });
    const pages = await Promise.all(asked);
    rest = [...pages.flatMap((page) => page.rest), ...rest.slice(some.length)];
    for (const page of pages) {
      wrong.push(...page.wrong);
      for (const room of page.rooms) {
        const whole = limit <= most ? room : await withAllMembers(redis, room, allowance, wrong);
        const [read, wanted] = [whole.members.length, Math.min(limit, whole.memberCount)];
        if (read < wanted) cuts.push(onlyText(read, wanted, `members of \`${room.room}\``, mostOfOne));
        rooms.push(whole);
      }
    }
  }
  if (rest.length > 0) cuts.push(onlyText(names.length - rest.length, names.length, 'rooms', mostOfAll));
  return { rooms, wrong, cuts };
}

type Page = Pick<Inspection, 'rooms' | 'wrong'> & {
  /** Those that the reply had no room for. */
  readonly rest: readonly string[];
};

type PageOptions = {
  readonly first: number;
  readonly most: number;
  readonly always: string;
  readonly allowance: Allowance;
};

async function inspectPage(
  redis: Client,
  names: readonly string[],
  { first, most, always, allowance }: PageOptions,
): Promise<Page> {
  const families = names.map((room) => roomKeys(redis, room));
  const keys = families.flatMap(({ members, ids, messages }) => [members, ids, messages]);
  const replies = await surveyScript(redis, keys, [first, most, always, replyBytes]);
  allowance.take(replies);
  const rooms: RoomFigures[] = [];
  const wrong: QuarterdeckError[] = [];
  for (const [index, reply] of replies.entries()) {
    if (reply === null) continue;
    const found = asArray(reply);
    const family = families[index];
    if (found.length === 2) {
      wrong.push(errorOf(asText(found[0]), asText(found[1]), family));
      continue;
    }
    try {
      rooms.push(parseFigures(names[index] ?? '', found, family, (error) => wrong.push(error)));
    } catch (error) {
      if (!(error instanceof UnreadableReplyError)) throw error;
      wrong.push(error);
    }
  }
  return { rooms, wrong, rest: names.slice(replies.length) };
}

async function withAllMembers(
  redis: Client,
  room: RoomFigures,
  all: Allowance,
  wrong: QuarterdeckError[],
): Promise<RoomFigures> {
  const { members: key } = roomKeys(redis, room.room);
  const isWrong = (error: QuarterdeckError) => error instanceof UnreadableReplyError && error.key === key;
  // Places are counted from the members that were read: behind one that cannot be, no further page is asked for.
  if (wrong.some(isWrong)) return room;
  const allowance = new Allowance(mostOfOne, all);
  const members = new Map(room.members.map((member) => [member.name, member]));
  let first = room.members.length;
  while (first < room.memberCount && !allowance.isSpent) {
    const page = { first, most: membersAtOnce, always: '', allowance };
    const { rooms, wrong: more } = await inspectPage(redis, [room.room], page);
    const next = rooms[0]?.members ?? [];
    for (const member of next) members.set(member.name, member);
    wrong.push(...more.filter(isWrong));
    if (more.some(isWrong)) break;
    first += next.length;
    // Some have left meanwhile.
    if (next.length === 0) return { ...room, memberCount: members.size, members: [...members.values()] };
  }
  return { ...room, members: [...members.values()] };
}

function errorOf(key: string, text: string, keys: RoomKeys | undefined): QuarterdeckError {
  const reply = Object.assign(new Error(text), { name: 'ReplyError' });
  if (text.includes('not an integer')) return new WrongTypeError(key, 'whole number', { cause: reply });
  if (text.startsWith('WRONGTYPE')) {
    return new WrongTypeError(key, key === keys?.ids ? 'string' : 'zset', { cause: reply });
  }
  const explained = refused(reply);
  if (QuarterdeckError.is(explained)) return explained;
  return new QuarterdeckError('data', 'CHAT_UNREADABLE', `Key \`${key}\` cannot be read: ${text}`, {
    cause: reply,
  });
}

/**
 * The newest stored messages with an id above `after`, oldest first, at most `limit`.
 * @throws {WrongTypeError}
 */
export async function history(redis: Client, room: string, after = 0, limit = 200): Promise<Entry[]> {
  const { messages } = roomKeys(redis, room);
  const newestFirst = historyScript(redis, [messages], [after, limit, 1]);
  return parseEntries(await typed(redis, { [messages]: 'zset' }, newestFirst)).reverse();
}

/** The oldest stored message; undefined when none is stored. @throws {WrongTypeError} */
export async function oldest(redis: Client, room: string): Promise<Entry | undefined> {
  const { messages } = roomKeys(redis, room);
  const found = historyScript(redis, [messages], ['-inf', 1, 0]);
  return parseEntries(await typed(redis, { [messages]: 'zset' }, found))[0];
}

/** The message that is stored under this id; undefined when none is. @throws {WrongTypeError} */
export async function messageAt(redis: Client, room: string, id: number): Promise<Entry | undefined> {
  const { messages } = roomKeys(redis, room);
  const found = historyScript(redis, [messages], [id - 1, 1, 0]);
  const [entry] = parseEntries(await typed(redis, { [messages]: 'zset' }, found));
  return entry?.id === id ? entry : undefined;
}

const historyScript = defineScript({ lua: historyLua, parse: asTexts });

/**
 * @param onUnreadable called for members whose cursor is none; they are left out
 * @throws {UnreadableReplyError} naming the counter `ids`
 */
function parseFigures(
  room: string,
  [lastId, messages, memberCount, flat]: readonly unknown[],
  keys: RoomKeys | undefined,
  onUnreadable: (error: UnreadableReplyError) => void,
): RoomFigures {
  const last = asInteger(lastId, keys?.ids);
  const cells = asArray(flat);
  const members = Array.from({ length: Math.floor(cells.length / 3) }, (_, index): MemberFigures[] => {
    const [name, cursor, unread] = cells.slice(3 * index, 3 * index + 3);
    const seen = ifReadable(() => asCursor(cursor, keys?.members), onUnreadable);
    if (seen === undefined) return [];
    const writesOnly = seen === Number.POSITIVE_INFINITY;
    return [{ name: asText(name), seen: writesOnly ? last : seen, unread: asInteger(unread), writesOnly }];
  });
  return {
    room,
    lastId: last,
    messages: asInteger(messages),
    memberCount: asInteger(memberCount),
    members: members.flat(),
  };
}

const surveyScript = defineScript({ lua: surveyLua, parse: asArray });
