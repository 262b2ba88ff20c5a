import { beforeAll, describe, expect, test } from 'vitest';
import feature from '../../source/features/shards/index.ts';
import { ShardsPane } from '../../source/features/shards/shards-pane.tsx';
import { initial, learn, type Server, type ShardsSlice } from '../../source/features/shards/state.ts';
import { paintPane, paneNotes, paneSizes } from '../helpers/pane.tsx';

beforeAll(() => {
  process.env.TZ = 'UTC';
});

const up: Server = {
  shard: 0,
  url: 'redis://10.0.0.1:6379',
  role: 'primary',
  state: 'up',
  usedBytes: 212 * 1024 ** 2,
  maxBytes: 1024 ** 3,
  opsPerSec: 2100,
  clients: 41,
  keys: 81_204,
};
const several: readonly Server[] = [
  up,
  { ...up, shard: 1, url: 'redis://10.0.0.2:6379', usedBytes: 990 * 1024 ** 2 },
  { ...up, shard: 2, url: 'redis://cache-three.internal.example:6380', maxBytes: 0, opsPerSec: 0 },
];
const cluster: readonly Server[] = [
  { ...up, slots: 5461 },
  { ...up, url: 'redis://10.0.0.4:6379', role: 'replica', lagSeconds: 0 },
  { ...up, shard: 1, url: 'redis://10.0.0.2:6379', slots: 5462 },
  { ...up, shard: 1, url: 'redis://10.0.0.5:6379', role: 'replica', state: 'unlinked', lagSeconds: 31 },
  { ...up, shard: 2, url: 'redis://10.0.0.3:6379', state: 'down', slots: 5461 },
];
const at = Date.UTC(2026, 10, 20, 15, 53);
const live = learn(initial, several, undefined, at);
const failover = learn(
  learn(
    initial,
    cluster.map((server) => ({ ...server, state: 'up' })),
    undefined,
    at,
  ),
  cluster,
  undefined,
  at,
);
const states: readonly (readonly [string, ShardsSlice, (typeof paneNotes)[keyof typeof paneNotes]])[] = [
  ['before data', initial, paneNotes.waiting],
  ['live', live, paneNotes.live],
  ['stale', live, paneNotes.stale],
  [
    'failed',
    { ...failover, orderMistake: 'The servers are not in the order their data was written with' },
    paneNotes.failed,
  ],
];

describe.each(paneSizes)('%ix%i', (columns, rows) => {
  test.each(states)('%s', (_, slice, note) => {
    expect(paintPane({ feature, pane: ShardsPane, slice, columns, rows, note })).toMatchSnapshot();
  });
});

test('figures that only jitter change nothing', () => {
  const jittered = several.map((server) => ({
    ...server,
    usedBytes: (server.usedBytes ?? 0) + 20_000,
    opsPerSec: (server.opsPerSec ?? 0) + 3,
  }));
  expect(learn(live, jittered, undefined, at + 1000)).toBe(live);
});

test('a failover is shown in words', () => {
  const promoted = cluster.map((server) =>
    server.url === 'redis://10.0.0.4:6379' ? { ...server, role: 'primary', slots: 5461 } : server,
  );
  const after = learn(failover, promoted, undefined, at + 1000);
  expect(after.events.at(-1)?.text).toBe('10.0.0.4:6379 was promoted to primary');
  expect(failover.events.map(({ text }) => text)).toEqual([
    '10.0.0.5:6379 is unlinked, was up',
    '10.0.0.3:6379 is down, was up',
  ]);
});
