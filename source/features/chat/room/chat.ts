import { type Client, isCluster } from '../../../redis/client.ts';
import { guardLifeMs, withOperation } from '../../../redis/idempotency.ts';
import { register, unregister } from '../../../redis/registry.ts';
import { asArray, asInteger, asTexts } from '../../../redis/reply.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { defineScript } from '../../../redis/script.ts';
import { typed } from '../../../redis/wrong-type.ts';
import { assertMember, roomCounter, roomKeys, seenKey, seenKeys, stillThere } from '../keys.ts';
import { type Entry, parseEntries } from '../message.ts';
import { asCursor, checked, refuseUnless } from '../replies.ts';
import ackLua from './ack.lua';
import createLua from './create.lua';
import joinLua from './join.lua';
import leaveLua from './leave.lua';
import pendingLua from './pending.lua';
import { clearBeside } from './pins.ts';

/**
 * Group chat: every member of a room gets every message sent while a member, at least once, however long away.
 *
 * Keys are those of Redis in Action, 6.5.2, so that programs that follow it and ours share rooms: `chat:<room>` zset member ->
 * id of the last message seen; `msgs:<room>` zset JSON -> id; `ids:<room>` counter; `seen:<member>` zset room -> last
 * seen id; `ids:chat:` numbers unnamed rooms. Ours: `sent:<room>:<process>` (see redis/idempotency.ts). `chat:<room>` is the
 * truth about membership; `seen:<member>` follows it: in the same step on one server, right after it in Cluster.
 *
 * Each operation is one script, so no member is half in, no id is stored out of order, and nobody joins a room while it is
 * being deleted. Reading and marking are two acts: mark (`ack`) what was shown, and a crash in between shows it again.
 * A message goes when every member has seen it. A member who only writes has the cursor +inf and keeps nothing alive.
 * The channel `chat:<room>` carries each message as a notification; who needs every message reads by id. A counter that
 * was lost goes on above what members have seen and what is stored.
 *
 * Not promised: a message that a primary acknowledged and lost in a failover stays lost; an operation in doubt for more than
 * an hour may happen twice; a member whom the fetch of Redis in Action brought back while leaving stays until it leaves again.
 */

const pageLength = 100;

export type Pending = {
  /** The id of the last message marked as seen; Infinity for a member who only writes. */
  readonly seen: number;
  /** Oldest first. */
  readonly entries: readonly Entry[];
};

/** Each member is a key and an argument: no command has more than 3,000 words. */
const membersAtOnce = 1400;

/**
 * Makes a room, or adds to an existing one the members it lacks; those it has keep their place. Without a name the
 * room gets the next free number. More than 1,400 members are added by several scripts. Resolves to its name.
 * @throws {RoomNameError | MemberNameError | WrongTypeError}
 */
export async function create(
  redis: Client,
  room: string | undefined,
  members: readonly string[],
  { writers = [] }: { readonly writers?: readonly string[] } = {},
): Promise<string> {
  const everyone = [...new Set([...writers, ...members])];
  for (const member of everyone) assertMember(member);
  const onlyWriting = new Set(writers).size;
  for (;;) {
    const name = room ?? (await nextNumber(redis));
    for (let from = 0; from === 0 || from < everyone.length; from += membersAtOnce) {
      const some = everyone.slice(from, from + membersAtOnce);
      const isUntouched = await add(
        redis,
        name,
        some,
        Math.min(some.length, Math.max(0, onlyWriting - from)),
      );
      // The number may be the name somebody gave to another room.
      if (room === undefined && from === 0 && !isUntouched) break;
      if (from + membersAtOnce < everyone.length) continue;
      await register(redis, 'chat', name, { isNew: true, stillThere });
      return name;
    }
  }
}

/** Whether the room is new, or looks untouched since the same was done before. */
async function add(
  redis: Client,
  room: string,
  members: readonly string[],
  writers: number,
): Promise<boolean> {
  const keys = roomKeys(redis, room);
  const seen = seenKeys(redis, ...members);
  const reply = await checked(
    redis,
    keys,
    seen,
    createScript(redis, [keys.members, keys.ids, keys.messages, ...seen], [room, writers, ...members]),
  );
  if (isCluster(redis))
    await Promise.all(members.map((member) => redis.zadd(seenKey(member), 'NX', 0, room)));
  return reply === 1;
}

/**
 * Joins a room having seen everything so far; a member keeps its place. Resolves to where the member is.
 * @throws {UnknownRoomError | MemberNameError | WrongTypeError}
 */
export async function join(
  redis: Client,
  room: string,
  member: string,
  { writesOnly = false }: { readonly writesOnly?: boolean } = {},
): Promise<number> {
  assertMember(member);
  const keys = roomKeys(redis, room);
  const seen = seenKeys(redis, member);
  const reply = await checked(
    redis,
    keys,
    seen,
    joinScript(redis, [keys.members, keys.ids, keys.messages, ...seen], [room, member, writesOnly ? 1 : 0]),
  );
  refuseUnless('joined', reply, room, member);
  await Promise.all([
    register(redis, 'chat', room, { isNew: true, stillThere }),
    isCluster(redis) && redis.zadd(seenKey(member), String(reply[1]), room),
  ]);
  return asCursor(reply[1], keys.members);
}

/**
 * Leaves a room; what everybody else has seen goes too, and with the last member the room. Resolves to how many stay.
 * @throws {UnknownRoomError | NotAMemberError | WrongTypeError}
 */
export async function leave(redis: Client, room: string, member: string): Promise<number> {
  assertMember(member);
  const keys = roomKeys(redis, room);
  const seen = seenKeys(redis, member);
  const reply = await checked(
    redis,
    keys,
    seen,
    withOperation(keys.members, (operation) =>
      leaveScript(
        redis,
        [keys.members, keys.ids, keys.messages, keys.lock, keys.guard + operation.process, ...seen],
        [room, member, operation.slot, operation.number, guardLifeMs],
      ),
    ),
  );
  refuseUnless('left', reply, room, member);
  const stay = asInteger(reply[1]);
  await Promise.all([
    stay === 0 && unregister(redis, 'chat', room),
    stay === 0 && clearBeside(redis, room),
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
  assertMember(member);
  const keys = roomKeys(redis, room);
  const reply = await checked(
    redis,
    keys,
    [],
    pendingScript(redis, [keys.members, keys.ids, keys.messages], [member, after ?? '', limit]),
  );
  refuseUnless('pending', reply, room, member);
  return { seen: asCursor(reply[1], keys.members), entries: parseEntries(asTexts(reply[2])) };
}

/**
 * Marks everything up to `id` as seen by a member, never backwards, and removes what everybody has seen. Resolves to
 * where the member is now.
 * @throws {UnknownRoomError | NotAMemberError | WrongTypeError}
 */
export async function ack(redis: Client, room: string, member: string, id: number): Promise<number> {
  assertMember(member);
  const keys = roomKeys(redis, room);
  const seen = seenKeys(redis, member);
  const reply = await checked(
    redis,
    keys,
    seen,
    ackScript(redis, [keys.members, keys.ids, keys.messages, ...seen], [room, member, id]),
  );
  refuseUnless('seen', reply, room, member);
  // XX: somebody may have left meanwhile, and must not come back by this.
  if (isCluster(redis)) await redis.zadd(seenKey(member), 'XX', 'GT', String(reply[1]), room);
  return asCursor(reply[1], keys.members);
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

const createScript = defineScript({ lua: createLua, parse: asInteger });
const joinScript = defineScript({ lua: joinLua, parse: asArray });
const leaveScript = defineScript({ lua: leaveLua, parse: asArray });
const pendingScript = defineScript({ lua: pendingLua, parse: asArray });
const ackScript = defineScript({ lua: ackLua, parse: asArray });
