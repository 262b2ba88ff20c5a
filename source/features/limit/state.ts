import { compareNames } from '../../compare-names.ts';
import { initialList, type List, type ListState } from '../../ui/list.ts';
import { steadyMoment } from '../../ui/moment.ts';
import { conditionOf } from './condition.ts';

/** One limit of one subject, and how full it was lately. */
export type Meter = {
  readonly subject: string;
  readonly algorithm: string;
  readonly limit: number;
  readonly perMs: number;
  readonly used: number;
  readonly remaining: number;
  /** Epoch ms of this console's clock; undefined: nothing of it is used. */
  readonly resetAtMs: number | undefined;
  /** Undefined: not known. */
  readonly denied: number | undefined;
  /** What was used at the last readings, oldest first. */
  readonly history: readonly number[];
  /** The sweep through the index that saw it last. */
  readonly sweep: number;
};

export type LimitSlice = {
  /** Nearest to its limit first. */
  readonly meters: readonly Meter[];
  /** How many limits there are; undefined before the first answer. */
  readonly total: number | undefined;
  /** Where the next reading of the index begins, and which sweep through it that is. */
  readonly next: number;
  readonly sweep: number;
  /** Those of the limits used longer ago that are full, as the last look through all of them found. */
  readonly elsewhere: readonly Meter[];
  /** How many more it found than are kept. */
  readonly moreFull: number;
  /** Where that look stands, and what it found so far; undefined where all limits are among `meters`. */
  readonly round:
    | {
        readonly skip: number;
        readonly full: readonly Meter[];
        readonly moreFull: number;
      }
    | undefined;
  /** What is not known of a page of the index, in sentences, by the place where that page begins. */
  readonly wrong: Readonly<Record<number, readonly string[]>>;
  /** Whether it came to an end once. */
  readonly isWhole: boolean;
  readonly list: ListState;
  /** Servers, of several, whose limits are missing here. */
  readonly missing?: readonly number[];
};

export type Reading = {
  readonly total: number;
  readonly limits: readonly (Omit<Meter, 'history' | 'sweep' | 'resetAtMs'> & { readonly resetMs: number })[];
  readonly skip: number;
  /** How many entries of the index this page is of; more than `limits` where of some nothing can be said. */
  readonly met?: number;
  /** What is not known of them, in sentences. */
  readonly wrong?: readonly string[];
  /** A page of those used longer ago. */
  readonly older?: Page | undefined;
  /** Of this console's clock. */
  readonly nowMs: number;
  readonly missing?: readonly number[];
};

type Page = Pick<Reading, 'skip' | 'limits' | 'met' | 'wrong'>;

export const longestHistory = 40;

export const initial: LimitSlice = {
  meters: [],
  total: undefined,
  next: 0,
  sweep: 0,
  elsewhere: [],
  moreFull: 0,
  round: undefined,
  wrong: {},
  isWhole: false,
  list: initialList,
};

export function idOf({ subject, algorithm, perMs }: Pick<Meter, 'subject' | 'algorithm' | 'perMs'>): string {
  return `${algorithm}:${perMs}:${subject}`;
}

/**
 * Takes in one reading of the index. Where it takes several to read it all, meters that this one did not reach stay,
 * until a whole sweep has passed without them.
 */
export function learn(slice: LimitSlice, reading: Reading): LimitSlice {
  const { total, limits, skip, nowMs, missing = [], older } = reading;
  const { missing: _, ...before } = slice;
  const known = new Map(slice.meters.map((meter) => [idOf(meter), meter]));
  const isLast = isEnd(reading, total);
  const isWhole = isLast && skip === 0;
  const sweep = isWhole ? 0 : slice.sweep;
  const fresh = limits.map(({ resetMs, ...use }): Meter => {
    const before = known.get(idOf(use));
    const history = extended(before?.history ?? [], use.used);
    const resetAtMs = resetMs > 0 ? steadyMoment(before?.resetAtMs, nowMs + resetMs) : undefined;
    return { ...use, resetAtMs, history, sweep };
  });
  const read = new Set(fresh.map(idOf));
  const kept = isWhole
    ? []
    : slice.meters.filter((meter) => !read.has(idOf(meter)) && meter.sweep >= sweep - 1);
  const meters = [...fresh, ...kept].toSorted(byNearness);
  return {
    ...before,
    meters,
    total,
    ...further(slice, reading, new Set(meters.map(idOf))),
    wrong: [reading, ...(older ? [older] : [])].reduce(
      (known, page) => noted(known, page, total),
      slice.wrong,
    ),
    next: isLast ? 0 : skip + metOn(reading),
    sweep: isLast && !isWhole ? sweep + 1 : sweep,
    ...(missing.length > 0 && { missing }),
  };
}

/** How many of the limits used last are watched; what was used longer ago is looked through a page at a time. */
export const mostWatched = 300;

function further(
  { elsewhere, moreFull, round, isWhole }: LimitSlice,
  { total, older, nowMs }: Reading,
  watched: ReadonlySet<string>,
): Pick<LimitSlice, 'elsewhere' | 'moreFull' | 'round' | 'isWhole'> {
  if (total <= mostWatched) return { elsewhere: [], moreFull: 0, round: undefined, isWhole: true };
  const begun = { skip: mostWatched, full: [], moreFull: 0 };
  if (!older) return { elsewhere, moreFull, round: round ?? begun, isWhole };
  const found = older.limits
    .map(
      ({ resetMs, ...use }): Meter => ({
        ...use,
        resetAtMs: resetMs > 0 ? nowMs + resetMs : undefined,
        history: [use.used],
        sweep: 0,
      }),
    )
    .filter((meter) => isFull(meter) && !watched.has(idOf(meter)));
  const all = [...(round?.full ?? []), ...found];
  const full = all.slice(0, mostWatched);
  const more = (round?.moreFull ?? 0) + all.length - full.length;
  return isEnd(older, total)
    ? { elsewhere: full, moreFull: more, round: begun, isWhole: true }
    : { elsewhere, moreFull, round: { skip: older.skip + metOn(older), full, moreFull: more }, isWhole };
}

function metOn({ met, limits }: Page): number {
  return met ?? limits.length;
}

/** Whether the index ends with this page. */
function isEnd(page: Page, total: number): boolean {
  return metOn(page) === 0 || page.skip + metOn(page) >= total;
}

/** A page that is read again replaces what was said of it; behind the last one is nothing any more. */
function noted(wrong: LimitSlice['wrong'], page: Page, total: number): LimitSlice['wrong'] {
  const others = Object.entries(wrong).filter(
    ([place]) => Number(place) !== page.skip && !(isEnd(page, total) && Number(place) > page.skip),
  );
  return Object.fromEntries(page.wrong?.length ? [...others, [page.skip, page.wrong]] : others);
}

/** A level that never changed needs no more of the same, so that an idle console paints nothing. */
function extended(history: readonly number[], used: number): readonly number[] {
  if (history.length > 0 && history.every((value) => value === used)) return history;
  return [...history, used].slice(-longestHistory);
}

type Use = Pick<Meter, 'subject' | 'perMs' | 'limit' | 'used' | 'denied'>;

/** Nearest to its limit first; of those alike, the one that refused most. */
export function byNearness(a: Use, b: Use): number {
  return (
    b.used / b.limit - a.used / a.limit ||
    (b.denied ?? 0) - (a.denied ?? 0) ||
    compareNames(a.subject, b.subject) ||
    a.perMs - b.perMs
  );
}

export function isFull(meter: Meter): boolean {
  return conditionOf(meter) === 'full';
}

export const limitList: List<LimitSlice, Meter> = {
  rows: ({ meters, elsewhere }) => (elsewhere.length === 0 ? meters : [...elsewhere, ...meters]),
  id: idOf,
  name: ({ subject }) => subject,
  texts: ({ subject, algorithm }) => [subject, algorithm],
  total: ({ total }) => total,
  order: 'use',
  columns: ['state', 'subject', 'use', 'bar', 'per', 'by', 'resets', 'denied', 'lately'],
  units: { use: 'share', per: 'ms', resets: 'ms' },
  fields: {
    state: conditionOf,
    subject: ({ subject }) => subject,
    use: ({ used, limit }) => used / limit,
    used: ({ used }) => used,
    limit: ({ limit }) => limit,
    remaining: ({ remaining }) => remaining,
    per: ({ perMs }) => perMs,
    by: ({ algorithm }) => algorithm,
    denied: ({ denied }) => denied,
    resets: ({ resetAtMs }, nowMs) => (resetAtMs === undefined ? undefined : Math.max(0, resetAtMs - nowMs)),
  },
};
