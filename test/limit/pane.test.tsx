import { describe, expect, test } from 'vitest';
import limit from '../../source/features/limit/index.ts';
import { LimitPane } from '../../source/features/limit/limit-pane.tsx';
import {
  initial,
  type LimitSlice,
  learn,
  limitList,
  type Reading,
} from '../../source/features/limit/state.ts';
import { looking } from '../helpers/list.ts';
import { paintPane, paneNotes, paneSizes } from '../helpers/pane.tsx';

type Use = Reading['limits'][number];

const use = (subject: string, used: number, limit: number, more: Partial<Use> = {}): Use => ({
  subject,
  algorithm: 'fixed',
  limit,
  perMs: 60_000,
  used,
  remaining: limit - used,
  resetMs: used > 0 ? 38_000 : 0,
  denied: 0,
  ...more,
});

const nowMs = 10_000_000;

const limits = [
  use('key:7f3', 20, 20, { denied: 3977 }),
  use('near', 95, 100),
  use('key:a10', 13, 20, { algorithm: 'gcra', resetMs: 39_000 }),
  use('signup', 55, 240, { algorithm: 'sliding', perMs: 3_600_000, resetMs: 3_540_000, denied: 2 }),
  use('ip:10.7', 2, 100, { perMs: 250 }),
  use('forged\u001B[2J\nadmin: all is well', 0, 1_000_000),
];

/** Fourteen readings, in which key:7f3 filled up. */
const live = Array.from({ length: 14 }, (_, reading) => Math.min(20, reading * 2)).reduce(
  (slice: LimitSlice, used) => {
    const now = limits.map((one) =>
      one.subject === 'key:7f3' ? { ...one, used, remaining: 20 - used } : one,
    );
    return learn(slice, { total: 1204, skip: 0, nowMs, limits: now });
  },
  { ...initial, next: 0 },
);

const { move, filterBy, chosen } = looking(limitList, nowMs);

const paint = (slice: LimitSlice, columns: number, rows: number, more = {}): string =>
  paintPane({ feature: limit, pane: LimitPane, slice, columns, rows, ...more });

test.each([
  ['before data', initial, paneNotes.waiting],
  ['nothing limited', learn(initial, { total: 0, skip: 0, nowMs, limits: [] }), paneNotes.live],
  ['live', live, paneNotes.live],
  ['stale', live, paneNotes.stale],
  ['failed', live, paneNotes.failed],
  ['filtered', filterBy(live, 'KEY'), paneNotes.live],
  ['filtered to nothing', filterBy(live, 'nobody'), paneNotes.live],
])('%s', (_, slice, note) => {
  for (const [columns, rows] of paneSizes) {
    const frame = paint(slice, columns, rows, { note, zoomed: columns >= 120 });
    expect(frame).toMatchSnapshot(`${columns}x${rows}`);
  }
});

test('in a narrow corner of the console, not in focus', () => {
  expect(paint(live, 30, 9, { focused: false })).toMatchInlineSnapshot(`
    "╭─ 1 limit  1 full ──────────╮
    │   FULL key:7f3       20/20 │
    │   near near         95/100 │
    │   ok   key:a10       13/20 │
    │   ok   signup       55/240 │
    │   ok   ip:10.7       2/100 │
    │   ok   forged␛[2J…  0/1.0M │
    │                            │
    ╰─ 1-6 of 6 of 1,20… by use ─╯"
  `);
});

test('fills any size exactly', () => {
  for (const columns of [30, 37, 41, 55, 59, 60, 61, 72, 99, 104, 200]) {
    for (const rows of [7, 9, 16, 23]) paint(move(live, 5), columns, rows, { zoomed: rows === 23 });
  }
});

describe('the selection', () => {
  const selected = (slice: LimitSlice): string | undefined => chosen(slice)?.subject;

  test('is the nearest until it is moved; then it stays with its limit when the order changes', () => {
    expect(selected(live)).toBe('key:7f3');
    expect(selected(move(live, 2))).toBe('key:a10');
    expect(selected(move(live, Number.POSITIVE_INFINITY))).toContain('forged');
    expect(selected(move(live, -1))).toBe('key:7f3');
    const reordered = learn(move(live, 2), {
      total: 3,
      skip: 0,
      nowMs,
      limits: [use('key:a10', 20, 20, { algorithm: 'gcra' }), ...limits.slice(0, 2)],
    });
    expect(selected(reordered)).toBe('key:a10');
    expect(selected(learn(reordered, { total: 1, skip: 0, nowMs, limits: limits.slice(0, 1) }))).toBe(
      'key:7f3',
    );
  });

  test('follows a filter onto what is shown', () => {
    expect(selected(filterBy(live, 'signup'))).toBe('signup');
  });

  test('is what reset asks about', () => {
    const reset = limit.keys.find(({ verb }) => verb === 'reset');
    expect(reset?.refuse?.(initial)).toBe('There is no limit to reset');
    expect(reset?.refuse?.(live)).toBeUndefined();
    expect(reset?.input?.(live, '')).toEqual({ subject: 'key:7f3' });
  });
});

test('a slice that nothing happened to stays the same, and survives JSON', () => {
  const idle = [use('a', 0, 5), use('b', 3, 5, { resetMs: 0 })];
  const once = learn(initial, { total: 2, skip: 0, nowMs, limits: idle });
  expect(learn(once, { total: 2, skip: 0, nowMs, limits: idle })).toEqual(once);
  expect(JSON.parse(JSON.stringify(live))).toEqual(live);
});

test('read in several pages, limits stay until a whole sweep passed without them', () => {
  const pages = [[use('a', 1, 5), use('b', 1, 5)], [use('c', 1, 5)]];
  const sweep = (slice: LimitSlice, all: readonly (readonly Use[])[]): LimitSlice =>
    all.reduce((now, page) => learn(now, { total: 3, skip: now.next, nowMs, limits: page }), slice);
  const names = ({ meters }: LimitSlice): string[] => meters.map(({ subject }) => subject);
  const first = sweep(initial, pages);
  expect(names(first)).toEqual(['a', 'b', 'c']);
  expect(first.next).toBe(0);
  const gone = [[use('a', 1, 5), use('d', 1, 5)], [use('c', 1, 5)]];
  expect(names(sweep(first, gone))).toEqual(['a', 'b', 'c', 'd']);
  expect(names(sweep(sweep(first, gone), gone))).toEqual(['a', 'c', 'd']);
});
