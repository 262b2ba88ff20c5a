import { QuarterdeckError } from '../../../errors.ts';
import type { Client } from '../../../redis/client.ts';
import { asArray, asInteger, asText, asTexts } from '../../../redis/reply.ts';
import { defineScript } from '../../../redis/script.ts';
import { typed } from '../../../redis/wrong-type.ts';
import { formatBytes } from '../../../ui/format.ts';
import { assertMember, roomKeys } from '../keys.ts';
import { type Entry, isMalformed, type Message, parseEntries, parseObject } from '../message.ts';
import { refuseUnless } from '../replies.ts';
import besideLua from './beside.lua';
import clearLua from './clear.lua';
import hereLua from './here.lua';
import pinLua from './pin.lua';
import { messageAt } from './rooms.ts';
import unpinLua from './unpin.lua';

/**
 * Beside a room lie copies of what somebody pinned, as messages go once everybody has seen them, and when members
 * last looked at it. Programs that know nothing of either share the room all the same: no key of theirs is touched.
 */

/** In one room. */
export const mostPins = 20;
/** Of the text of a pinned message. */
const longestPinBytes = 4096;
const pinsLifeSeconds = 30 * 24 * 3600;
const looksLifeSeconds = 24 * 3600;
/** Whoever looked no longer ago than this is here. */
export const hereMs = 60_000;

export type Pin = {
  readonly entry: Entry;
  /** Who pinned it; undefined where that cannot be read. */
  readonly by: string | undefined;
};

export type Beside = {
  /** Those of the oldest messages first, at most `mostPins`. */
  readonly pins: readonly Pin[];
  readonly pinCount: number;
  /** Epoch ms by the server's clock. */
  readonly nowMs: number;
  /** When each of the members that were asked for last looked; undefined: not known. */
  readonly looks: readonly (number | undefined)[];
};

/** Everything is pinned that can be. */
export class TooManyPinsError extends QuarterdeckError {
  constructor(room: string, count: number) {
    super(
      'data',
      'CHAT_TOO_MANY_PINS',
      `The room \`${room}\` has ${count} pins; it takes at most ${mostPins}`,
      {
        hint: '`quarterdeck chat unpin ROOM ID` takes one away; `quarterdeck chat pins ROOM` lists them',
      },
    );
  }
}

/** The room does not store this message, or what is stored is none. */
export class NoSuchMessageError extends QuarterdeckError {
  constructor(room: string, id: number, reason: string) {
    super(
      'data',
      'CHAT_NO_SUCH_MESSAGE',
      `Message ${id} of the room \`${room}\` cannot be pinned: ${reason}`,
      {
        hint: 'A message goes once every member has seen it; a console that still shows it can pin it',
      },
    );
  }
}

/**
 * Keeps a copy of a message: the one that is stored, or else the one that is given. A text over 4 KiB is cut with its length
 * said. @returns whether it was not pinned before
 * @throws {NoSuchMessageError | TooManyPinsError | UnknownRoomError | NotAMemberError | WrongTypeError}
 */
export async function pin(
  redis: Client,
  room: string,
  member: string,
  id: number,
  copy?: Omit<Message, 'id'>,
): Promise<boolean> {
  assertMember(member);
  const keys = roomKeys(redis, room);
  const stored = await messageAt(redis, room, id);
  if (stored && isMalformed(stored)) throw new NoSuchMessageError(room, id, 'it is malformed');
  const message = stored ?? (copy && { id, ...copy });
  const json = message ? JSON.stringify({ ...storedAs(message), by: member }) : '';
  const reply = await typed(
    redis,
    { [keys.members]: 'zset', [keys.pins]: 'zset' },
    pinScript(redis, [keys.members, keys.ids, keys.pins], [member, id, json, mostPins, pinsLifeSeconds]),
  );
  if (reply[0] === 'gone') throw new NoSuchMessageError(room, id, 'it is not stored');
  if (reply[0] === 'full') throw new TooManyPinsError(room, asInteger(reply[1]));
  refuseUnless('pinned', reply, room, member);
  return reply[1] === 1;
}

/**
 * @returns whether it was pinned
 * @throws {UnknownRoomError | NotAMemberError | WrongTypeError}
 */
export async function unpin(redis: Client, room: string, member: string, id: number): Promise<boolean> {
  assertMember(member);
  const keys = roomKeys(redis, room);
  const reply = await typed(
    redis,
    { [keys.members]: 'zset', [keys.pins]: 'zset' },
    unpinScript(redis, [keys.members, keys.ids, keys.pins], [member, id]),
  );
  refuseUnless('unpinned', reply, room, member);
  return asInteger(reply[1]) > 0;
}

/**
 * Notes that a member looks at the room. @returns epoch ms by the server's clock
 * @throws {UnknownRoomError | NotAMemberError | WrongTypeError}
 */
export async function lookHere(redis: Client, room: string, member: string): Promise<number> {
  assertMember(member);
  const keys = roomKeys(redis, room);
  const reply = await typed(
    redis,
    { [keys.members]: 'zset', [keys.here]: 'zset' },
    hereScript(redis, [keys.members, keys.ids, keys.here], [member, looksLifeSeconds]),
  );
  refuseUnless('here', reply, room, member);
  return asInteger(reply[1]);
}

/** What is pinned, and when these members last looked. @throws {WrongTypeError} */
export async function beside(redis: Client, room: string, members: readonly string[]): Promise<Beside> {
  const keys = roomKeys(redis, room);
  const [now, count, pins, looks] = await typed(
    redis,
    { [keys.pins]: 'zset', [keys.here]: 'zset' },
    besideScript(redis, [keys.pins, keys.here], [mostPins, ...members]),
  );
  return {
    nowMs: asInteger(now),
    pinCount: asInteger(count),
    pins: pinsOf(asTexts(pins)),
    looks: asArray(looks).map((look) => {
      const at = Number(asText(look));
      return look === '' || !Number.isSafeInteger(at) ? undefined : at;
    }),
  };
}

/** Takes away what lies beside a room that is gone. Who may not is not held up by it: it ends by itself. */
export async function clearBeside(redis: Client, room: string): Promise<void> {
  const { members, pins, here } = roomKeys(redis, room);
  await clearScript(redis, [members, pins, here], []).catch(() => {});
}

function pinsOf(flat: readonly string[]): readonly Pin[] {
  const bys = flat.flatMap((json, index) => (index % 2 === 0 ? [parseObject(json).by] : []));
  return parseEntries(flat).map((entry, index) => {
    const by = bys[index];
    return { entry, by: typeof by === 'string' ? by : undefined };
  });
}

/** As a room stores it, so that whoever reads messages can read this. */
function storedAs({ id, at, sender, message }: Message) {
  const bytes = Buffer.byteLength(message);
  const isLong = bytes > longestPinBytes;
  const head = isLong
    ? Buffer.from(message)
        .subarray(0, longestPinBytes)
        .toString()
        .replace(/\uFFFD$/, '')
    : message;
  return { id, ts: at / 1000, sender, message: isLong ? `${head}… (${formatBytes(bytes)}, cut)` : message };
}

const pinScript = defineScript({ lua: pinLua, parse: asArray });
const unpinScript = defineScript({ lua: unpinLua, parse: asArray });
const hereScript = defineScript({ lua: hereLua, parse: asArray });
const besideScript = defineScript({ lua: besideLua, parse: asArray });
const clearScript = defineScript({ lua: clearLua, parse: asInteger });
