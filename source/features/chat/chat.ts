import { type Client, isCluster } from '../../redis/client.ts';
import { guardLifeMs, withOperation } from '../../redis/idempotency.ts';
import { register, unregister } from '../../redis/registry.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { defineScript } from '../../redis/script.ts';
import { typed } from '../../redis/wrong-type.ts';
import ackLua from './ack.lua';
import createLua from './create.lua';
import joinLua from './join.lua';
import { roomCounter, roomKeys, seenKey, seenKeys, typesOf } from './keys.ts';
import leaveLua from './leave.lua';
import { type Entry, parseEntries } from './message.ts';
import pendingLua from './pending.lua';
import { parseArray, parseCursor, parseTexts, refuseUnless } from './reply.ts';

/**
 * Group chat: every member of a room gets every message sent while a member, at least once, however long away.
 *
 * Keys, the book's (Redis in Action, 6.5.2), so that its programs and ours share rooms: `chat:<room>` zset member ->
 * id of the last message seen; `msgs:<room>` zset JSON -> id; `ids:<room>` counter; `seen:<member>` zset room -> last
 * seen id; `ids:chat:` numbers unnamed rooms. Ours: `sent:<room>:<process>` (see redis/once.ts). `chat:<room>` is the
 * truth about membership; `seen:<member>` follows it: in the same step on one server, right after it in Cluster.
 *
 * Each operation is one script, so no member is half in, no id is stored out of order, and nobody joins a room while it is
 * being deleted. Reading and marking are two acts: mark (`ack`) what was shown, and a crash in between shows it again.
 * A message goes when every member has seen it. A member who only writes has the cursor +inf and keeps nothing alive.
 * The channel `chat:<room>` carries each message as a doorbell; who needs every message reads by id.
 *
 * Not promised: a message that a primary acknowledged and lost in a failover stays lost; an operation in doubt for more than
 * an hour may happen twice; a member whom the book's own fetch brought back while leaving stays until it leaves again.
 */

const pageLength = 100;

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
    const name = room ?? (await nextNumber(redis));
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
    return { room: name, members: parseTexts(reply[1]) };
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
  return parseTexts(reply[2]);
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
    withOperation(keys.members, (operation) =>
      leaveScript(
        redis,
        [keys.members, keys.ids, keys.messages, keys.lock, keys.guard + operation.process, ...seen],
        [room, member, operation.slot, operation.number, guardLifeMs],
      ),
    ),
  );
  refuseUnless('left', reply, room, member);
  const stay = parseTexts(reply[1]);
  await Promise.all([
    stay.length === 0 && unregister(redis, 'chat', room),
    isCluster(redis) && redis.zrem(seenKey(member), room),
  ]);
  return stay;
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
  return { seen: parseCursor(reply[1]), entries: parseEntries(parseTexts(reply[2])) };
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

async function nextNumber(redis: Client): Promise<string> {
  return String(
    await typed(
      redis,
      { [roomCounter]: 'string' },
      retryAborted(() => redis.incr(roomCounter)),
    ),
  );
}

const createScript = defineScript({ lua: createLua, parse: parseArray });
const joinScript = defineScript({ lua: joinLua, parse: parseArray });
const leaveScript = defineScript({ lua: leaveLua, parse: parseArray });
const pendingScript = defineScript({ lua: pendingLua, parse: parseArray });
const ackScript = defineScript({ lua: ackLua, parse: parseArray });
