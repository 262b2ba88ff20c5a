import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { paceStore } from '../../source/console/paced-store.ts';
import { changeScreen, changeSlice, makeStore } from '../../source/store/store.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const open = () => {
  const store = makeStore({
    slices: { notes: 0 },
    focus: 'notes',
    columns: 80,
    rows: 24,
    connection: { name: 'live', sinceMs: 0, attempt: 0, url: '', kind: '' },
  });
  const shown = paceStore(store, 100);
  const listener = vi.fn();
  shown.subscribe(listener);
  const add = () => changeSlice(store, 'notes', (slice) => Number(slice) + 1);
  return { store, shown, listener, add };
};

test('a thousand changes in a second are ten frames, and the last one is among them', () => {
  const { shown, listener, add } = open();
  for (let change = 0; change < 1000; change += 1) {
    add();
    vi.advanceTimersByTime(1);
  }
  vi.advanceTimersByTime(100);
  expect(listener.mock.calls.length).toBeGreaterThanOrEqual(9);
  expect(listener.mock.calls.length).toBeLessThanOrEqual(11);
  expect(shown.getState().slices.notes).toBe(1000);
});

test('after a quiet time a change does not wait', () => {
  const { listener, add } = open();
  vi.advanceTimersByTime(500);
  add();
  vi.advanceTimersByTime(1);
  expect(listener).toHaveBeenCalledTimes(1);
});

test('publish shows at once, and once', () => {
  const { store, shown, listener, add } = open();
  add();
  changeScreen(store, { focus: 'other' });
  shown.publish();
  expect(listener).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1000);
  expect(listener).toHaveBeenCalledTimes(1);
});

test('nothing changed: nobody is notified; stopped: nobody is notified', () => {
  const { shown, listener, add } = open();
  shown.publish();
  vi.advanceTimersByTime(1000);
  expect(listener).not.toHaveBeenCalled();
  shown.stop();
  add();
  vi.advanceTimersByTime(1000);
  expect(listener).not.toHaveBeenCalled();
});

test('that something was read again and is the same is notified with what comes next, and not by itself', () => {
  const { store, shown, listener, add } = open();
  const learned = (learnedAtMs: number, name: 'fresh' | 'stale' = 'fresh') =>
    store.setState({ freshness: { notes: { name, learnedAtMs } } });
  learned(1);
  vi.advanceTimersByTime(1000);
  expect(listener).toHaveBeenCalledTimes(1);
  learned(2);
  vi.advanceTimersByTime(1000);
  expect(listener).toHaveBeenCalledTimes(1);
  add();
  vi.advanceTimersByTime(1000);
  expect(listener).toHaveBeenCalledTimes(2);
  expect(shown.getState().freshness.notes?.learnedAtMs).toBe(2);
  learned(2, 'stale');
  vi.advanceTimersByTime(1000);
  expect(listener).toHaveBeenCalledTimes(3);
});
