import { beforeAll, describe, expect, test } from 'vitest';
import feature from '../../source/features/sync/index.ts';
import { initial, learn, type SyncSlice, type Target } from '../../source/features/sync/state.ts';
import { SyncPane } from '../../source/features/sync/sync-pane.tsx';
import { paintPane, paneNotes, paneSizes } from '../helpers/pane.tsx';

beforeAll(() => {
  process.env.TZ = 'UTC';
});

const target: Target = {
  channel: 'new_files',
  base: '/srv/img',
  target: 'cdn1:/srv/img',
  state: 'live',
  queued: 3,
  failed: 0,
  refused: 0,
  synced: 12_481,
  missedByEvents: 0,
  lastFiles: 41,
  lastBytes: 2_306_867,
  lastBatchAt: Date.UTC(2026, 10, 20, 15, 52),
  lastFullAt: Date.UTC(2026, 10, 20, 15, 39),
  error: null,
};
const live = learn(initial, [target]);
const troubled = learn(initial, [
  { ...target, queued: 812, error: 'rsync to cdn1:/srv/img ended with 12: connection unexpectedly closed' },
  { ...target, target: '/mnt/backup\u001b[31m/img', failed: 2, refused: 1, missedByEvents: 4 },
  { ...target, target: 'rsync://mirror.example/img', state: 'lapsed', lastBatchAt: null, lastFullAt: null },
]);

const states: readonly (readonly [string, SyncSlice, (typeof paneNotes)[keyof typeof paneNotes]])[] = [
  ['before data', initial, paneNotes.waiting],
  ['live', live, paneNotes.live],
  ['stale', live, paneNotes.stale],
  ['failed', troubled, paneNotes.failed],
];

describe.each(paneSizes)('%ix%i', (columns, rows) => {
  test.each(states)('%s', (_, slice, note) => {
    expect(paintPane({ feature, pane: SyncPane, slice, columns, rows, note })).toMatchSnapshot();
  });
});

test('what is wrong is an alert, in words', () => {
  expect(feature.alerts?.(troubled)).toEqual([
    'sync cdn1:/srv/img RETRYING',
    'sync rsync://mirror.example/img DOWN',
  ]);
  expect(feature.alerts?.(live)).toEqual([]);
});

test('what nobody serves is DOWN, whatever went wrong last: nothing is tried again', () => {
  const failed = { ...target, state: 'lapsed', queued: 0, error: 'rsync ended with 12' };
  expect(feature.alerts?.(learn(initial, [failed]))).toEqual(['sync cdn1:/srv/img DOWN']);
  expect(feature.alerts?.(learn(initial, [{ ...failed, error: null }]))).toEqual([]);
});

test('x forgets the chosen target, once nobody serves it', () => {
  const key = feature.keys.find(({ verb }) => verb === 'forget');
  expect(key?.refuse?.(initial)).toBe('There is no target to forget');
  expect(key?.refuse?.(troubled)).toContain('cdn1:/srv/img is served: end its');
  const chosen = { ...troubled, selected: 2 };
  expect(key?.refuse?.(chosen)).toBeUndefined();
  expect(key?.input?.(chosen, '')).toEqual({
    channel: 'new_files',
    base: '/srv/img',
    target: 'rsync://mirror.example/img',
  });
});
