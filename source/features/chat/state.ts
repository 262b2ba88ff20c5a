import { compareNames } from '../../compare-names.ts';
import { arrange, changeList, initialList, type List, type ListState } from '../../ui/list.ts';
import { isMention } from './mentions.ts';
import { type Entry, isMalformed } from './message.ts';

/** What the console knows of chat, and where in it the operator is. */
export type ChatSlice = {
  readonly operator: string;
  /** Whether anything was read yet. */
  readonly hasLearned: boolean;
  /** By name. */
  readonly rooms: readonly Room[];
  /** Sentences about rooms that cannot be shown. */
  readonly wrong: readonly string[];
  /** How many rooms there are, and what the operator has not read in all of them; undefined where `rooms` are all. */
  readonly totals: Totals | undefined;
  /** The room whose history is shown. */
  readonly selected: string | undefined;
  /** Of the selected room, those furthest behind first. */
  readonly members: readonly Member[];
  /** What lies beside the selected room; undefined: not read yet. */
  readonly beside: Beside | undefined;
  /** By room, of those that were shown; what Redis removed stays visible here. */
  readonly histories: Readonly<Record<string, History>>;
  /** The chosen message stands at the bottom of the view. */
  readonly list: ListState;
};

/** `unread` is not known before every room was looked at once. */
export type Totals = { readonly rooms: number; readonly unread: number | undefined };

export type Room = {
  readonly room: string;
  /** Where its messages are announced. */
  readonly channel: string;
  readonly memberCount: number;
  readonly lastId: number;
  /** The operator's cursor and what lies behind it; undefined while not a member. */
  readonly own: { readonly seen: number; readonly unread: number } | undefined;
  /** How many messages that were announced here call the operator, who has not seen them; none that is missing. */
  readonly called?: number;
  /** The newest of them. */
  readonly calledId?: number;
};

export type Member = {
  readonly name: string;
  readonly unread: number;
  readonly writesOnly: boolean;
  /** Whether they looked at the room within the last minute, by a console of theirs; undefined: not known. */
  readonly isHere?: boolean | undefined;
};

export type Beside = {
  readonly pins: readonly PinnedMessage[];
  readonly pinCount: number;
  /** Why neither pins nor who looks is known. */
  readonly error: string | undefined;
};
export type PinnedMessage = { readonly entry: Entry; readonly by: string | undefined };

export type History = {
  /** Oldest first, a bounded number of them. */
  readonly entries: readonly Entry[];
  /** Everything up to this id was asked for; what was heard ahead of it lies in `entries` too. */
  readonly cursor: number;
  /** Messages up to this id were dropped from `entries`, or never loaded. */
  readonly floor: number;
  /** The operator has seen everything up to this id here. */
  readonly looked: number;
  /** `looked` as it was when the operator last turned away: what follows is new. */
  readonly turnedAway: number;
};

/** What one reading of Redis tells. */
export type Reading = {
  /** Every room, when they were asked for, and sentences about those that cannot be shown. */
  readonly all:
    | {
        readonly rooms: readonly Room[];
        readonly wrong: readonly string[];
        readonly totals?: Totals | undefined;
      }
    | undefined;
  /** The room that was looked into, if any. */
  readonly open:
    | {
        readonly room: Room;
        readonly members: readonly Member[];
        readonly beside?: Beside | undefined;
        readonly entries: readonly Entry[];
        /** There were more new entries than were asked for: older ones are left out. */
        readonly isPartial: boolean;
        /** The cursor that `entries` were asked after. */
        readonly after: number;
      }
    | undefined;
};

export const longestHistory = 500;
/** Of a message's text, for what is kept in memory and painted; `chat read` gives all of it. */
export const longestText = 4096;

export function initial(operator: string): ChatSlice {
  return {
    operator,
    hasLearned: false,
    rooms: [],
    wrong: [],
    totals: undefined,
    selected: undefined,
    members: [],
    beside: undefined,
    histories: {},
    list: initialList,
  };
}

export function selectedRoom(slice: ChatSlice): Room | undefined {
  return slice.rooms.find(({ room }) => room === slice.selected);
}

export function selectedHistory(slice: ChatSlice): History | undefined {
  return slice.selected === undefined ? undefined : historyOf(slice, slice.selected);
}

/** Rooms are named by strangers, also as what every object has: `constructor`. */
export function historyOf({ histories }: Pick<ChatSlice, 'histories'>, room: string): History | undefined {
  return Object.hasOwn(histories, room) ? histories[room] : undefined;
}

/** The room to show when none is, or the shown one is gone: one the operator is in, if any. */
export function roomToShow(rooms: readonly Room[], selected: string | undefined): string | undefined {
  if (rooms.some(({ room }) => room === selected)) return selected;
  return (rooms.find(({ own }) => own) ?? rooms[0])?.room;
}

export function learn(slice: ChatSlice, { all, open }: Reading): ChatSlice {
  const known = all?.rooms ?? slice.rooms;
  const read = open ? known.map((room) => (room.room === open.room.room ? open.room : room)) : known;
  const found = read.map((room) => stillCalled(slice, room));
  const rooms = all ? found.toSorted((a, b) => compareNames(a.room, b.room)) : found;
  const selected = roomToShow(rooms, slice.selected);
  const isSame = selected === slice.selected;
  const members = isSame ? slice.members : [];
  const beside = isSame ? slice.beside : undefined;
  const { wrong, totals } = all ?? slice;
  const next = { ...slice, hasLearned: true, rooms, wrong, totals, selected, members, beside };
  // What was read of another room than the one selected meanwhile tells nothing of members or messages.
  if (!open || open.room.room !== selected) return next;
  const history = withRead(historyOf(slice, selected), open);
  const seen = new Map(slice.members.map(({ name, isHere }) => [name, isHere]));
  // What lies beside it is not read every time.
  const lying = open.beside
    ? { members: open.members, beside: open.beside }
    : {
        members: open.members.map((member) => ({
          ...member,
          isHere: isSame ? seen.get(member.name) : undefined,
        })),
        beside,
      };
  return { ...next, ...lying, histories: { ...slice.histories, [selected]: history } };
}

/** What calls somebody was announced and not read: it counts until the room was seen to its end. */
function stillCalled({ rooms }: ChatSlice, room: Room): Room {
  const { called = 0, calledId = 0 } = rooms.find((one) => one.room === room.room) ?? {};
  return called > 0 && room.own && room.own.unread > 0 ? { ...room, called, calledId } : room;
}

function withRead(
  before: History | undefined,
  { room, entries, isPartial, after }: NonNullable<Reading['open']>,
): History {
  const seen = room.own?.seen ?? 0;
  // Ids that went back: the room was deleted and made anew.
  const history = (room.lastId < after ? undefined : before) ?? {
    entries: [],
    cursor: 0,
    floor: 0,
    looked: room.own ? seen : room.lastId,
    turnedAway: room.own ? seen : room.lastId,
  };
  const cursor = Math.max(history.cursor, entries.at(-1)?.id ?? 0);
  const floor = isPartial ? (entries[0]?.id ?? 1) - 1 : history.floor;
  // What was marked elsewhere was seen too.
  return merge({ ...history, cursor, floor, looked: Math.max(history.looked, seen) }, entries);
}

/** Messages that came on the channel: shown at once if its room is; the next reading confirms them. */
export function hear(slice: ChatSlice, channel: string, ...entries: readonly Entry[]): ChatSlice {
  const room = slice.rooms.find((candidate) => candidate.channel === channel);
  if (!room) return slice;
  const { operator } = slice;
  const heard = entries.reduce(
    (before, entry) => calledBy(counted(before, entry, operator), entry, operator),
    room,
  );
  const rooms = heard === room ? slice.rooms : slice.rooms.map((one) => (one === room ? heard : one));
  const history = historyOf(slice, room.room);
  if (!history) return { ...slice, rooms };
  const cursor = entries.reduce((known, { id }) => (id === known + 1 ? id : known), history.cursor);
  return {
    ...slice,
    rooms,
    histories: { ...slice.histories, [room.room]: merge({ ...history, cursor }, entries) },
  };
}

/** The room once this message was said in it; as it is when that was known. */
function counted(room: Room, entry: Entry, operator: string): Room {
  if (entry.id <= room.lastId) return room;
  const isOwn = !isMalformed(entry) && entry.sender === operator;
  const own = room.own && { ...room.own, unread: room.own.unread + (isOwn ? 0 : 1) };
  return { ...room, lastId: entry.id, own };
}

/** The room with what calls the operator in it, also where a reading has counted the message before it was announced. */
function calledBy(room: Room, entry: Entry, operator: string): Room {
  const { own, called = 0, calledId = 0 } = room;
  if (!own || entry.id <= Math.max(own.seen, calledId) || !isMention(entry, operator)) return room;
  return { ...room, called: called + 1, calledId: entry.id };
}

function merge(history: History, added: readonly Entry[]): History {
  const { entries } = history;
  const newestId = entries.at(-1)?.id ?? 0;
  // What the channel brings is nearly always newer than everything known, and in order: then there is nothing to compare.
  const isNewer = added.every(({ id }, index) => id > (added[index - 1]?.id ?? newestId));
  const known = new Set(isNewer ? [] : entries.map(({ id }) => id));
  const fresh = added
    .filter(({ id }) => {
      if (id <= history.floor || known.has(id)) return false;
      known.add(id);
      return true;
    })
    .map(shorten);
  if (fresh.length === 0) return history;
  const all = [...entries, ...fresh];
  if (!isNewer) all.sort((a, b) => a.id - b.id);
  const more = all.length - longestHistory;
  if (more <= 0) return { ...history, entries: all };
  return { ...history, entries: all.slice(more), floor: all[more - 1]?.id ?? history.floor };
}

function shorten(entry: Entry): Entry {
  if (isMalformed(entry) || entry.message.length <= longestText) return entry;
  return { ...entry, message: `${entry.message.slice(0, longestText)}…` };
}

/** Shows this room. */
export function showRoom(slice: ChatSlice, room: string): ChatSlice {
  if (room === slice.selected || !slice.rooms.some((one) => one.room === room)) return slice;
  return {
    ...turnAway(slice),
    selected: room,
    members: [],
    beside: undefined,
    list: { ...slice.list, selected: undefined },
  };
}

/** Shows the room `step` places further, around the ends. */
export function stepRoom(slice: ChatSlice, step: number): ChatSlice {
  const { rooms } = slice;
  if (rooms.length === 0) return slice;
  const from = rooms.findIndex(({ room }) => room === slice.selected);
  const next = rooms[(from + step + rooms.length) % rooms.length]?.room;
  return next === undefined ? slice : showRoom(slice, next);
}

/** The view with the first unseen message at the bottom; follows the newest when nothing is unseen. */
export function showUnseen(slice: ChatSlice): ChatSlice {
  const history = selectedHistory(slice);
  const first = history?.entries.find(({ id }) => id > history.looked);
  return first ? changeList(slice, { selected: String(first.id) }) : slice;
}

/** These messages were on the screen, in focus. Counts only when no unseen one before them was left out. */
export function look(slice: ChatSlice, firstId: number, lastId: number): ChatSlice {
  const history = selectedHistory(slice);
  if (!history || lastId <= history.looked || history.floor > history.looked) return slice;
  const firstUnseen = history.entries.find(({ id }) => id > history.looked)?.id;
  if (firstUnseen === undefined || firstUnseen < firstId) return slice;
  // The count falls at once; Redis, and so `seen`, follows.
  const rooms = slice.rooms.map((room) =>
    room.room === slice.selected && room.own
      ? { ...room, own: { ...room.own, unread: Math.max(0, room.lastId - lastId) } }
      : room,
  );
  return changeHistory({ ...slice, rooms }, { looked: lastId });
}

/** How many messages of the open room call the operator, who has not seen them yet. */
export function unseenMentions(slice: ChatSlice): number {
  const history = selectedHistory(slice);
  const unseen = history?.entries.filter(({ id }) => id > history.looked) ?? [];
  return unseen.filter((entry) => isMention(entry, slice.operator)).length;
}

/** The same in all rooms; of those that are not open as far as it was announced since this console is. */
export function callsOf(slice: ChatSlice): number {
  const others = slice.rooms.filter(({ room }) => room !== slice.selected);
  return others.reduce((sum, { called = 0 }) => sum + called, unseenMentions(slice));
}

/** The message that is chosen, or the newest; undefined when there is none. */
export function chosenEntry(slice: ChatSlice): Entry | undefined {
  const { rows, index } = arrange(chatList, slice, 0);
  return rows[index];
}

/** Whether a message is pinned, as far as that is known. */
export function isPinned({ beside }: ChatSlice, id: number): boolean {
  return beside?.pins.some(({ entry }) => entry.id === id) === true;
}

/** The operator looks elsewhere: what comes from now on is new. */
export function turnAway(slice: ChatSlice): ChatSlice {
  const history = selectedHistory(slice);
  if (!history || history.turnedAway === history.looked) return slice;
  return changeHistory(slice, { turnedAway: history.looked });
}

function changeHistory(slice: ChatSlice, change: Partial<History>): ChatSlice {
  const history = selectedHistory(slice);
  if (!history || slice.selected === undefined) return slice;
  return { ...slice, histories: { ...slice.histories, [slice.selected]: { ...history, ...change } } };
}

/** The messages of the room, oldest first. */
export const chatList: List<ChatSlice, Entry> = {
  rows: (slice) => selectedHistory(slice)?.entries ?? [],
  id: ({ id }) => String(id),
  name: ({ id }) => `message ${id}`,
  texts: (entry) => (isMalformed(entry) ? [] : [entry.sender, entry.message]),
  prose: (entry) => (isMalformed(entry) ? '' : entry.message),
  order: 'time',
  part: (slice) =>
    slice.rooms.length > 1
      ? `room ${slice.selected ?? ''} of ${slice.totals?.rooms ?? slice.rooms.length}`
      : undefined,
  followsEnd: true,
  calls: (entry, { operator }) => isMention(entry, operator),
  units: { at: 'at' },
  fields: {
    sender: (entry) => (isMalformed(entry) ? undefined : entry.sender),
    at: (entry) => (isMalformed(entry) ? undefined : entry.at),
  },
};
