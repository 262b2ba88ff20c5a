import { describe, expect, test } from 'vitest';
import feature from '../../source/features/lock/index.ts';
import { LockPane } from '../../source/features/lock/lock-pane.tsx';
import { initial, type LockSlice, learn, lockList } from '../../source/features/lock/state.ts';
import { looking } from '../helpers/list.ts';
import { paintPane, paneNotes, paneSizes } from '../helpers/pane.tsx';
import { live, reading } from './slices.ts';

const { move, open } = looking(lockList);

const states: readonly (readonly [string, LockSlice, keyof typeof paneNotes])[] = [
  ['before data', initial, 'waiting'],
  ['nothing held', learn(initial, { ...reading, locks: [] }), 'live'],
  ['live', live, 'live'],
  ['stale', live, 'stale'],
  ['failed', learn(live, { ...reading, wrong: ['data'] }), 'failed'],
];

describe.each(paneSizes)('%ix%i', (columns, rows) => {
  test.each(states)('%s', (_, slice, note) => {
    const look = { feature, pane: LockPane, slice, columns, rows, note: paneNotes[note] };
    expect(paintPane(look)).toMatchSnapshot();
  });

  test('the lock without an end selected', () => {
    const slice = move(live, 1);
    expect(paintPane({ feature, pane: LockPane, slice, columns, rows })).toMatchSnapshot();
  });
});

test('as one of two panes beside each other', () => {
  expect(paintPane({ feature, pane: LockPane, slice: live, columns: 60, rows: 10 })).toMatchSnapshot();
});

test('a long host name leaves the process in sight', () => {
  const [first] = reading.locks;
  const owner = 'ip-10-0-123-45.eu-central-1.compute.internal:2201';
  const slice = learn(initial, { ...reading, locks: first ? [{ ...first, owner }] : [] });
  expect(paintPane({ feature, pane: LockPane, slice, columns: 60, rows: 10 })).toMatch(
    /ip-10-0-123\S+:2201 /,
  );
});

test('zoomed, with details: everybody who waits', () => {
  const look = { feature, pane: LockPane, slice: open(live), columns: 140, rows: 30, zoomed: true };
  expect(paintPane(look)).toMatchSnapshot();
});

test.each([
  [56, 10],
  [24, 6],
  [20, 3],
  [200, 60],
])('fills %i by %i cells exactly', (columns, rows) => {
  paintPane({ feature, pane: LockPane, slice: live, columns, rows });
  paintPane({ feature, pane: LockPane, slice: live, columns, rows, zoomed: true });
});
