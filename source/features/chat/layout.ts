import { arrange } from '../../ui/list.ts';
import type { Span } from '../../ui/row.tsx';
import { fitTo, sanitise, width, wrap } from '../../ui/text.ts';
import {
  currentTimes,
  monthNames,
  shownBriefly,
  shownTime,
  timesVersion,
  zonedDate,
} from '../../ui/times.ts';
import { isMention } from './mentions.ts';
import { type Entry, isMalformed, type Message } from './message.ts';
import { type ChatSlice, chatList, selectedHistory } from './state.ts';

/** Below this the text continues under the sender instead of beside it. */
const narrow = 50;
const clockCells = 6;

/** Where the pane's parts go; rooms and members only where the history still has room to breathe. */
export type Layout = { readonly rooms: number; readonly members: number; readonly history: number };

export function layOut(columns: number): Layout {
  const gap = 2;
  const rooms = columns >= 60 ? Math.min(24, Math.floor(columns / 4)) : 0;
  const members = columns >= 90 ? 22 : 0;
  return { rooms, members, history: columns - (rooms && rooms + gap) - (members && members + gap) };
}

/** All but the prompt's row, which goes first when there is no room. */
export function historyRows(rows: number): number {
  return rows > 1 ? rows - 1 : rows;
}

export type View = {
  readonly lines: readonly (readonly Span[])[];
  /** The first message that is shown from its start, and the last; undefined when there is none. */
  readonly shown: { readonly firstId: number; readonly lastId: number } | undefined;
};

/** Of a slice as it was painted last: a frame asks for it more than once. */
const lastViews = new WeakMap<ChatSlice, { columns: number; rows: number; version: number; view: View }>();

/** The history as at most `rows` lines of at most `columns` cells, the newest at the bottom. */
export function viewHistory(slice: ChatSlice, columns: number, rows: number): View {
  const last = lastViews.get(slice);
  const version = timesVersion();
  if (last?.columns === columns && last.rows === rows && last.version === version) return last.view;
  const view = makeView(slice, columns, rows);
  lastViews.set(slice, { columns, rows, version, view });
  return view;
}

function makeView(slice: ChatSlice, columns: number, rows: number): View {
  const history = selectedHistory(slice);
  if (rows <= 0 || columns <= 0) return { lines: [], shown: undefined };
  if (!history || history.entries.length === 0)
    return { lines: pinLines(slice, columns, rows), shown: undefined };
  const { looked } = history;
  const { rows: entries, index: bottom } = arrange(chatList, slice, 0);
  if (entries.length === 0) return { lines: pinLines(slice, columns, rows), shown: undefined };
  const below = entries.length - 1 - bottom;
  const newer = below > 0 ? [note(`▼ ${below} newer, End shows the newest`)] : [];

  const pins = pinLines(slice, columns, rows);
  const room = rows - newer.length - pins.length;
  const { operator } = slice;
  const about = { operator, news: newsOf(entries, history.turnedAway, operator) };
  const whole = fill(entries, about, bottom, columns, room);
  const unseen = entries.filter(({ id }) => id > looked && id < whole.shown.firstId).length;
  if (unseen === 0 || room < 2) return { lines: [...pins, ...whole.lines, ...newer], shown: whole.shown };
  const rest = fill(entries, about, bottom, columns, room - 1);
  const missed = entries.filter(({ id }) => id > looked && id < rest.shown.firstId).length;
  return {
    lines: [...pins, note(`▲ ${missed} unseen above, u shows them`), ...rest.lines, ...newer],
    shown: rest.shown,
  };
}

/** What is pinned, those of the newest messages first: at most a quarter of the lines, of one line each. */
function pinLines({ beside, selected }: ChatSlice, columns: number, rows: number): (readonly Span[])[] {
  if (!beside || rows < 4) return [];
  const { pins, pinCount, error } = beside;
  if (error !== undefined) return [[{ text: fitTo(`Pins are not known: ${error}`, columns), tone: 'muted' }]];
  const most = Math.max(1, Math.floor(rows / 4));
  const shown = pins.toReversed().slice(0, pinCount > most ? Math.max(1, most - 1) : most);
  const more = pinCount - shown.length;
  return [
    ...shown.map(({ entry }): readonly Span[] => {
      const said = isMalformed(entry)
        ? `message ${entry.id} is malformed`
        : `${shownTime(entry.at)} ${sanitise(entry.sender)}: ${sanitise(entry.message)}`;
      return [
        { text: 'pin ', tone: 'mark' },
        { text: fitTo(said, Math.max(1, columns - 4)), tone: 'strong' },
      ];
    }),
    ...(more > 0 && most > 1
      ? [[{ text: fitTo(`and ${more} more: :chat pins ${selected ?? ''}`, columns), tone: 'muted' } as const]]
      : []),
  ];
}

type Filled = Required<Pick<View, 'lines'>> & { readonly shown: { firstId: number; lastId: number } };

type About = {
  readonly operator: string;
  /** What came of others since the operator turned away, and the first of it. */
  readonly news: { readonly firstId: number; readonly words: string } | undefined;
};

/** What one says oneself is no news, and does not move where the news begins. */
function newsOf(entries: readonly Entry[], turnedAway: number, operator: string): About['news'] {
  const news = entries.filter(
    (entry) => entry.id > turnedAway && (isMalformed(entry) || entry.sender !== operator),
  );
  const [first] = news;
  // Before the first, everything is new: a line says nothing then.
  if (!first || first === entries[0]) return;
  const since = isMalformed(first) ? '' : ` since ${shownTime(first.at)}`;
  return { firstId: first.id, words: `${news.length} new${since}` };
}

/** As many lines as fit, from the message at `bottom` up. */
function fill(
  entries: readonly Entry[],
  { operator, news }: About,
  bottom: number,
  columns: number,
  rows: number,
): Filled {
  const senders = widestSender(entries.slice(Math.max(0, bottom - rows), bottom + 1), columns);
  const lastId = entries[bottom]?.id ?? 0;
  const lines: (readonly Span[])[] = [];
  let firstId = lastId;
  for (let index = bottom; index >= 0 && lines.length < rows; index -= 1) {
    const entry = entries[index];
    if (!entry) break;
    const before = entries[index - 1];
    const most = Math.max(1, Math.floor(rows / 2));
    lines.unshift(...entryLines(entry, { columns, senders, most, isCalled: isMention(entry, operator) }));
    if (lines.length <= rows) firstId = entry.id;
    if (news?.firstId === entry.id) lines.unshift(ruled(news.words, columns, 'right'));
    const day = dayOf(entry);
    if (day !== undefined && (before === undefined || day !== dayOf(before))) {
      lines.unshift(ruled(day, columns, 'left'));
    }
  }
  return { lines: lines.slice(-rows), shown: { firstId, lastId } };
}

function note(text: string): readonly Span[] {
  return [{ text, tone: 'warn' }];
}

/** The sender's column: as wide as it must be, but the text comes first. */
function widestSender(entries: readonly Entry[], columns: number): number {
  const most = columns < narrow ? 8 : 12;
  return entries.reduce(
    (widest, entry) =>
      isMalformed(entry) ? widest : Math.min(most, Math.max(widest, width(sanitise(entry.sender)))),
    1,
  );
}

type EntryLook = {
  readonly columns: number;
  readonly senders: number;
  readonly most: number;
  /** It calls the operator. */
  readonly isCalled: boolean;
};

/** `15:41 oncall  text`, and its further lines under the text; at most `most` of them. `15:41@` calls the operator. */
function entryLines(entry: Entry, { columns, senders, most, isCalled }: EntryLook): (readonly Span[])[] {
  if (isMalformed(entry)) {
    return [
      [
        { text: '--:-- ', tone: 'muted' },
        { text: `message ${entry.id} is malformed, skipped`, tone: 'warn' },
      ],
    ];
  }
  const beside = clockCells + senders + 2;
  const under = columns < narrow ? clockCells : beside;
  const text = sanitise(entry.message);
  const [first = ''] = wrap(text, Math.max(1, columns - beside));
  const rest = text.slice(first.length).trimStart();
  const wrapped = [first, ...(rest === '' ? [] : wrap(rest, Math.max(1, columns - under)))];
  const kept =
    wrapped.length > most
      ? [...wrapped.slice(0, Math.max(1, most - 1)), `… ${wrapped.length - Math.max(1, most - 1)} more lines`]
      : wrapped;
  return kept
    .slice(0, Math.max(1, most))
    .map((line, index) =>
      index === 0
        ? [
            ...clockOf(entry, isCalled),
            { text: fitTo(sanitise(entry.sender), senders), tone: 'strong' },
            `  ${line}`,
          ]
        : [`${' '.repeat(under)}${line}`],
    );
}

function clockOf({ at }: Message, isCalled: boolean): readonly Span[] {
  const clock = shownBriefly(at).padStart(clockCells - 1);
  if (!isCalled) return [{ text: `${clock} `, tone: 'muted' }];
  return [
    { text: clock, tone: 'muted' },
    { text: '@', tone: 'mark' },
  ];
}

/** A line across with a word in it. */
function ruled(word: string, columns: number, side: 'left' | 'right'): readonly Span[] {
  const rest = Math.max(0, columns - width(word) - 2);
  const short = Math.min(2, rest);
  const [left, right] = side === 'left' ? [short, rest - short] : [rest - short, short];
  return [
    { text: '─'.repeat(left), tone: 'line' },
    { text: ` ${word} `, tone: side === 'left' ? 'muted' : 'mark' },
    { text: '─'.repeat(right), tone: 'line' },
  ];
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

function dayOf(entry: Entry): string | undefined {
  if (isMalformed(entry)) return;
  const quarter = Math.floor(entry.at / quarterMs);
  const times = currentTimes();
  if (quarter === lastDay.quarter && times === lastDay.times) return lastDay.text;
  const [year, month, day, weekday] = zonedDate(entry.at);
  lastDay = { quarter, times, text: `${days[weekday]} ${day} ${monthNames[month]} ${year}` };
  return lastDay.text;
}

/** Days of every time zone begin on a quarter of an hour, and most messages are of the same one as their neighbours. */
const quarterMs = 15 * 60_000;
let lastDay = { quarter: Number.NaN, times: currentTimes(), text: '' };
