import { compareNames } from '../../compare-names.ts';
import { initialList, type List, type ListState } from '../../ui/list.ts';

/** One series: its sums, and the hits of the last steps, oldest first. */
export type SeriesRow = {
  readonly series: string;
  readonly today: number;
  readonly yesterday: number;
  readonly lastHour: number;
  readonly points: readonly number[];
};

export type HitsSlice = {
  /** The busiest of today first. */
  readonly rows: readonly SeriesRow[];
  /** How many series there are; undefined before the first answer. */
  readonly total: number | undefined;
  /** How long a bar of the charts is. */
  readonly stepMs: number;
  /** The end of the last bar; undefined when charts have to be read. */
  readonly untilMs: number | undefined;
  /** Where the next reading begins, where it takes several. */
  readonly next: number;
  readonly list: ListState;
  /** What cannot be read as hits, in sentences. */
  readonly wrong: readonly string[];
  /** The same as the last readings found it, by where each began. */
  readonly wrongAt: Readonly<Record<number, Wrong>>;
  /** Servers, of several, whose series are missing here. */
  readonly missing?: readonly number[];
};

/** Of sums, which are read each time, and of charts, which are not. */
export type Wrong = { readonly sums: readonly string[]; readonly charts: readonly string[] };

export type Reading = {
  /** All names, the ones read among them. */
  readonly names: readonly string[];
  readonly total: number;
  readonly sums: readonly Omit<SeriesRow, 'points'>[];
  /** Absent when no bar has ended since the last reading. */
  readonly charts?: {
    readonly stepMs: number;
    readonly untilMs: number;
    readonly points: Readonly<Record<string, readonly number[]>>;
  };
  readonly next: number;
  /** Without charts where none were read. */
  readonly wrong?: { readonly from: number } & Pick<Wrong, 'sums'> & Partial<Pick<Wrong, 'charts'>>;
  readonly missing?: readonly number[];
};

export const steps = [10_000, 60_000, 600_000, 3_600_000] as const;
export const pointsEach = 120;

export const initial: HitsSlice = {
  rows: [],
  total: undefined,
  stepMs: 60_000,
  untilMs: undefined,
  next: 0,
  list: initialList,
  wrong: [],
  wrongAt: {},
};

export function learn(slice: HitsSlice, reading: Reading): HitsSlice {
  const { names, total, sums, charts, next, wrong, missing = [] } = reading;
  const { missing: _, ...known } = slice;
  // Asked before the operator chose other bars: those figures are of the old ones.
  const fresh = charts && charts.stepMs === slice.stepMs ? charts : undefined;
  const rows = new Map(slice.rows.map((row) => [row.series, row]));
  for (const row of sums) rows.set(row.series, { ...row, points: rows.get(row.series)?.points ?? [] });
  const all = [...rows.values()]
    .filter(({ series }) => names.includes(series))
    .map((row) => ({ ...row, points: fresh?.points[row.series] ?? row.points }))
    .toSorted((a, b) => b.today - a.today || compareNames(a.series, b.series));
  const wrongAt = wrong ? wrongAfter(slice, wrong, names.length) : slice.wrongAt;
  return {
    ...known,
    rows: all,
    total,
    next,
    wrong: [...new Set(Object.values(wrongAt).flatMap((each) => [...each.sums, ...each.charts]))],
    wrongAt,
    untilMs: fresh ? fresh.untilMs : slice.untilMs,
    ...(missing.length > 0 && { missing }),
  };
}

/** One reading tells of its own series, and of their charts only when they were read: the others stay as they were. */
function wrongAfter(
  { wrongAt }: HitsSlice,
  { from, sums, charts = wrongAt[from]?.charts ?? [] }: NonNullable<Reading['wrong']>,
  count: number,
): HitsSlice['wrongAt'] {
  const others = Object.entries(wrongAt).filter(([place]) => Number(place) < count);
  return { ...Object.fromEntries(others), [from]: { sums, charts } };
}

export const hitsList: List<HitsSlice, SeriesRow> = {
  rows: ({ rows }) => rows,
  id: ({ series }) => series,
  name: ({ series }) => series,
  total: ({ total }) => total,
  order: 'sum',
  columns: ['series', 'lately', 'today', 'by now', 'yesterday', 'hour'],
  units: { change: 'share' },
  fields: {
    series: ({ series }) => series,
    today: ({ today }) => today,
    yesterday: ({ yesterday }) => yesterday,
    change: ({ today, yesterday }) => (yesterday === 0 ? undefined : today / yesterday),
    hour: ({ lastHour }) => lastHour,
  },
};

/** Longer or shorter bars; the charts are empty until the next reading. */
export function changeStep(slice: HitsSlice, by: number): HitsSlice {
  const at = (steps as readonly number[]).indexOf(slice.stepMs) + by;
  const stepMs = steps[at];
  if (stepMs === undefined) return slice;
  return { ...slice, stepMs, untilMs: undefined, rows: slice.rows.map((row) => ({ ...row, points: [] })) };
}

/** `+4%`, `-61%`, `18×`, `new`: now against then. */
export function change(now: number, then: number): string {
  if (then === 0) return now === 0 ? '±0%' : 'new';
  if (now === then) return '±0%';
  const ratio = now / then;
  if (ratio >= 10) return `${Math.round(ratio)}×`;
  const percent = Math.round((ratio - 1) * 100);
  if (percent === 0) return ratio > 1 ? '+<1%' : '-<1%';
  return `${percent > 0 ? '+' : ''}${percent}%`;
}
