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
  readonly denied: number;
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
        readonly unread: readonly string[];
      }
    | undefined;
  /** Sentences on limits whose maximum is not known: of the last whole sweep, of the one under way, of the others. */
  readonly unread: {
    readonly last: readonly string[];
    readonly met: readonly string[];
    readonly elsewhere: readonly string[];
  };
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
  /** Sentences on limits whose maximum is not known. */
  readonly unread?: readonly string[];
  /** A page of those used longer ago. */
  readonly older?: Pick<Reading, 'skip' | 'limits' | 'met' | 'unread'> | undefined;
  /** Of this console's clock. */
  readonly nowMs: number;
  readonly missing?: readonly number[];
};

export const longestHistory = 40;

export const initial: LimitSlice = {
  meters: [],
  total: undefined,
  next: 0,
  sweep: 0,
  elsewhere: [],
  moreFull: 0,
  round: undefined,
  unread: { last: [], met: [], elsewhere: [] },
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
  const { total, limits, skip, nowMs, missing = [], met = limits.length, unread = [] } = reading;
  const { missing: _, ...before } = slice;
  const known = new Map(slice.meters.map((meter) => [idOf(meter), meter]));
  const isLast = skip + met >= total || met === 0;
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
  const others = further(slice, reading, new Set(meters.map(idOf)));
  const unreadMet = skip === 0 ? unread : [...slice.unread.met, ...unread].slice(0, mostUnread);
  return {
    ...before,
    meters,
    total,
    ...others,
    unread: { last: isLast ? unreadMet : slice.unread.last, met: unreadMet, elsewhere: others.unread },
    next: isLast ? 0 : skip + met,
    sweep: isLast && !isWhole ? sweep + 1 : sweep,
    ...(missing.length > 0 && { missing }),
  };
}

/** How many of the limits used last are watched; what was used longer ago is looked through a page at a time. */
export const mostWatched = 300;

/** Sentences, each on a page of the index. */
const mostUnread = 3;

function further(
  { elsewhere, moreFull, round, isWhole, unread: { elsewhere: unread } }: LimitSlice,
  { total, older, nowMs }: Reading,
  watched: ReadonlySet<string>,
): Pick<LimitSlice, 'elsewhere' | 'moreFull' | 'round' | 'isWhole'> & { readonly unread: readonly string[] } {
  if (total <= mostWatched)
    return { elsewhere: [], moreFull: 0, round: undefined, isWhole: true, unread: [] };
  const begun = { skip: mostWatched, full: [], moreFull: 0, unread: [] };
  if (!older) return { elsewhere, moreFull, round: round ?? begun, isWhole, unread };
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
  const { met = older.limits.length } = older;
  const skip = older.skip + met;
  const unreadSoFar = [...(round?.unread ?? []), ...(older.unread ?? [])].slice(0, mostUnread);
  const isDone = met === 0 || skip >= total;
  return isDone
    ? { elsewhere: full, moreFull: more, round: begun, isWhole: true, unread: unreadSoFar }
    : { elsewhere, moreFull, round: { skip, full, moreFull: more, unread: unreadSoFar }, isWhole, unread };
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
    b.denied - a.denied ||
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
