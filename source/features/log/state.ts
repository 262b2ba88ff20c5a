import { formatCount } from '../../ui/format.ts';
import { initialList, type List, type ListState, lookAnew } from '../../ui/list.ts';
import { type Movement, movement } from './movement.ts';
import { covers, patternOf } from './template/pattern.ts';

/** What the console knows of logs: which there are, the leaderboard of one, and where in it the operator is. */
export type LogSlice = {
  /** Those written to last, by name, then severity; undefined before the first answer. */
  readonly logs: readonly Log[] | undefined;
  /** How many there are. */
  readonly total: number;
  readonly selected: Log | undefined;
  /** Of the selected log; undefined until it was read. */
  readonly board: Board | undefined;
  readonly list: ListState;
  /** The last lines of the selected log, newest first; read while details are open. */
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

/** A message of this hour, or one of the hour before that has not come. */
export type Mover = Omit<BoardEntry, 'rank'> & {
  readonly rank: number | undefined;
  readonly moved: Movement;
};

export type Reading = {
  readonly logs: readonly Log[];
  /** How many logs there are; the length of `logs` where it is left out. */
  readonly total?: number;
  readonly selected: Log | undefined;
  readonly board: Board | undefined;
  /** Undefined when they were not asked for. */
  readonly recent: readonly Line[] | undefined;
};

export const initial: LogSlice = {
  logs: undefined,
  total: 0,
  selected: undefined,
  board: undefined,
  list: initialList,
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

export function learn(
  slice: LogSlice,
  { logs, total = logs.length, selected, board, recent }: Reading,
): LogSlice {
  const shown = logToShow(logs, slice.selected);
  // A reading of another log than the one selected meanwhile tells only which logs there are.
  if (!isSame(shown, selected)) return { ...slice, logs, total, selected: shown };
  const isKept = isSame(slice.selected, selected);
  return { ...slice, logs, total, selected, board, recent: recent ?? (isKept ? slice.recent : []) };
}

/** The rows of the leaderboard: new ones first, then by how much they rise; last what has not come. */
function moversOf({ board }: LogSlice): readonly Mover[] {
  if (!board) return [];
  const hasPrevious = board.previousHourMs !== undefined;
  const movers = board.entries.map((entry): Mover => {
    const moved = movement(entry.count, entry.previous, hasPrevious, board.elapsedMinutes / 60);
    return { ...entry, moved };
  });
  const gone = board.gone.map(
    ({ message, previous }): Mover => ({
      message,
      previous,
      count: 0,
      rank: undefined,
      previousRank: null,
      sample: message,
      moved: { kind: 'gone' },
    }),
  );
  return [...movers.sort((a, b) => push(b.moved) - push(a.moved) || (a.rank ?? 0) - (b.rank ?? 0)), ...gone];
}

/** New first, then by how much it rises. */
function push(moved: Movement): number {
  if (moved.kind === 'new') return Number.MAX_VALUE;
  return 'ratio' in moved ? moved.ratio : moved.kind === 'gone' ? 0 : 1;
}

export const logList: List<LogSlice, Mover> = {
  rows: moversOf,
  id: ({ message }) => message,
  name: ({ message }) => message,
  texts: ({ message, sample }) => [message, sample],
  prose: ({ sample }) => sample,
  order: 'move',
  part: ({ logs = [], total, selected }) =>
    selected && total > 1 && logs.length > 0
      ? `log ${selected.name}:${selected.severity} of ${formatCount(total)}`
      : undefined,
  total: ({ board }) => board && board.distinct + board.gone.length,
  columns: ['move', '#', 'now', 'share', 'last h', 'message'],
  fields: {
    move: ({ moved }) => push(moved),
    now: ({ count }) => count,
    last: ({ previous }) => previous,
    rank: ({ rank }) => rank,
    message: ({ message }) => message,
  },
};

/** The next log, or the next severity of the same name; round the end to the other. */
export function step(slice: LogSlice, by: number, { sameName = false } = {}): LogSlice {
  const { logs = [], selected } = slice;
  const among = sameName ? logs.filter(({ name }) => name === selected?.name) : logs;
  const at = among.findIndex((log) => isSame(log, selected));
  const next = among[(at + by + among.length) % among.length];
  return next ? show(slice, next) : slice;
}

/** Shows this log. */
export function show(slice: LogSlice, log: Log): LogSlice {
  if (isSame(log, slice.selected)) return slice;
  return { ...slice, selected: log, board: undefined, list: lookAnew(slice.list), recent: [] };
}

/** Of the recent lines, those the message stands for. */
export function linesOf({ recent }: LogSlice, message: string): readonly Line[] {
  const pattern = patternOf(message);
  return recent.filter(
    (line) => line.message === message || line.template === message || covers(pattern, line.template),
  );
}
