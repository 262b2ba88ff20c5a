import { compareNames } from '../compare-names.ts';
import { type Filter, parseFilter } from './filter.ts';

/**
 * How the operator looks at a list, the same in every pane: which row is chosen, what is filtered away, in which order
 * the rows stand, which are marked, and whether details are open. Plain data in the feature's slice; pure functions here.
 *
 * A row is chosen by its identity, never by its place: it stays chosen when the order changes.
 */
export type ListState = {
  /** The id of the chosen row; undefined: the one that stands first (or last, in a list that follows its end). */
  readonly selected: string | undefined;
  readonly filter: string;
  /** By which field the rows are ordered; undefined: as the feature gives them, what needs a human first. */
  readonly order: Order | undefined;
  /** Which columns the table has, by name and in this order; undefined: those of the pane, as far as there is room. */
  readonly columns: readonly string[] | undefined;
  /** Ids, in the order they were marked. */
  readonly marks: readonly string[];
  /** Details of the chosen row: closed, beside or below the list, or instead of it. */
  readonly details: 'closed' | 'open' | 'full';
  /** The first line of the details that is shown. */
  readonly scroll: number;
  /** The rows keep these places for a while, so that none moves away under the cursor or a question. */
  readonly held: readonly string[] | undefined;
};

export type Order = { readonly field: string; readonly isDescending: boolean };

export const initialList: ListState = {
  selected: undefined,
  filter: '',
  order: undefined,
  columns: undefined,
  marks: [],
  details: 'closed',
  scroll: 0,
  held: undefined,
};

/** The same look at other rows, as of another channel: nothing is chosen there yet. */
export function lookAnew({ filter, order, columns }: ListState): ListState {
  return { ...initialList, filter, order, columns };
}

/** A slice with a list in it. */
export type Listed = { readonly list: ListState };

/** What the values of a field are compared by; durations and sizes are numbers. Undefined: it has none. */
export type FieldValue = number | string | undefined;

export type List<Slice, Row> = {
  /** The rows that are known, worst first. */
  rows(slice: Slice): readonly Row[];
  id(row: Row): string;
  /** What people call it. */
  name(row: Row): string;
  /** All that a plain word of a filter is looked for in; the name unless given. */
  texts?(row: Row): readonly string[];
  /** Names besides its own that it may have in common with other rows, such as of whoever holds it. */
  ties?(row: Row): readonly string[];
  /** What somebody wrote there: names in it are of what it is about. Such a row has no name of its own. */
  prose?(row: Row): string;
  /** By name: what rows can be ordered by and filtered on, such as `lag>100` or `owner:ci-14`. */
  readonly fields: Readonly<Record<string, (row: Row, nowMs: number) => FieldValue>>;
  /** The columns of its table by name, in the order of the pane; none: it is no table. */
  readonly columns?: readonly string[];
  /** What the numbers of a field are, for whoever says them: milliseconds, bytes, a moment, a share of one. */
  readonly units?: Readonly<Record<string, 'ms' | 'bytes' | 'at' | 'share'>>;
  /** How many there are in all, where more are counted than known. */
  total?(slice: Slice): number | undefined;
  /** Of what the rows are only a part, such as `channel logs: of 12`; where `total` is larger than they are unless given. */
  part?(slice: Slice): string | undefined;
  /** In what order the feature gives its rows: `need` unless given. */
  readonly order?: string;
  /** Follows its end, as a list of messages does. */
  readonly followsEnd?: boolean;
  /** Whether a row calls whoever sits at this console, as a message that names them does. */
  calls?(row: Row, slice: Slice): boolean;
};

/** The rows as they are shown. */
export type Arrangement<Row> = {
  readonly rows: readonly Row[];
  /** The place of the chosen row among them; -1 when there is none. */
  readonly index: number;
  /** How many rows are known before filtering. */
  readonly known: number;
  /** Of the marked ones, those that are still there. */
  readonly marked: readonly Row[];
  /** Nothing matched the words as they stand; these match letter by letter. */
  readonly isLoose: boolean;
  /** Why the filter cannot be used. */
  readonly mistake: string | undefined;
};

type Cached = { readonly atMs: number; readonly usesClock: boolean; readonly found: Arrangement<unknown> };
const cache = new WeakMap<object, WeakMap<object, Cached>>();
const clockMs = 1000;

/** Filters and orders the rows; computed once for each slice. */
export function arrange<Slice extends Listed, Row>(
  list: List<Slice, Row>,
  slice: Slice,
  nowMs: number,
): Arrangement<Row> {
  const own: WeakMap<object, Cached> = cache.get(list) ?? new WeakMap<object, Cached>();
  cache.set(list, own);
  const known = own.get(slice);
  const isCurrent = known && (!known.usesClock || Math.abs(nowMs - known.atMs) < clockMs);
  // The cache is keyed by the list, whose rows have one type.
  if (isCurrent) return known.found as Arrangement<Row>;
  const filter = parseFilter(slice.list.filter, Object.keys(list.fields));
  const found = arranged(list, slice, filter, nowMs);
  own.set(slice, { atMs: nowMs, usesClock: filter.usesFields, found });
  return found;
}

function arranged<Slice extends Listed, Row>(
  list: List<Slice, Row>,
  slice: Slice,
  filter: Filter,
  nowMs: number,
): Arrangement<Row> {
  const { order, held, marks, selected } = slice.list;
  const all = list.rows(slice);
  const {
    rows: kept,
    isLoose,
    mistake,
  } = filter.apply(all, {
    texts: (row) => list.texts?.(row) ?? [list.name(row)],
    field: (row, name) => list.fields[name]?.(row, nowMs),
  });
  const value = order && list.fields[order.field];
  const ordered = value ? sorted(kept, list, order, (row) => value(row, nowMs)) : kept;
  const rows = held ? inPlaces(ordered, held, list) : ordered;
  const found = rows.findIndex((row) => list.id(row) === selected);
  const rest = list.followsEnd ? rows.length - 1 : Math.min(0, rows.length - 1);
  const isMarked = new Set(marks);
  return {
    rows,
    index: found === -1 ? rest : found,
    known: all.length,
    marked: isMarked.size === 0 ? [] : all.filter((row) => isMarked.has(list.id(row))),
    isLoose,
    mistake,
  };
}

function sorted<Row>(
  rows: readonly Row[],
  list: Pick<List<never, Row>, 'name'>,
  { isDescending }: Order,
  value: (row: Row) => FieldValue,
): readonly Row[] {
  const direction = isDescending ? -1 : 1;
  return rows
    .map((row) => ({ row, value: value(row) }))
    .sort((a, b) => {
      // What has no value comes last, whichever way.
      if (a.value === undefined || b.value === undefined) {
        return Number(a.value === undefined) - Number(b.value === undefined) || byName(list, a.row, b.row);
      }
      const order =
        typeof a.value === 'number' && typeof b.value === 'number'
          ? a.value - b.value
          : compareNames(String(a.value), String(b.value));
      return order * direction || byName(list, a.row, b.row);
    })
    .map(({ row }) => row);
}

function byName<Row>(list: Pick<List<never, Row>, 'name'>, a: Row, b: Row): number {
  return compareNames(list.name(a), list.name(b));
}

/** The rows in the places they had; new ones behind them. */
function inPlaces<Row>(
  rows: readonly Row[],
  held: readonly string[],
  list: Pick<List<never, Row>, 'id'>,
): readonly Row[] {
  const places = new Map(held.map((id, place) => [id, place]));
  const place = (row: Row): number => places.get(list.id(row)) ?? held.length;
  return rows.toSorted((a, b) => place(a) - place(b));
}

export function chosenRow<Slice extends Listed, Row>(
  list: List<Slice, Row>,
  slice: Slice,
  nowMs = 0,
): Row | undefined {
  const { rows, index } = arrange(list, slice, nowMs);
  return rows[index];
}

/** Changes how the list is looked at; the same slice when nothing changes. */
export function changeList<Slice extends Listed>(slice: Slice, change: Partial<ListState>): Slice {
  const before = slice.list;
  const isSame = (Object.keys(change) as (keyof ListState)[]).every((key) => before[key] === change[key]);
  return isSame ? slice : { ...slice, list: { ...before, ...change } };
}

/** Moves the choice by so many rows, stopping at the ends, and lets the rows keep their places meanwhile. */
export function moveBy<Slice extends Listed, Row>(
  list: List<Slice, Row>,
  slice: Slice,
  by: number,
  nowMs: number,
): Slice {
  const { rows, index } = arrange(list, slice, nowMs);
  const to = Math.max(0, Math.min(rows.length - 1, index + by));
  const row = rows[to];
  if (row === undefined) return slice;
  // At the end it follows what comes next.
  const isEnd = list.followsEnd === true && to === rows.length - 1;
  const selected = isEnd ? undefined : list.id(row);
  return hold(list, changeList(slice, { selected, scroll: 0 }), nowMs);
}

/** Chooses the row with this id; undefined when there is none such, or the filter hides it: then the filter goes. */
export function choose<Slice extends Listed, Row>(
  list: List<Slice, Row>,
  slice: Slice,
  id: string,
  nowMs: number,
): Slice | undefined {
  if (!list.rows(slice).some((row) => list.id(row) === id)) return;
  const isShown = arrange(list, slice, nowMs).rows.some((row) => list.id(row) === id);
  return changeList(slice, { selected: id, scroll: 0, ...(!isShown && { filter: '' }) });
}

/** From now on the rows keep their places, though their values go on. */
export function hold<Slice extends Listed, Row>(list: List<Slice, Row>, slice: Slice, nowMs: number): Slice {
  if (list.followsEnd || slice.list.held) return slice;
  const { rows } = arrange(list, slice, nowMs);
  return changeList(slice, { held: rows.map((row) => list.id(row)) });
}

export function release<Slice extends Listed>(slice: Slice): Slice {
  return changeList(slice, { held: undefined });
}

/**
 * Orders by the next or previous of these fields, round through the feature's own order. Numbers begin with the
 * largest, texts with the first.
 */
export function orderByNext<Slice extends Listed, Row>(
  list: List<Slice, Row>,
  slice: Slice,
  fields: readonly string[],
  step: 1 | -1,
  nowMs: number,
): Slice {
  // What follows its end is in the order it came.
  if (list.followsEnd) return slice;
  const at = fields.indexOf(slice.list.order?.field ?? '') + 1;
  const next = (at + step + fields.length + 1) % (fields.length + 1);
  const field = fields[next - 1];
  return release(
    field === undefined ? changeList(slice, { order: undefined }) : orderBy(list, slice, field, nowMs),
  );
}

/** Orders by a field, what is largest or first by name before the rest. */
export function orderBy<Slice extends Listed, Row>(
  list: List<Slice, Row>,
  slice: Slice,
  field: string,
  nowMs: number,
): Slice {
  const value = list.fields[field];
  const isDescending = list.rows(slice).some((row) => typeof value?.(row, nowMs) === 'number');
  return release(changeList(slice, { order: { field, isDescending } }));
}

export function reverse<Slice extends Listed>(slice: Slice): Slice {
  const { order } = slice.list;
  if (!order) return slice;
  return release(changeList(slice, { order: { ...order, isDescending: !order.isDescending } }));
}

/** Marks the chosen row, or takes its mark away; the next one is then chosen. */
export function toggleMark<Slice extends Listed, Row>(
  list: List<Slice, Row>,
  slice: Slice,
  nowMs: number,
): Slice {
  const row = chosenRow(list, slice, nowMs);
  if (row === undefined) return slice;
  const id = list.id(row);
  const { marks } = slice.list;
  const next = marks.includes(id) ? marks.filter((one) => one !== id) : [...marks, id];
  return moveBy(list, changeList(slice, { marks: next }), 1, nowMs);
}

/** Marks everything that is shown; when all of it is marked already, nothing. */
export function markShown<Slice extends Listed, Row>(
  list: List<Slice, Row>,
  slice: Slice,
  nowMs: number,
): Slice {
  const ids = arrange(list, slice, nowMs).rows.map((row) => list.id(row));
  const { marks } = slice.list;
  const isAll = ids.every((id) => marks.includes(id));
  return changeList(slice, { marks: isAll ? [] : [...new Set([...marks, ...ids])] });
}

/** Opens details of the chosen row, then makes them full. */
export function openDetails<Slice extends Listed, Row>(
  list: List<Slice, Row>,
  slice: Slice,
  nowMs: number,
): Slice {
  const row = chosenRow(list, slice, nowMs);
  if (row === undefined) return slice;
  const details = slice.list.details === 'closed' ? 'open' : 'full';
  // Details are about one thing: the choice no longer follows a place.
  return changeList(slice, { details, selected: list.id(row) });
}

/** Takes back exactly one thing: full details, details, the filter, the marks. The same slice: there was none. */
export function back<Slice extends Listed>(slice: Slice): Slice {
  const { details, filter, marks } = slice.list;
  if (details === 'full') return changeList(slice, { details: 'open', scroll: 0 });
  if (details === 'open') return changeList(slice, { details: 'closed', scroll: 0 });
  if (filter !== '') return changeList(slice, { filter: '' });
  return marks.length > 0 ? changeList(slice, { marks: [] }) : slice;
}
