import { describe, expect, test } from 'vitest';
import { chart } from '../../source/features/hits/chart.ts';
import { HitsPane } from '../../source/features/hits/hits-pane.tsx';
import hits from '../../source/features/hits/index.ts';
import {
  change,
  changeStep,
  type HitsSlice,
  hitsList,
  initial,
  learn,
  pointsEach,
  type Reading,
} from '../../source/features/hits/state.ts';
import { release } from '../../source/ui/list.ts';
import { looking } from '../helpers/list.ts';
import { paintPane, paneNotes, paneSizes } from '../helpers/pane.tsx';

const { move, filterBy, shown, index } = looking(hitsList);

/** A day's shape, so that snapshots look like something. */
const wave = (height: number, shift: number): number[] =>
  Array.from({ length: pointsEach }, (_, i) => Math.round(height * (1 + Math.sin((i + shift) / 15))));

const untilMs = new Date(2026, 10, 20, 15, 53).getTime();
const names = ['api', 'forged\u001B[2J\nall quiet', 'mail', 'web'];
const reading: Reading = {
  names,
  total: 130,
  sums: [
    { series: 'api', today: 811_204, yesterday: 503_000, lastHour: 61_002 },
    { series: 'mail', today: 2031, yesterday: 2051, lastHour: 88 },
    { series: 'web', today: 1_920_411, yesterday: 1_846_000, lastHour: 120_020 },
    { series: names[1] ?? '', today: 3, yesterday: 0, lastHour: 3 },
  ],
  charts: {
    stepMs: 60_000,
    untilMs,
    points: {
      api: wave(400, 40),
      mail: new Array<number>(pointsEach).fill(0).with(-12, 7),
      web: wave(900, 0),
      [names[1] ?? '']: new Array<number>(pointsEach).fill(0),
    },
  },
  next: 0,
};
const live = learn(initial, reading);
const nothing: Reading = { names: [], total: 0, sums: [], next: 0 };

const paint = (slice: HitsSlice, columns: number, rows: number, more = {}): string =>
  paintPane({ feature: hits, pane: HitsPane, slice, columns, rows, ...more });

test.each([
  ['before data', initial, paneNotes.waiting],
  ['nothing counted', learn(initial, nothing), paneNotes.live],
  ['live', live, paneNotes.live],
  ['stale', live, paneNotes.stale],
  ['failed', live, paneNotes.failed],
  ['filtered', filterBy(live, 'WEB'), paneNotes.live],
  ['filtered to nothing', filterBy(live, 'nobody'), paneNotes.live],
  ['other bars chosen, not read yet', changeStep(live, 1), paneNotes.live],
])('%s', (_, slice, note) => {
  for (const [columns, rows] of paneSizes) {
    expect(paint(slice, columns, rows, { note, zoomed: columns >= 120 })).toMatchSnapshot(
      `${columns}x${rows}`,
    );
  }
});

test('in a narrow corner of the console, not in focus', () => {
  expect(paint(live, 30, 9, { focused: false })).toMatchInlineSnapshot(`
    "╭─ 1 hits  bars of 1m ───────╮
    │   web      █████████  1.9M │
    │   api      █▇▆▅▄▃▃▂▂  811k │
    │   mail     ▁▁▁▁▁▁▁▁▁  2.0k │
    │   forged␛… ▁▁▁▁▁▁▁▁▁     3 │
    │                            │
    │                            │
    │                            │
    ╰─ 1-4 of 4 of 130 ─ by sum ─╯"
  `);
});

test('fills any size exactly', () => {
  for (const columns of [30, 37, 41, 63, 64, 65, 93, 94, 95, 150, 200]) {
    for (const rows of [7, 9, 16, 23, 40]) paint(move(live, 3), columns, rows, { zoomed: rows === 40 });
  }
});

describe('the slice', () => {
  const order = (slice: HitsSlice): string[] => shown(slice).map(({ series }) => series);

  test('has the busiest of today first, and the selection stays with its series', () => {
    expect(order(live)).toEqual(['web', 'api', 'mail', names[1]]);
    const moved = move(live, 2);
    const sums = reading.sums.map((row) => (row.series === 'mail' ? { ...row, today: 9_000_000 } : row));
    const later = learn(moved, { ...reading, sums });
    expect(order(later)).toEqual(order(moved));
    expect(order(release(later))[0]).toBe('mail');
    // Held in its place under the cursor, then let go.
    expect(index(release(later))).toBe(0);
    expect(index(initial)).toBe(-1);
  });

  test('keeps its charts while no bar has ended, and drops those of other bars', () => {
    const { charts: _, ...sumsOnly } = reading;
    expect(learn(live, sumsOnly)).toEqual(live);
    const chosen = changeStep(live, 1);
    expect(chosen).toMatchObject({ stepMs: 600_000, untilMs: undefined });
    // An answer to the question before the operator changed the bars.
    expect(learn(chosen, reading).rows.every(({ points }) => points.length === 0)).toBe(true);
    expect(changeStep(changeStep(chosen, 1), 1).stepMs).toBe(3_600_000);
  });

  test('forgets series that are gone, and survives JSON', () => {
    expect(order(learn(live, { ...reading, names: ['web'], sums: reading.sums.slice(2, 3) }))).toEqual([
      'web',
    ]);
    expect(JSON.parse(JSON.stringify(live))).toEqual(live);
  });
});

test('a change is confirmed in words a person uses', () => {
  expect(
    [
      [104, 100],
      [39, 100],
      [1, 0],
      [0, 0],
      [5, 5],
      [1800, 100],
      [1000, 999],
      [0, 5],
    ].map(([now = 0, then = 0]) => change(now, then)),
  ).toEqual(['+4%', '-61%', 'new', '±0%', '±0%', '18×', '+<1%', '-100%']);
});

test('a chart never paints something as nothing, nor grows beyond its lines', () => {
  expect(chart([0, 1, 500, 1000], 4, 1)).toEqual(['▁▂▄█']);
  expect(chart([0, 1, 500, 1000], 6, 2)).toEqual(['     █', '  ▁▂██']);
  expect(chart([], 3, 1)).toEqual(['   ']);
  expect(chart([1, 2], 0, 1)).toEqual(['']);
});
