import { beforeAll, describe, expect, test } from 'vitest';
import log from '../../source/features/log/index.ts';
import {
  type Board,
  type BoardEntry,
  initial,
  type LogSlice,
  learn,
  logList,
  logToShow,
  type Reading,
  step,
} from '../../source/features/log/state.ts';
import { orderBy, release } from '../../source/ui/list.ts';
import { looking } from '../helpers/list.ts';
import { type PaneLook, paintPane, paneNotes, paneSizes } from '../helpers/pane.tsx';

beforeAll(() => {
  process.env.TZ = 'UTC';
});

const { move, filterBy, open, chosen, shown: rows, index } = looking(logList);
const byCount = (slice: LogSlice): LogSlice => orderBy(logList, slice, 'now', 0);

const hourMs = Date.UTC(2026, 10, 25, 15);
const web = { name: 'web', severity: 'error' };
const logs = [{ name: 'db', severity: 'info' }, web, { name: 'web', severity: 'info' }];

const entry = (
  rank: number,
  was: number | null,
  count: number,
  previous: number,
  message: string,
): BoardEntry => ({
  rank,
  previousRank: was,
  count,
  previous,
  message,
  sample: message.replaceAll('<*>', '10.0.0.7'),
});

const board: Board = {
  hourMs,
  previousHourMs: hourMs - 3_600_000,
  elapsedMinutes: 53,
  total: 61_204,
  distinct: 38,
  previousTotal: 60_010,
  entries: [
    entry(1, 1, 8412, 9020, 'upstream timed out <*>'),
    entry(2, 6, 3977, 212, '429 returned to <*>'),
    entry(3, 2, 611, 640, 'reset by peer <*>'),
    entry(4, null, 377, 0, 'disk full writing <*>'),
    entry(5, 3, 95, 310, 'retrying job <*>'),
    entry(6, null, 9, 0, 'forged\u001b[2J\nadmin: all is well <*>'),
    entry(7, 9, 2, 2, '長いメッセージ <*> が届きました'),
  ],
  gone: [
    { message: 'certificate expires in <*> days', previous: 44 },
    { message: 'cache warmed', previous: 3 },
  ],
};
const recent = [
  { at: hourMs + 3_180_000, message: 'reset by peer 10.0.0.7', template: 'reset by peer <*>' },
  { at: hourMs + 3_170_000, message: 'upstream timed out 10.0.0.9', template: 'upstream timed out <*>' },
  { at: null, message: 'no time \u001b]0;x\u0007', template: 'no time' },
];

const reading: Reading = { logs, selected: web, board, recent: undefined };
const live = learn(initial, reading);
const shown = (more: Partial<Board>): LogSlice =>
  learn(initial, { ...reading, board: { ...board, ...more } });
const opened = learn(open(move(live, 2)), { ...reading, recent });

const looks: Record<string, Pick<PaneLook<LogSlice>, 'slice' | 'note'>> = {
  'before data': { slice: initial, note: paneNotes.waiting },
  'no logs': {
    slice: learn(initial, { logs: [], selected: undefined, board: undefined, recent: undefined }),
  },
  'another log was just chosen': { slice: step(live, 1) },
  'an hour without lines': { slice: shown({ entries: [], total: 0, distinct: 0 }) },
  live: { slice: live },
  stale: { slice: live, note: paneNotes.stale },
  failed: { slice: live, note: paneNotes.failed },
  'hour before unknown': { slice: shown({ previousHourMs: undefined, gone: [] }) },
  'movers first': { slice: byCount(live) },
  filtered: { slice: filterBy(live, 'PEER') },
  'filtered to nothing': { slice: filterBy(live, 'nothing like it') },
  opened: { slice: opened },
  'opened, and none of the recent lines is one of these': {
    slice: learn(open(move(live, 3)), { ...reading, recent }),
  },
};

describe.each(Object.entries(looks))('%s', (_, look) => {
  test.each(paneSizes)('%i x %i', async (columns, rowCount) => {
    const pane = await log.pane();
    expect(paintPane({ feature: log, pane, ...look, columns, rows: rowCount })).toMatchSnapshot();
  });
});

test('zoomed it has lines', async () => {
  const pane = await log.pane();
  const look = { feature: log, pane, slice: live, columns: 120, rows: 40, zoomed: true };
  expect(paintPane(look)).toMatchSnapshot();
});

test('every size has room for something, down to none', async () => {
  const pane = await log.pane();
  for (const slice of [live, opened, initial]) {
    for (const [columns, rowCount] of [
      [5, 3],
      [12, 4],
      [24, 6],
      [60, 9],
      [300, 80],
    ] as const) {
      paintPane({ feature: log, pane, slice, columns, rows: rowCount, focused: false });
    }
  }
});

test('the loudest log is shown first; the chosen one stays', () => {
  expect(logToShow(logs, undefined)).toEqual(web);
  expect(logToShow(logs, { name: 'web', severity: 'info' })).toEqual({ name: 'web', severity: 'info' });
  expect(logToShow(logs, { name: 'gone', severity: 'info' })).toEqual(web);
  expect(logToShow([], web)).toBeUndefined();
});

test('a late reading of another log changes nothing of this one', () => {
  const elsewhere = step(live, 1);
  expect(elsewhere).toMatchObject({ selected: { name: 'web', severity: 'info' }, board: undefined });
  expect(learn(elsewhere, reading)).toMatchObject({ selected: elsewhere.selected, board: undefined });
});

test('severities of one name and logs of all names go round', () => {
  expect(step(live, 1, { sameName: true }).selected).toEqual({ name: 'web', severity: 'info' });
  expect(step(step(live, 1, { sameName: true }), 1, { sameName: true }).selected).toEqual(web);
  expect(step(live, -1).selected).toEqual(logs[0]);
  expect(step(step(live, 1), 1).selected).toEqual(logs[0]);
});

test('the cursor follows its message, stops at the ends, and falls back to the first', () => {
  const counted = byCount(live);
  expect(chosen(counted)?.rank).toBe(1);
  const third = move(counted, 2);
  expect(chosen(third)?.message).toBe('reset by peer <*>');
  const swapped = {
    ...board,
    entries: [entry(1, 3, 9999, 640, 'reset by peer <*>'), ...board.entries.slice(0, 2)],
  };
  expect(index(release(learn(third, { ...reading, board: swapped })))).toBe(0);
  expect(index(filterBy(third, 'timed'))).toBe(0);
});

test('filters look at messages and samples, in any case', () => {
  expect(rows(filterBy(live, '10.0.0.7'))).toHaveLength(7);
  expect(rows(filterBy(live, 'DISK')).map(({ rank }) => rank)).toEqual([4]);
  expect(rows(filterBy(live, 'now>1000')).map(({ rank }) => rank)).toEqual([2, 1]);
  expect(filterBy(live, '')).toBe(live);
});

test('movers come first, by how much they rise', () => {
  expect(
    rows(live)
      .slice(0, 7)
      .map(({ message }) => message.slice(0, 8)),
  ).toEqual(['disk ful', 'forged\u001b[', '429 retu', '長いメッセージ ', 'reset by', 'upstream', 'retrying']);
});

test('the slice survives JSON', () => {
  expect(learn(JSON.parse(JSON.stringify(live)) as LogSlice, reading)).toEqual({
    ...live,
  });
});
