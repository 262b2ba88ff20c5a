import { expect, test } from 'vitest';
import {
  connectionWords,
  freshnessNote,
  isAgeing,
  isOldPane,
  paneNow,
} from '../../../source/console/view/status-text.ts';
import { staleAfterMs } from '../../../source/features/feature.ts';
import type { Freshness, State } from '../../../source/store/store.ts';

const nowMs = 1_000_000;
const link = (name: State['connection']['name'], extra: Partial<State['connection']> = {}) => ({
  name,
  sinceMs: nowMs - 12_000,
  attempt: 3,
  url: '',
  kind: '',
  ...extra,
});

test.each([
  [link('live'), '● live'],
  [link('live', { silentSinceMs: nowMs - 5200 }), '✗ no answer for 5s'],
  [link('lost', { nextRetryAtMs: nowMs + 4100 }), '✗ lost 12s, retry in 4s'],
  [link('lost', { nextRetryAtMs: nowMs - 5 }), '✗ lost 12s, retrying'],
  [link('connecting', { sinceMs: nowMs, nextRetryAtMs: nowMs + 900 }), '○ connecting, retry in 1s'],
])('%# the connection in words', (connection, words) => {
  expect(connectionWords(connection, nowMs)).toBe(words);
});

const learned = { learnedAtMs: nowMs - 12_400 };
test.each<[Freshness | undefined, State['connection'], string]>([
  [undefined, link('live'), 'waiting'],
  [{ name: 'waiting' }, link('lost'), 'waiting'],
  [{ name: 'fresh', ...learned }, link('live'), 'live'],
  [{ name: 'fresh', ...learned }, link('lost'), 'stale 12s'],
  [{ name: 'fresh', ...learned }, link('live', { silentSinceMs: nowMs - 9000 }), 'stale 12s'],
  [{ name: 'stale', ...learned }, link('live'), 'stale 12s'],
  [{ name: 'stale', learnedAtMs: nowMs - 125_000 }, link('live'), 'stale 2m05s'],
  [{ name: 'failed', ...learned, error: 'NOPERM' }, link('live'), 'failed, 12s old'],
  [{ name: 'failed', error: 'NOPERM' }, link('live'), 'failed'],
])('%# the freshness of a pane', (freshness, connection, text) => {
  expect(freshnessNote(freshness, connection, nowMs).text).toBe(text);
});

test('the clock ticks only while it moves something', () => {
  const state = (connection: State['connection'], freshness: Freshness): State =>
    ({
      connection,
      freshness: { notes: freshness },
      slices: { notes: 'slice' },
      screen: { mode: { name: 'browse' } },
    }) as unknown as State;
  const still = [{ noun: 'notes' }];
  const fresh: Freshness = { name: 'fresh', ...learned };
  expect(isAgeing(state(link('live'), fresh), still)).toBe(false);
  expect(isAgeing(state(link('live'), { name: 'waiting' }), still)).toBe(false);
  expect(isAgeing(state(link('live'), { name: 'stale', ...learned }), still)).toBe(true);
  expect(isAgeing(state(link('lost'), fresh), still)).toBe(true);
  expect(isAgeing(state(link('live', { silentSinceMs: 1 }), fresh), still)).toBe(true);
  const moved = [{ noun: 'notes', ticks: (slice: unknown) => slice === 'slice' }];
  expect(isAgeing(state(link('live'), fresh), moved)).toBe(true);
});

test('a pane is painted for now while it is fresh, and stands still from when it is not', () => {
  const feed = { everyMs: 1000, read: async () => (slice: unknown) => slice };
  const bound = staleAfterMs(feed);
  const at = (age: number, name: Freshness['name'], connection = link('live')) => {
    const state = {
      freshness: { notes: { name, learnedAtMs: nowMs - age } },
      connection,
      screen: { nowMs },
    } as unknown as State;
    return {
      toNow: paneNow(state, { noun: 'notes', feed }) - nowMs,
      isOld: isOldPane(state, { noun: 'notes' }),
    };
  };
  expect(at(400, 'fresh')).toEqual({ toNow: 0, isOld: false });
  // While the clock ticks all panes move with it; what was read long after its last tick is shown as of then.
  expect(at(-300, 'fresh')).toEqual({ toNow: 0, isOld: false });
  expect(at(-3000, 'fresh')).toEqual({ toNow: 3000, isOld: false });
  expect(at(bound + 4000, 'stale')).toEqual({ toNow: -4000, isOld: true });
  expect(at(3000, 'failed')).toEqual({ toNow: -3000, isOld: true });
  expect(at(5000, 'fresh', link('live', { silentSinceMs: nowMs - 2500 }))).toEqual({
    toNow: -2500,
    isOld: true,
  });
  expect(at(13_000, 'fresh', link('lost'))).toEqual({ toNow: -12_000, isOld: true });
});
