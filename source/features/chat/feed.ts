import { isDeepStrictEqual } from 'node:util';
import { type Client, isCluster } from '../../redis/client.ts';
import type { Feed } from '../feature.ts';
import { doorbell } from './keys.ts';
import { parseEntry } from './message.ts';
import { history, known, type RoomFigures, survey } from './rooms.ts';
import { type ChatSlice, hear, learn, longestHistory, type Room, roomToShow } from './state.ts';

/** In Cluster each room costs a command of its own. */
const mostRooms = { standalone: 100, cluster: 8 };
const mostMembers = 50;

/**
 * Polls which rooms there are, their counts, and the selected room's members and new messages; hears every listed
 * room's doorbell, which carries the message itself, so that a busy room costs no extra reading.
 */
export const feed: Feed<ChatSlice> = {
  everyMs: 2000,

  subject: ({ selected }) => selected,

  async read({ redis }, slice) {
    const names = await known(redis, isCluster(redis) ? mostRooms.cluster : mostRooms.standalone);
    const { operator } = slice;
    const summaries = survey(redis, names.toSorted(), { limit: 0, always: operator });
    const isKnown = slice.selected !== undefined && names.includes(slice.selected);
    // Only before the first reading, or when the room is gone, does one question wait for another.
    const selected = isKnown
      ? slice.selected
      : roomToShow(summarise(redis, operator, (await summaries).rooms), undefined);
    const after = selected === undefined ? 0 : (slice.histories[selected]?.cursor ?? 0);
    const [all, ofSelected, entries] = await Promise.all([
      summaries,
      selected === undefined ? undefined : survey(redis, [selected], { limit: mostMembers }),
      selected === undefined ? [] : history(redis, selected, after, longestHistory),
    ]);
    const reading = {
      rooms: summarise(redis, operator, all.rooms),
      wrong: all.wrong.map(({ message }) => message),
      selected,
      members:
        ofSelected?.rooms[0]?.members.map(({ name, unread, writesOnly }) => ({ name, unread, writesOnly })) ??
        [],
      entries,
      isPartial: entries.length === longestHistory,
      after,
    };
    return (current) => {
      const next = learn(current, reading);
      return isDeepStrictEqual(next, current) ? current : next;
    };
  },

  channels: (_context, { rooms }) => rooms.map(({ channel }) => channel),

  heard: (messages) => (slice) => {
    let next = slice;
    for (const { channel, message } of messages) {
      const id = idOf(message);
      if (id !== undefined) next = hear(next, channel, parseEntry(message, id));
    }
    return next;
  },
};

function summarise(redis: Client, operator: string, found: readonly RoomFigures[]): Room[] {
  return found.map(({ room, memberCount, lastId, members }) => {
    const own = members.find(({ name }) => name === operator);
    return {
      room,
      channel: doorbell(redis, room),
      memberCount,
      lastId,
      own: own && { seen: own.seen, unread: own.unread },
    };
  });
}

/** Anybody may publish anything. */
function idOf(message: string): number | undefined {
  const [, digits] = /^\{"id": ?(\d{1,15})\b/.exec(message) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
