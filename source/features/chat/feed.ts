import { isDeepStrictEqual } from 'node:util';
import { type Client, isCluster } from '../../redis/client.ts';
import type { Feed } from '../feature.ts';
import { doorbell } from './keys.ts';
import { type Look, look } from './look.ts';
import { parseEntry } from './message.ts';
import { known, survey } from './rooms.ts';
import { type ChatSlice, hear, learn, longestHistory, type Reading, type Room, roomToShow } from './state.ts';

/** In Cluster each room costs a command of its own. */
const mostRooms = { standalone: 100, cluster: 8 };
const mostMembers = 50;
const everyMs = 2000;
const surveyEveryMs = 10_000;

/** When this console last read, and last asked for every room. */
const lastRead = new WeakMap<Client, { readonly atMs: number; readonly surveyedAtMs: number }>();

/**
 * Looks into the selected room every two seconds and asks for all rooms every ten, or at once when somebody rings;
 * hears every known room's doorbell, which carries the message itself, so that a busy room costs no reading at all.
 */
export const feed: Feed<ChatSlice> = {
  everyMs,

  subject: ({ selected }) => selected,

  async read({ redis }, slice) {
    const isDue = isSurveyDue(redis);
    const isKnown = slice.rooms.some(({ room }) => room === slice.selected);
    const surveying = isDue || !isKnown ? readAll(redis, slice.operator) : undefined;
    const opening = isKnown ? readOpen(redis, slice, slice.selected) : undefined;
    let [all, open] = await Promise.all([surveying, opening]);
    if (!open) {
      // Before the first reading, or when the room is gone, one question waits for another.
      all ??= await readAll(redis, slice.operator);
      open = await readOpen(redis, slice, roomToShow(all.rooms, slice.selected));
    }
    noteReading(redis, all !== undefined);
    return (current) => {
      const next = learn(current, { all, open });
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

/** Also when a reading comes before its time: somebody rang, and may know of a new room. */
function isSurveyDue(redis: Client): boolean {
  const { atMs = 0, surveyedAtMs = 0 } = lastRead.get(redis) ?? {};
  const now = performance.now();
  return atMs === 0 || now - atMs < everyMs * 0.9 || now - surveyedAtMs >= surveyEveryMs;
}

function noteReading(redis: Client, isSurvey: boolean): void {
  const atMs = performance.now();
  lastRead.set(redis, { atMs, surveyedAtMs: isSurvey ? atMs : (lastRead.get(redis)?.surveyedAtMs ?? 0) });
}

async function readAll(redis: Client, operator: string): Promise<NonNullable<Reading['all']>> {
  const names = await known(redis, isCluster(redis) ? mostRooms.cluster : mostRooms.standalone);
  const { rooms, wrong } = await survey(redis, names.toSorted(), { limit: 0, always: operator });
  return {
    wrong: wrong.map(({ message }) => message),
    rooms: rooms.map(({ room, memberCount, lastId, members }) => {
      const own = members.find(({ name }) => name === operator);
      return summary(redis, room, { memberCount, lastId, seen: own?.seen });
    }),
  };
}

async function readOpen(redis: Client, slice: ChatSlice, room: string | undefined): Promise<Reading['open']> {
  if (room === undefined) return;
  const after = slice.histories[room]?.cursor ?? 0;
  const options = { member: slice.operator, after, mostMembers, mostEntries: longestHistory };
  const found = await look(redis, room, options);
  if (!found) return;
  return {
    room: summary(redis, room, found),
    members: found.members.map(({ name, seen }) => ({
      name,
      unread: Math.max(0, found.lastId - seen),
      writesOnly: !Number.isFinite(seen),
    })),
    entries: found.entries,
    isPartial: found.entries.length === longestHistory,
    after,
  };
}

type Figures = Pick<Look, 'memberCount' | 'lastId' | 'seen'>;

function summary(redis: Client, room: string, { memberCount, lastId, seen }: Figures): Room {
  const own =
    seen === undefined ? undefined : { seen: Math.min(seen, lastId), unread: Math.max(0, lastId - seen) };
  return { room, channel: doorbell(redis, room), memberCount, lastId, own };
}

/** Anybody may publish anything. */
function idOf(message: string): number | undefined {
  const [, digits] = /^\{"id": ?(\d{1,15})\b/.exec(message) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
