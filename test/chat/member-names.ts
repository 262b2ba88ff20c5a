import { inspect } from '../../source/features/chat/room/rooms.ts';
import type { Client } from '../../source/redis/client.ts';

/** Everybody in a room, those furthest behind first. */
export async function memberNames(redis: Client, room: string): Promise<string[]> {
  const { rooms } = await inspect(redis, [room]);
  return rooms.flatMap(({ members }) => members.map(({ name }) => name));
}
