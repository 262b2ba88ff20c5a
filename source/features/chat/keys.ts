import { type Client, isCluster } from '../../redis/client.ts';
import { clusterNameFault, keyFamily, nameInKey, singleKey } from '../../redis/keys.ts';
import { existsAs } from '../../redis/registry.ts';
import { nameFault, nameMistake } from '../../values.ts';
import { MemberNameError, RoomNameError } from './errors.ts';

/** The keys of one room; in Cluster they share a slot. */
export type RoomKeys = ReturnType<typeof joinKeys>;

const known = new WeakMap<Client, Map<string, RoomKeys>>();
const mostKnown = 1000;

/** @throws {RoomNameError} for a name whose keys would be somebody else's */
export function roomKeys(redis: Client, room: string): RoomKeys {
  const rooms = known.get(redis) ?? new Map<string, RoomKeys>();
  known.set(redis, rooms);
  let keys = rooms.get(room);
  if (!keys) {
    if (rooms.size >= mostKnown) rooms.clear();
    keys = joinKeys(redis, room);
    rooms.set(room, keys);
  }
  return keys;
}

function joinKeys(redis: Client, room: string) {
  const reason = whyNoRoom(room, redis);
  if (reason !== undefined) throw new RoomNameError(room, reason);
  return keyFamily(redis, room, {
    members: 'chat:*',
    ids: 'ids:*',
    messages: 'msgs:*',
    lock: 'lock:chat:*',
    guard: 'sent:*:',
    frames: 'frame:*:',
    pins: 'pins:*',
    here: 'here:*',
  });
}

/** Why there can be no room of that name, on this server if one is given; undefined if there can. */
export function whyNoRoom(room: unknown, redis?: Client): string | undefined {
  const fault = nameFault(room);
  if (fault !== undefined || typeof room !== 'string') return fault;
  if (room === 'chat:') return 'its counter would be the one that numbers rooms';
  // In Cluster it would become `{}...}`, whose empty tag puts the room's keys into different slots.
  if (room.startsWith('}')) return 'it begins with a closing brace';
  return redis && clusterNameFault(redis, room);
}

/** @throws {MemberNameError} for what cannot be a member's name */
export function assertMember(member: unknown): asserts member is string {
  const mistake = nameMistake(member);
  if (mistake !== undefined) throw new MemberNameError(mistake);
}

/** A room is there as long as somebody is in it; its name then stays in the index. */
export const stillThere = existsAs('chat:*', 'ids:*');

/** From `chat:ops`, in Cluster `chat:{ops}`, to `ops`; undefined for a key that is no room's. */
export function roomOf(redis: Client, key: string): string | undefined {
  if (!key.startsWith('chat:')) return;
  const room = nameInKey(redis, key.slice('chat:'.length));
  return room === undefined || whyNoRoom(room) !== undefined ? undefined : room;
}

/** The channel on which a message is announced. */
export function channelOf(redis: Client, room: string): string {
  return roomKeys(redis, room).members;
}

/** Which rooms a member is in: in Cluster it lies in another slot than the rooms do. */
export function seenKey(member: string): string {
  return singleKey('seen:', member);
}

/** The member's key as a script may touch it: none in Cluster. */
export function seenKeys(redis: Client, ...members: readonly string[]): string[] {
  return isCluster(redis) ? [] : members.map(seenKey);
}

/** What numbers rooms that were given no name. */
export const roomCounter = singleKey('ids:chat:', '');

/** What the keys of a room hold, so that one of another type can be named. */
export function typesOf(keys: RoomKeys, seen: readonly string[] = []) {
  return {
    [keys.members]: 'zset',
    [keys.ids]: 'string',
    [keys.messages]: 'zset',
    ...Object.fromEntries(seen.map((key) => [key, 'zset' as const])),
  } as const;
}
