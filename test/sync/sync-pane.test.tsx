import { beforeAll, describe, expect, test } from 'vitest';
import feature from '../../source/features/sync/index.ts';
import { unused } from '../../source/features/sync/record.ts';
import {
  conditionOf,
  initial,
  learn,
  type SyncSlice,
  syncList,
  type Target,
} from '../../source/features/sync/state.ts';
import { SyncPane } from '../../source/features/sync/sync-pane.tsx';
import { needSentence } from '../../source/need.ts';
import { looking } from '../helpers/list.ts';
import { paintPane, paneNotes, paneSizes } from '../helpers/pane.tsx';

beforeAll(() => {
  process.env.TZ = 'UTC';
});

const { marker: _marker, place: _place, highs: _highs, ...shown } = unused('/srv/img');
const live0: Target = {
  ...shown,
  channel: 'new_files',
  target: 'cdn1:/srv/img',
  state: 'live',
  condition: 'live',
  queued: 3,
  failed: 0,
  synced: 12_481,
  lastFiles: 41,
  lastBytes: 2_306_867,
  lastBatchAt: Date.UTC(2026, 10, 20, 15, 52),
  lastFullAt: Date.UTC(2026, 10, 20, 15, 39),
};
/** The target with something else about it, and the word for how it then goes. */
function target(news: Partial<Target> = {}): Target {
  const changed = { ...live0, ...news };
  return { ...changed, condition: conditionOf(changed) };
}
const halted = {
  reason: 'too-many-deletions',
  message: '4,210 of 5,000 files would be removed at /mnt/b: more are gone than may be removed within a day',
  would: 4210,
  of: 5000,
  most: 2500,
  sample: ['2026/a.jpg', '2026/b\u001b[31m.jpg'],
  sinceMs: Date.UTC(2026, 10, 20, 15, 50),
  token: 't',
} as const;
const live = learn(initial, { targets: [target()] });
const troubled = learn(initial, {
  targets: [
    target({ queued: 812, error: 'rsync to cdn1:/srv/img ended with 12: connection unexpectedly closed' }),
    target({
      target: '/mnt/backup\u001b[31m/img',
      failed: 2,
      failures: [
        { path: 'a/secret', reason: 'send_files failed to open "/srv/img/a/secret": Permission denied (13)' },
      ],
      refused: 1,
      missedByEvents: 4,
      leftOut: 3,
      notKept: '2 hard links',
    }),
    target({ target: 'rsync://mirror.example/img', state: 'lapsed', lastBatchAt: null, lastFullAt: null }),
  ],
});
const standing = learn(initial, { targets: [target({ halted: { ...halted, sample: [...halted.sample] } })] });

const states: readonly (readonly [string, SyncSlice, (typeof paneNotes)[keyof typeof paneNotes]])[] = [
  ['before data', initial, paneNotes.waiting],
  ['live', live, paneNotes.live],
  ['stale', live, paneNotes.stale],
  ['failed', troubled, paneNotes.failed],
  ['failing paths', looking(syncList).move(troubled, 1), paneNotes.live],
  ['halted', standing, paneNotes.live],
];

describe.each(paneSizes)('%ix%i', (columns, rows) => {
  test.each(states)('%s', (_, slice, note) => {
    expect(paintPane({ feature, pane: SyncPane, slice, columns, rows, note })).toMatchSnapshot();
  });
});

test('what needs a human, in words', () => {
  expect(feature.needs(troubled, 0).map(needSentence)).toEqual([
    'cdn1:/srv/img RETRYING: rsync to cdn1:/srv/img ended with 12: connection unexpectedly closed',
    '/mnt/backup\u001b[31m/img FAILING: 2 paths could not be copied',
    'rsync://mirror.example/img DOWN: 3 changes wait',
  ]);
  expect(feature.needs(live, 0)).toEqual([]);
  expect(feature.needs(standing, 0).map(needSentence)).toEqual([`cdn1:/srv/img HALTED: ${halted.message}`]);
});

test('r lets a halted target go on as its halt asks for', () => {
  const key = feature.keys.find(({ verb }) => verb === 'resume');
  expect(key?.refuse?.(live)).toBe('cdn1:/srv/img is not halted');
  expect(key?.refuse?.(standing)).toBeUndefined();
  expect(key?.input?.(standing, '')).toMatchObject({ target: 'cdn1:/srv/img', deletes: 4210, adopt: false });
  const replaced = learn(initial, {
    targets: [target({ halted: { ...halted, sample: [], reason: 'base-replaced' } })],
  });
  expect(key?.input?.(replaced, '')).toMatchObject({ deletes: undefined, adopt: true });
});

test('what nobody serves is DOWN, whatever went wrong last: nothing is tried again', () => {
  const needs = (error: string | null) =>
    feature
      .needs(learn(initial, { targets: [target({ state: 'lapsed', queued: 0, error })] }), 0)
      .map(needSentence);
  expect(needs('rsync ended with 12')).toEqual(['cdn1:/srv/img DOWN']);
  expect(needs(null)).toEqual([]);
});

test('of more channels than are shown: how many, and what is in trouble among the others', () => {
  const elsewhere = [
    { kind: 'down', name: '/mnt/far', severity: 'bad', words: 'DOWN: 1 change wait' } as const,
  ];
  const reading = { targets: [target()], wrong: ['Key `sync:x` is odd'], elsewhere };
  const many = learn(initial, { ...reading, totals: { channels: 1500, targets: 1502 } });
  expect(feature.headline(many)).toBe('1 of 1,500 channels  1,502 targets');
  expect(syncList.total?.(many)).toBe(1502);
  expect(feature.needs(many, 0).map(needSentence)).toEqual([
    '/mnt/far DOWN: 1 change wait',
    'Key `sync:x` is odd',
  ]);
  expect(feature.feed.isWhole?.(many)).toBe(true);
  const counting = learn(initial, { ...reading, totals: { channels: 1500, targets: undefined } });
  expect(feature.headline(counting)).toBe('1 of 1,500 channels');
  expect(feature.feed.isWhole?.(counting)).toBe(false);
});

test('x forgets the chosen target, once nobody serves it', () => {
  const key = feature.keys.find(({ verb }) => verb === 'forget');
  expect(key?.refuse?.(initial)).toBe('There is no target to forget');
  const { move, shown } = looking(syncList);
  const at = (name: string): number => shown(troubled).findIndex(({ target }) => target.startsWith(name));
  expect(key?.refuse?.(move(troubled, at('cdn1')))).toContain('cdn1:/srv/img is served: end its');
  const chosen = move(troubled, at('rsync:'));
  expect(key?.refuse?.(chosen)).toBeUndefined();
  expect(key?.input?.(chosen, '')).toEqual({
    channel: 'new_files',
    base: '/srv/img',
    target: 'rsync://mirror.example/img',
  });
});
