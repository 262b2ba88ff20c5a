import { setTimeout as wait } from 'node:timers/promises';
import { type Client, isCluster } from '../../redis/client.ts';
import { type Act, guardLifeMs, once } from '../../redis/once.ts';
import { register, unregister } from '../../redis/registry.ts';
import { defineScript } from '../../redis/script.ts';
import { typed } from '../../redis/wrong-type.ts';
import ackLua from './ack.lua';
import createLua from './create.lua';
import { MessageTooLongError, NotAMemberError, RoomLockedError, UnknownRoomError } from './errors.ts';
import joinLua from './join.lua';
import { type RoomKeys, roomCounter, roomKeys, seenKey, seenKeys } from './keys.ts';
import leaveLua from './leave.lua';
import { type Entry, parseEntries } from './message.ts';
import pendingLua from './pending.lua';
import sendLua from './send.lua';

/**
 * Group chat: every member of a room gets every message sent while a member, at least once, however long away.
 *
 * Keys, the book's (Redis in Action, 6.5.2), so that its programs and ours share rooms: `chat:<room>` zset member ->
 * id of the last message seen; `msgs:<room>` zset JSON -> id; `ids:<room>` counter; `seen:<member>` zset room -> last
 * seen id; `ids:chat:` numbers unnamed rooms. Ours: `sent:<room>:<process>` (see redis/once.ts). `chat:<room>` is the
 * truth about membership; `seen:<member>` follows it: in the same step on one server, right after it in Cluster.
 *
 * Each act is one script, so no member is half in, no id is stored out of order, and nobody joins a room while it is
 * being deleted. Reading and marking are two acts: mark (`ack`) what was shown, and a crash in between shows it again.
 * A message goes when every member has seen it. A member who only writes has the cursor +inf and keeps nothing alive.
 * The channel `chat:<room>` carries each message as a doorbell; who needs every message reads by id.
 *
 * Not promised: a message that a primary acknowledged and lost in a failover stays lost; an act in doubt for more than
 * an hour may happen twice; a member whom the book's own fetch brought back while leaving stays until it leaves again.
 */

export const longestMessageBytes = 64 * 1024;
/** As long as the book's `acquire_lock` tries. */
const patienceMs = 10_000;
const pageLength = 100;

export type Sent = { readonly id: number /** Epoch ms. */; readonly at: number };

export type Pending = {
  /** The id of the last message marked as seen; Infinity for a member who only writes. */
  readonly seen: number;
  /** Oldest first. */
  readonly entries: readonly Entry[];
};

/**
 * Makes a room, or adds to an existing one the members it lacks; those it has keep their place. Without a name the
 * room gets the next free number. Resolves to its name and every member.
 * @throws {RoomNameError | WrongTypeError}
 */
export async function create(
  redis: Client,
  room: string | undefined,
  members: readonly string[],
  { writers = [] }: { readonly writers?: readonly string[] } = {},
): Promise<{ room: string; members: string[] }> {
  for (;;) {
    const name = room ?? String(await redis.incr(roomCounter));
    const keys = roomKeys(redis, name);
    const everyone = [...new Set([...writers, ...members])];
    const seen = seenKeys(redis, ...everyone);
    const reply = await typed(
      redis,
      typesOf(keys, seen),
      createScript(
        redis,
        [keys.members, keys.ids, keys.messages, ...seen],
        [name, new Set(writers).size, ...everyone],
      ),
    );
    // The number may be the name somebody gave to another room.
    if (room === undefined && reply[0] === 0) continue;
    await Promise.all([
      register(redis, 'chat', name, { isNew: true }),
      ...(isCluster(redis) ? everyone.map((member) => redis.zadd(seenKey(member), 'NX', 0, name)) : []),
    ]);
    return { room: name, members: texts(reply[1]) };
  }
}

/**
 * Joins a room having seen everything so far; a member keeps its place. Resolves to every member.
 * @throws {UnknownRoomError | WrongTypeError}
 */
export async function join(
  redis: Client,
  room: string,
  member: string,
  { writesOnly = false }: { readonly writesOnly?: boolean } = {},
): Promise<string[]> {
  const keys = roomKeys(redis, room);
  const seen = seenKeys(redis, member);
  const reply = await typed(
    redis,
    typesOf(keys, seen),
    joinScript(redis, [keys.members, keys.ids, ...seen], [room, member, writesOnly ? 1 : 0]),
  );
  refuseUnless('joined', reply, room, member);
  await Promise.all([
    register(redis, 'chat', room, { isNew: true }),
    isCluster(redis) && redis.zadd(seenKey(member), String(reply[1]), room),
  ]);
  return texts(reply[2]);
}

/**
 * Leaves a room; what everybody else has seen goes too, and with the last member the room. Resolves to who stays.
 * @throws {UnknownRoomError | NotAMemberError | WrongTypeError}
 */
export async function leave(redis: Client, room: string, member: string): Promise<string[]> {
  const keys = roomKeys(redis, room);
  const seen = seenKeys(redis, member);
  const reply = await typed(
    redis,
    typesOf(keys, seen),
    once(keys.members, (act) =>
      leaveScript(
        redis,
        [keys.members, keys.ids, keys.messages, keys.lock, keys.guard + act.process, ...seen],
        [room, member, act.number, guardLifeMs],
      ),
    ),
  );
  refuseUnless('left', reply, room, member);
  const stay = texts(reply[1]);
  await Promise.all([
    stay.length === 0 && unregister(redis, 'chat', room),
    isCluster(redis) && redis.zrem(seenKey(member), room),
  ]);
  return stay;
}

/**
 * Sends a message in one round trip. Waits up to `waitMs` while a sender that follows the book holds its lock.
 * @throws {MessageTooLongError | UnknownRoomError | NotAMemberError | RoomLockedError | WrongTypeError}
 */
export async function send(
  redis: Client,
  room: string,
  sender: string,
  message: string,
  { waitMs = patienceMs, signal }: { readonly waitMs?: number; readonly signal?: AbortSignal } = {},
): Promise<Sent> {
  const bytes = Buffer.byteLength(message);
  if (bytes > longestMessageBytes) throw new MessageTooLongError(bytes, longestMessageBytes);
  const keys = roomKeys(redis, room);
  const startedAtMs = performance.now();
  const reply = await once(keys.members, async (act) => {
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 100)) {
      const answer = await sendOnce(redis, keys, room, sender, message, act);
      if (answer[0] !== 'locked') return answer;
      const waitedMs = Math.round(performance.now() - startedAtMs);
      if (waitedMs >= waitMs) throw new RoomLockedError(room, keys.lock, waitedMs, Number(answer[1]));
      await wait(pauseMs, undefined, { ...(signal && { signal }) });
    }
  });
  refuseUnless('sent', reply, room, sender);
  // Rooms made by others become known by being used.
  await register(redis, 'chat', room);
  return { id: Number(reply[1]), at: Number(reply[2]) };
}

function sendOnce(
  redis: Client,
  keys: RoomKeys,
  room: string,
  sender: string,
  message: string,
  { process, number, settled }: Act,
): Promise<unknown[]> {
  const seen = seenKeys(redis, sender);
  const publish = isCluster(redis) ? 'SPUBLISH' : 'PUBLISH';
  return typed(
    redis,
    typesOf(keys, seen),
    sendScript(
      redis,
      [keys.members, keys.ids, keys.messages, keys.lock, keys.guard + process, ...seen],
      [
        sender,
        JSON.stringify(sender),
        JSON.stringify(message),
        number,
        settled,
        guardLifeMs,
        publish,
        keys.members,
        room,
      ],
    ),
  );
}

/**
 * What a member has not seen, oldest first, at most `limit` of it; marks nothing. `after` begins behind that id
 * instead of behind what was marked.
 * @throws {UnknownRoomError | NotAMemberError | WrongTypeError}
 */
export async function pending(
  redis: Client,
  room: string,
  member: string,
  { after, limit = pageLength }: { readonly after?: number | undefined; readonly limit?: number } = {},
): Promise<Pending> {
  const keys = roomKeys(redis, room);
  const reply = await typed(
    redis,
    typesOf(keys),
    pendingScript(redis, [keys.members, keys.ids, keys.messages], [member, after ?? '', limit]),
  );
  refuseUnless('pending', reply, room, member);
  return { seen: parseCursor(reply[1]), entries: parseEntries(texts(reply[2])) };
}

/**
 * Marks everything up to `id` as seen by a member, never backwards, and removes what everybody has seen. Resolves to
 * where the member is now.
 * @throws {UnknownRoomError | NotAMemberError | WrongTypeError}
 */
export async function ack(redis: Client, room: string, member: string, id: number): Promise<number> {
  const keys = roomKeys(redis, room);
  const seen = seenKeys(redis, member);
  const reply = await typed(
    redis,
    typesOf(keys, seen),
    ackScript(redis, [keys.members, keys.ids, keys.messages, ...seen], [room, member, id]),
  );
  refuseUnless('seen', reply, room, member);
  // XX: somebody may have left meanwhile, and must not come back by this.
  if (isCluster(redis)) await redis.zadd(seenKey(member), 'XX', 'GT', String(reply[1]), room);
  return parseCursor(reply[1]);
}

/** A cursor as Redis tells it; Infinity for a member who only writes. */
export function parseCursor(score: unknown): number {
  return score === 'inf' ? Number.POSITIVE_INFINITY : Number(score);
}

function refuseUnless(expected: string, reply: readonly unknown[], room: string, member: string): void {
  if (reply[0] === 'unknown') throw new UnknownRoomError(room);
  if (reply[0] === 'stranger') throw new NotAMemberError(room, member);
  if (reply[0] !== expected)
    throw new Error(`Expected \`${expected}\` from Redis, got \`${String(reply[0])}\``);
}

function typesOf(keys: RoomKeys, seen: readonly string[] = []) {
  return {
    [keys.members]: 'zset',
    [keys.ids]: 'string',
    [keys.messages]: 'zset',
    ...Object.fromEntries(seen.map((key) => [key, 'zset' as const])),
  } as const;
}

function words(reply: unknown): unknown[] {
  if (!Array.isArray(reply)) throw new Error(`Expected an array from Redis, got \`${String(reply)}\``);
  return reply;
}

function texts(reply: unknown): string[] {
  return words(reply).map(String);
}

const createScript = defineScript({ lua: createLua, parse: words });
const joinScript = defineScript({ lua: joinLua, parse: words });
const leaveScript = defineScript({ lua: leaveLua, parse: words });
const sendScript = defineScript({ lua: sendLua, parse: words });
const pendingScript = defineScript({ lua: pendingLua, parse: words });
const ackScript = defineScript({ lua: ackLua, parse: words });
