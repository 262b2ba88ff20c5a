import { type Movement, movement } from './movement.ts';
import { covers, patternOf } from './template/pattern.ts';

/** What the console knows of logs: which there are, the leaderboard of one, and where in it the operator is. */
export type LogSlice = {
  /** By name, then severity; undefined before the first answer. */
  readonly logs: readonly Log[] | undefined;
  readonly selected: Log | undefined;
  /** Of the selected log; undefined until it was read. */
  readonly board: Board | undefined;
  /** The message under the cursor; undefined: the first one. */
  readonly cursor: string | undefined;
  readonly filter: string;
  readonly order: 'count' | 'movers';
  /** Whether the message under the cursor is shown with its sample and the recent lines. */
  readonly isOpen: boolean;
  /** The last lines of the selected log, newest first; read while a message is open. */
  readonly recent: readonly Line[];
};

export type Log = { readonly name: string; readonly severity: string };

export type Board = {
  /** Undefined when the log does not say since when it counts. */
  readonly hourMs: number | undefined;
  readonly previousHourMs: number | undefined;
  /** Whole minutes of the hour that have passed, so that a quiet log changes once a minute only. */
  readonly elapsedMinutes: number;
  readonly total: number;
  readonly distinct: number;
  readonly previousTotal: number;
  /** The most frequent first. */
  readonly entries: readonly BoardEntry[];
  readonly gone: readonly { readonly message: string; readonly previous: number }[];
};

export type BoardEntry = {
  readonly message: string;
  readonly count: number;
  readonly previous: number;
  readonly rank: number;
  readonly previousRank: number | null;
  readonly sample: string;
};

/** `template` is the line masked, to tell whose line it is. */
export type Line = { readonly at: number | null; readonly message: string; readonly template: string };

export type Mover = BoardEntry & { readonly moved: Movement };

export type Reading = {
  readonly logs: readonly Log[];
  readonly selected: Log | undefined;
  readonly board: Board | undefined;
  /** Undefined when they were not asked for. */
  readonly recent: readonly Line[] | undefined;
};

export const initial: LogSlice = {
  logs: undefined,
  selected: undefined,
  board: undefined,
  cursor: undefined,
  filter: '',
  order: 'count',
  isOpen: false,
  recent: [],
};

export function isSame(a: Log | undefined, b: Log | undefined): boolean {
  return a?.name === b?.name && a?.severity === b?.severity;
}

/** The log to show: the selected one while it is there, else the loudest. */
export function logToShow(logs: readonly Log[], selected: Log | undefined): Log | undefined {
  if (logs.some((log) => isSame(log, selected))) return selected;
  return logs.toSorted((a, b) => loudness(b) - loudness(a))[0];
}

const severities = ['debug', 'info', 'warning', 'error', 'critical'];

function loudness({ severity }: Log): number {
  return severities.indexOf(severity);
}

export function learn(slice: LogSlice, { logs, selected, board, recent }: Reading): LogSlice {
  const shown = logToShow(logs, slice.selected);
  // A reading of another log than the one selected meanwhile tells only which logs there are.
  if (!isSame(shown, selected)) return { ...slice, logs, selected: shown };
  const isKept = isSame(slice.selected, selected);
  return { ...slice, logs, selected, board, recent: recent ?? (isKept ? slice.recent : []) };
}

/** The rows of the leaderboard: what passes the filter, in order. */
export function rows({ board, filter, order }: LogSlice): readonly Mover[] {
  if (!board) return [];
  const hasPrevious = board.previousHourMs !== undefined;
  const wanted = filter.toLowerCase();
  const movers = board.entries
    .filter(({ message, sample }) => `${message}\n${sample}`.toLowerCase().includes(wanted))
    .map((entry): Mover => {
      const moved = movement(entry.count, entry.previous, hasPrevious, board.elapsedMinutes / 60);
      return { ...entry, moved };
    });
  return order === 'count'
    ? movers
    : movers.toSorted((a, b) => push(b.moved) - push(a.moved) || a.rank - b.rank);
}

/** New first, then by how much it rises. */
function push(moved: Movement): number {
  if (moved.kind === 'new') return Number.MAX_VALUE;
  return 'ratio' in moved ? moved.ratio : 1;
}

/** Of the hour before, what has not come and passes the filter, the most frequent first. */
export function gone({ board, filter }: LogSlice): Board['gone'] {
  const wanted = filter.toLowerCase();
  return board?.gone.filter(({ message }) => message.toLowerCase().includes(wanted)) ?? [];
}

/** The place of the cursor among the rows, -1 if there are none. */
export function cursorAt(slice: LogSlice): number {
  const shown = rows(slice);
  const found = shown.findIndex(({ message }) => message === slice.cursor);
  return Math.max(found, Math.min(0, shown.length - 1));
}

export function underCursor(slice: LogSlice): Mover | undefined {
  return rows(slice)[cursorAt(slice)];
}

/** Moves the cursor so many rows, stopping at the ends. */
export function move(slice: LogSlice, by: number): LogSlice {
  const shown = rows(slice);
  const to = Math.min(shown.length - 1, Math.max(0, cursorAt(slice) + by));
  const message = shown[to]?.message;
  return message === undefined || message === slice.cursor ? slice : { ...slice, cursor: message };
}

/** The next log, or the next severity of the same name; round the end to the other. */
export function step(slice: LogSlice, by: number, { sameName = false } = {}): LogSlice {
  const { logs = [], selected } = slice;
  const among = sameName ? logs.filter(({ name }) => name === selected?.name) : logs;
  const at = among.findIndex((log) => isSame(log, selected));
  const next = among[(at + by + among.length) % among.length];
  if (!next || isSame(next, selected)) return slice;
  return { ...slice, selected: next, board: undefined, cursor: undefined, isOpen: false, recent: [] };
}

export function filterBy(slice: LogSlice, filter: string): LogSlice {
  return filter === slice.filter ? slice : { ...slice, filter };
}

export function toggleOrder(slice: LogSlice): LogSlice {
  return { ...slice, order: slice.order === 'count' ? 'movers' : 'count' };
}

/** Shows the message under the cursor, or the leaderboard again. */
export function toggleOpen(slice: LogSlice): LogSlice {
  const message = underCursor(slice)?.message;
  if (slice.isOpen) return { ...slice, isOpen: false };
  return message === undefined ? slice : { ...slice, isOpen: true, cursor: message };
}

/** Of the recent lines, those the message stands for. */
export function linesOf({ recent }: LogSlice, message: string): readonly Line[] {
  const pattern = patternOf(message);
  return recent.filter(
    (line) => line.message === message || line.template === message || covers(pattern, line.template),
  );
}
