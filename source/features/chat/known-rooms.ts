import { name } from '../../values.ts';
import { type Command, type CommandContext, named, optionalFlag, word } from '../feature.ts';
import { UnknownRoomError } from './errors.ts';
import { inspect, known, type RoomFigures } from './room/rooms.ts';

/** Rooms and their members as words of commands. */

/** Members of one room in a table. */
export const mostListed = 100;

export const room = named(word('ROOM', 'the room', name), 'chat');
export const as = named(
  optionalFlag('NAME', 'who you are in the room (--operator)', name),
  async (redis, _beginning, { room = '' }) => {
    const { rooms, cuts } = await inspect(redis, [room]);
    // Some of them would look like all.
    if (cuts.length > 0) return [];
    return rooms.flatMap(({ members }) => members.map((member) => member.name));
  },
);

/** With at most so many of its members, those furthest behind first. @throws {UnknownRoomError} */
export async function assertRoom(
  { redis, warn }: CommandContext,
  wanted: string,
  limit = 0,
): Promise<RoomFigures> {
  const { rooms, wrong, cuts } = await inspect(redis, [wanted], { limit });
  if (wrong[0]) throw wrong[0];
  for (const cut of cuts) warn(cut);
  const [found] = rooms;
  if (!found) throw new UnknownRoomError(wanted);
  return found;
}

/** Tells of the nearest room that there is, when there is none of the name that was given. */
export function suggesting<Input>(command: Command<Input>): Command<Input> {
  return {
    ...command,
    async run(context, input) {
      try {
        return await command.run(context, input);
      } catch (error) {
        if (!(error instanceof UnknownRoomError)) throw error;
        // Whoever may not read the index hears as much as before.
        const rooms = await known(context.redis).catch(() => []);
        throw new UnknownRoomError(error.room, rooms);
      }
    },
  };
}
