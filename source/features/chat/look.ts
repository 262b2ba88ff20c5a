import type { Client } from '../../redis/client.ts';
import { defineScript } from '../../redis/script.ts';
import { typed } from '../../redis/wrong-type.ts';
import { roomKeys, typesOf } from './keys.ts';
import lookLua from './look.lua';
import { type Entry, parseEntries } from './message.ts';
import { parseArray, parseCursor, parseTexts } from './reply.ts';

/** One room as somebody sees who has it open. */
export type Look = {
  readonly lastId: number;
  readonly memberCount: number;
  /** Where that one member is; undefined if not in the room. */
  readonly seen: number | undefined;
  /** Those furthest behind first. Infinity: a member who only writes. */
  readonly members: readonly { readonly name: string; readonly seen: number }[];
  /** Oldest first. */
  readonly entries: readonly Entry[];
};

export type LookOptions = {
  /** Who looks; need not be a member. */
  readonly member: string;
  /** Only messages with a higher id. */
  readonly after: number;
  readonly mostMembers: number;
  readonly mostEntries: number;
};

/**
 * Looks into a room in one round trip without marking anything; undefined if there is no such room.
 * @throws {WrongTypeError}
 */
export async function look(redis: Client, room: string, options: LookOptions): Promise<Look | undefined> {
  const keys = roomKeys(redis, room);
  const reply = await typed(
    redis,
    typesOf(keys),
    lookScript(
      redis,
      [keys.members, keys.ids, keys.messages],
      [options.mostMembers, options.member, options.after, options.mostEntries],
    ),
  );
  if (!reply) return;
  const [lastId, memberCount, own, members, messages] = reply;
  return {
    lastId: Number(lastId),
    memberCount: Number(memberCount),
    seen: own === '' ? undefined : parseCursor(own),
    members: pairs(parseTexts(members)).map(([name, cursor]) => ({ name, seen: parseCursor(cursor) })),
    entries: parseEntries(parseTexts(messages)).reverse(),
  };
}

function pairs(flat: readonly string[]): (readonly [string, string])[] {
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? ''] as const] : []));
}

const lookScript = defineScript({
  lua: lookLua,
  parse: (reply): unknown[] | undefined => (reply === null ? undefined : parseArray(reply)),
});
