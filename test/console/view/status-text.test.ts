import { expect, test } from 'vitest';
import { connectionWords, freshnessNote, isAgeing } from '../../../source/console/view/status-text.ts';
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
  [{ name: 'stale', ...learned }, link('live'), 'stale 12s'],
  [{ name: 'stale', learnedAtMs: nowMs - 125_000 }, link('live'), 'stale 2m05s'],
  [{ name: 'failed', ...learned, error: 'NOPERM' }, link('live'), 'failed, 12s old'],
  [{ name: 'failed', error: 'NOPERM' }, link('live'), 'failed'],
])('%# the freshness of a pane', (freshness, connection, text) => {
  expect(freshnessNote(freshness, connection, nowMs).text).toBe(text);
});

test('the clock ticks only while something grows older', () => {
  const state = (connection: State['connection'], freshness: Freshness): State =>
    ({ connection, freshness: { notes: freshness } }) as unknown as State;
  expect(isAgeing(state(link('live'), { name: 'fresh', ...learned }))).toBe(false);
  expect(isAgeing(state(link('live'), { name: 'waiting' }))).toBe(false);
  expect(isAgeing(state(link('live'), { name: 'stale', ...learned }))).toBe(true);
  expect(isAgeing(state(link('lost'), { name: 'fresh', ...learned }))).toBe(true);
});
