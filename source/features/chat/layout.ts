import { formatClock } from '../../ui/figures.ts';
import type { Span } from '../../ui/row.tsx';
import { fitTo, padEnd, sanitise, width, wrap } from '../../ui/text.ts';
import { type Entry, isMalformed } from './message.ts';
import { type ChatSlice, selectedHistory } from './state.ts';

/** Where the pane's parts go; rooms and members only where the history still has room to breathe. */
export type Layout = { readonly rooms: number; readonly members: number; readonly history: number };

export function layOut(columns: number): Layout {
  const gap = 2;
  const rooms = columns >= 60 ? Math.min(24, Math.floor(columns / 4)) : 0;
  const members = columns >= 90 ? 22 : 0;
  return { rooms, members, history: columns - (rooms && rooms + gap) - (members && members + gap) };
}

export type View = {
  readonly lines: readonly (readonly Span[])[];
  /** The first message of which all is shown, and the last; undefined when there is none. */
  readonly shown: { readonly firstId: number; readonly lastId: number } | undefined;
  /** Messages below the view. */
  readonly below: number;
};

/** The history as lines of at most `columns` cells, at most `rows` of them, the newest at the bottom. */
export function viewHistory(slice: ChatSlice, columns: number, rows: number): View {
  const history = selectedHistory(slice);
  if (!history || rows <= 0 || columns <= 0) return { lines: [], shown: undefined, below: 0 };
  const { entries, anchor, turnedAway } = history;
  const found = anchor === undefined ? -1 : entries.findIndex(({ id }) => id >= anchor);
  const bottom = found === -1 ? entries.length - 1 : found;
  const senders = Math.min(
    senderCells(columns),
    widestSender(entries.slice(Math.max(0, bottom - rows), bottom + 1)),
  );
  const lines: (readonly Span[])[] = [];
  let firstId: number | undefined;
  for (let index = bottom; index >= 0 && lines.length < rows; index -= 1) {
    const entry = entries[index];
    if (!entry) break;
    const before = entries[index - 1];
    const own = entryLines(entry, columns, senders, Math.max(1, Math.floor(rows / 2)));
    lines.unshift(...own);
    if (lines.length <= rows) firstId = entry.id;
    if (entry.id > turnedAway && (before === undefined || before.id <= turnedAway) && index > 0) {
      lines.unshift(ruled('new since you looked', columns, 'right'));
    }
    const day = dayOf(entry);
    if (day !== undefined && (before === undefined || day !== dayOf(before)))
      lines.unshift(ruled(day, columns, 'left'));
  }
  const lastId = entries[bottom]?.id;
  return {
    lines: lines.slice(-rows),
    shown: firstId === undefined || lastId === undefined ? undefined : { firstId, lastId },
    below: entries.length - 1 - bottom,
  };
}

function senderCells(columns: number): number {
  return columns < 50 ? 8 : 12;
}

function widestSender(entries: readonly Entry[]): number {
  return entries.reduce(
    (most, entry) => (isMalformed(entry) ? most : Math.max(most, width(sanitise(entry.sender)))),
    1,
  );
}

/** `15:41 oncall  text`, and its further lines under the text; at most `most` of them. */
function entryLines(entry: Entry, columns: number, senders: number, most: number): (readonly Span[])[] {
  if (isMalformed(entry)) {
    return [
      [
        { text: '--:-- ', tone: 'dim' },
        { text: `message ${entry.id} is malformed, skipped`, tone: 'warn' },
      ],
    ];
  }
  const indent = 6 + senders + 2;
  const room = Math.max(1, columns - indent);
  const wrapped = wrap(sanitise(entry.message), room);
  const kept =
    wrapped.length > most
      ? [...wrapped.slice(0, most - 1), `… ${wrapped.length - most + 1} more lines`]
      : wrapped;
  return kept.map((text, index) =>
    index === 0
      ? [
          { text: `${formatClock(entry.at)} `, tone: 'dim' },
          { text: fitTo(sanitise(entry.sender), senders), tone: 'info' },
          `  ${text}`,
        ]
      : [padEnd('', indent) + text],
  );
}

/** A line across with a word in it. */
function ruled(word: string, columns: number, side: 'left' | 'right'): readonly Span[] {
  const rest = Math.max(0, columns - width(word) - 2);
  const short = Math.min(2, rest);
  const [left, right] = side === 'left' ? [short, rest - short] : [rest - short, short];
  return [
    { text: `${'─'.repeat(left)} ${word} ${'─'.repeat(right)}`, tone: side === 'left' ? 'dim' : 'warn' },
  ];
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function dayOf(entry: Entry): string | undefined {
  if (isMalformed(entry)) return;
  const at = new Date(entry.at);
  return `${days[at.getDay()]} ${at.getDate()} ${months[at.getMonth()]} ${at.getFullYear()}`;
}
