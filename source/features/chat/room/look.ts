import type { Client } from '../../../redis/client.ts';
import { asArray, asInteger, asPairs, asTexts } from '../../../redis/reply.ts';
import { defineScript } from '../../../redis/script.ts';
import { roomKeys } from '../keys.ts';
import { type Entry, parseEntries } from '../message.ts';
import { asCursor, checked } from '../replies.ts';
import lookLua from './look.lua';

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
  /** Older ones were left out. */
  readonly isPartial: boolean;
};

export type LookOptions = {
  /** Who looks; need not be a member. */
  readonly member: string;
  /** Only messages with a higher id. */
  readonly after: number;
  readonly mostMembers: number;
  readonly mostEntries: number;
  /** Of a message's text so many bytes. */
  readonly longestText: number;
};

/**
 * Looks into a room in one round trip without marking anything; undefined if there is no such room.
 * @throws {WrongTypeError}
 */
export async function look(redis: Client, room: string, options: LookOptions): Promise<Look | undefined> {
  const keys = roomKeys(redis, room);
  const { mostMembers, member, after, mostEntries, longestText } = options;
  const reply = await checked(
    redis,
    keys,
    [],
    lookScript(
      redis,
      [keys.members, keys.ids, keys.messages],
      [mostMembers, member, after, mostEntries, longestText],
    ),
  );
  if (!reply) return;
  const [lastId, memberCount, own, members, messages, isPartial] = reply;
  return {
    lastId: asInteger(lastId, keys.ids),
    memberCount: asInteger(memberCount),
    seen: own === '' ? undefined : asCursor(own, keys.members),
    members: asPairs(members).map(([name, cursor]) => ({ name, seen: asCursor(cursor, keys.members) })),
    entries: parseEntries(asTexts(messages)).reverse(),
    isPartial: isPartial === 1,
  };
}

const lookScript = defineScript({
  lua: lookLua,
  parse: (reply) => (reply === null ? undefined : asArray(reply)),
});
