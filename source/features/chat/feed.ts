import { isDeepStrictEqual } from 'node:util';
import { DeniedError, WrongTypeError } from '../../errors.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { highestNames, registeredPage } from '../../redis/registry.ts';
import { IndexRounds, Kept, sentencesOf } from '../../redis/round.ts';
import type { Feed } from '../feature.ts';
import { channelOf, seenKey, whyNoRoom } from './keys.ts';
import { parseEntry } from './message.ts';
import { type Look, look } from './room/look.ts';
import { beside, hereMs } from './room/pins.ts';
import { inspect } from './room/rooms.ts';
import {
  type Beside,
  type ChatSlice,
  hear,
  historyOf,
  learn,
  longestHistory,
  longestText,
  type Reading,
  type Room,
  roomToShow,
} from './state.ts';

/** In Cluster each room costs a command of its own. */
const mostRooms = { standalone: 100, cluster: 8 };
/** How many more a reading looks at for the totals, where there are more than are shown. */
const mostOfRound = 300;
const mostMembers = 50;
const everyMs = 2000;
const surveyEveryMs = 10_000;

/** When this console last read, and last asked for every room. */
const lastRead = new WeakMap<Client, { readonly atMs: number; readonly surveyedAtMs: number }>();

/**
 * Looks into the selected room every two seconds and asks for all rooms every ten, or at once when something is
 * announced; hears the channel of every known room, which carries the message itself, so that a busy room costs no
 * reading at all. Where there are more rooms than are shown, each reading looks at some of them for the totals.
 */
export const feed: Feed<ChatSlice> = {
  everyMs,

  isWhole: ({ totals }) => totals === undefined || totals.unread !== undefined,

  progress: (redis) => rounds.progress(redis),

  subject: ({ selected }) => selected,

  async read({ redis }, slice) {
    const isDue = isSurveyDue(redis);
    const isKnown = slice.rooms.some(({ room }) => room === slice.selected);
    const surveying = isDue || !isKnown ? readAll(redis, slice.operator) : undefined;
    const opening = isKnown ? readOpen(redis, slice, slice.selected, isDue) : undefined;
    const further = slice.totals ? lookFurther(redis, slice.operator) : undefined;
    let [all, open] = await Promise.all([surveying, opening, further]);
    if (!open) {
      // Before the first reading, or when the room is gone, one question waits for another.
      all ??= await readAll(redis, slice.operator);
      open = await readOpen(redis, slice, roomToShow(all.rooms, slice.selected), true);
    }
    noteReading(redis, all !== undefined);
    return (current) => {
      const next = learn(current, { all, open });
      return isDeepStrictEqual(next, current) ? current : next;
    };
  },

  channels: (_context, { rooms }) => rooms.map(({ channel }) => channel),

  heard: (messages) => (slice) => {
    const byChannel = Map.groupBy(messages, ({ channel }) => channel);
    return [...byChannel].reduce((before, [channel, own]) => {
      const entries = own.flatMap(({ message }) => {
        const id = idOf(message);
        return id === undefined ? [] : [parseEntry(message, id)];
      });
      return entries.length === 0 ? before : hear(before, channel, ...entries);
    }, slice);
  },
};

/** Also when a reading comes before its time: something was announced, maybe of a new room. */
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
  const kind = isCluster(redis) ? 'cluster' : 'standalone';
  const [{ names, total }, own] = await Promise.all([
    registeredPage(redis, 'chat', mostRooms[kind]),
    ownRooms(redis, operator, mostRooms[kind]),
  ]);
  const wanted = [...new Set([...own, ...names])].filter((room) => whyNoRoom(room, redis) === undefined);
  const { rooms, wrong } = await inspect(redis, wanted.toSorted(), { limit: 0, always: operator });
  const isAll = total <= names.length;
  if (isAll) rounds.end(redis);
  const last = isAll ? undefined : rounds.of(redis).last(total);
  return {
    wrong: [...new Set([...wrong.map(({ message }) => message), ...(last ? sentencesOf(last.wrong) : [])])],
    totals: isAll ? undefined : { rooms: total, unread: last?.unread },
    rooms: rooms.map(({ room, memberCount, lastId, members }) => {
      const me = members.find(({ name }) => name === operator);
      return summary(redis, room, { memberCount, lastId, seen: me?.seen });
    }),
  };
}

/** The rooms that the operator is in, wherever they stand in the index. */
async function ownRooms(redis: Client, operator: string, most: number): Promise<readonly string[]> {
  try {
    return await highestNames(redis, seenKey(operator), most);
  } catch {
    // Of another type, or not to be read: those in the index are shown all the same.
    return [];
  }
}

/** What a round through every room counts: what the operator has not read, and what cannot be read at all. */
type Totals = { unread: number; readonly wrong: Kept<string> };

const rounds = new IndexRounds<Totals>('chat', () => ({ unread: 0, wrong: new Kept() }));

async function lookFurther(redis: Client, operator: string): Promise<void> {
  const most = isCluster(redis) ? mostRooms.cluster : mostOfRound;
  await rounds.of(redis).step(most, async (names, totals) => {
    const possible = names.filter((room) => whyNoRoom(room, redis) === undefined);
    const { rooms, wrong } = await inspect(redis, possible, { limit: 0, always: operator });
    totals.wrong.add(...wrong.map(({ message }) => message));
    for (const { lastId, members } of rooms) {
      const me = members.find(({ name }) => name === operator);
      if (me) totals.unread += Math.max(0, lastId - me.seen);
    }
  });
}

async function readOpen(
  redis: Client,
  slice: ChatSlice,
  room: string | undefined,
  isDue: boolean,
): Promise<Reading['open']> {
  if (room === undefined) return;
  const after = historyOf(slice, room)?.cursor ?? 0;
  const options = {
    member: slice.operator,
    after,
    mostMembers,
    mostEntries: longestHistory,
    longestText,
  };
  const isSame = room === slice.selected && slice.members.length > 0;
  // Who is in the room is known but at first: then one question waits for the other.
  const asked = isSame ? slice.members.map(({ name }) => name) : undefined;
  const isWanted = isDue || slice.beside === undefined || !isSame;
  const looking = look(redis, room, options);
  const [found, early] = await Promise.all([looking, isWanted && asked && readBeside(redis, room, asked)]);
  if (!found) return;
  const names = asked ?? found.members.map(({ name }) => name);
  const read = early || (isWanted ? await readBeside(redis, room, names) : undefined);
  return {
    room: summary(redis, room, found),
    beside: read?.beside,
    members: found.members.map(({ name, seen }) => ({
      name,
      unread: Math.max(0, found.lastId - seen),
      writesOnly: !Number.isFinite(seen),
      isHere: read?.isHere.get(name),
    })),
    entries: found.entries,
    isPartial: found.isPartial,
    after,
  };
}

/** Why what lies beside rooms may not be read: nobody is asked again and again for what is refused. */
const denied = new WeakMap<Client, string>();

/** Nothing of it hides the room itself. */
async function readBeside(
  redis: Client,
  room: string,
  names: readonly string[],
): Promise<{ readonly beside: Beside; readonly isHere: ReadonlyMap<string, boolean> }> {
  const nothing = (error: string) => ({
    beside: { pins: [], pinCount: 0, error },
    isHere: new Map<string, boolean>(),
  });
  const known = denied.get(redis);
  if (known !== undefined) return nothing(known);
  try {
    const { pins, pinCount, looks, nowMs } = await beside(redis, room, names);
    const isHere = new Map<string, boolean>();
    for (const [index, name] of names.entries()) {
      const at = looks[index];
      if (at !== undefined) isHere.set(name, nowMs - at <= hereMs);
    }
    return { beside: { pins, pinCount, error: undefined }, isHere };
  } catch (error) {
    if (error instanceof DeniedError) denied.set(redis, error.message);
    else if (!(error instanceof WrongTypeError)) throw error;
    return nothing(error.message);
  }
}

type Figures = Pick<Look, 'memberCount' | 'lastId' | 'seen'>;

function summary(redis: Client, room: string, { memberCount, lastId, seen }: Figures): Room {
  const own =
    seen === undefined ? undefined : { seen: Math.min(seen, lastId), unread: Math.max(0, lastId - seen) };
  return { room, channel: channelOf(redis, room), memberCount, lastId, own };
}

/** Anybody may publish anything. */
function idOf(message: string): number | undefined {
  const [, digits] = /^\{"id": ?(\d{1,15})\b/.exec(message) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
