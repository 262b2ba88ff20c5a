import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchPanes } from '../../source/console/pane-watch.ts';
import type { AnyFeature } from '../../source/features/index.ts';
import { changeScreen, changeSlice, makeStore, type Store } from '../../source/store/store.ts';
import { initialList } from '../../source/ui/list.ts';
import { makeFeature, type Notes } from '../helpers/feature.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

const nothing = { words: 'No notes', looked: ['quarterdeck:notes'], first: 'quarterdeck notes say TEXT' };
const features: readonly AnyFeature[] = [
  { ...makeFeature({ noun: 'one' }), nothing },
  { ...makeFeature({ noun: 'two' }), nothing },
  makeFeature({ noun: 'servers' }),
];

function watch(filled: readonly string[], { isRead = true } = {}) {
  const rowsOf = (noun: string): readonly string[] => (filled.includes(noun) ? ['a', 'b'] : []);
  const store = makeStore({
    slices: Object.fromEntries(features.map(({ noun }) => [noun, { rows: rowsOf(noun), list: initialList }])),
    focus: 'one',
    columns: 120,
    rows: 40,
    connection: { name: 'live', sinceMs: Date.now(), attempt: 0, url: 'redis://test', kind: 'standalone' },
  });
  if (isRead) read(store);
  let touchedAtMs = performance.now();
  const stop = watchPanes(store, features, { untouchedMs: () => performance.now() - touchedAtMs });
  return {
    store,
    stop,
    screen: () => store.getState().screen,
    touch: () => {
      touchedAtMs = performance.now();
    },
    set(noun: string, rows: readonly string[]) {
      changeSlice(store, noun, (slice) => ({ ...(slice as Notes), rows }));
      vi.advanceTimersByTime(250);
    },
    pass(ms: number) {
      for (let left = ms; left > 0; left -= 1000) {
        vi.advanceTimersByTime(1000);
        // A console learns something each second, be it nothing new.
        store.setState((state) => ({ freshness: { ...state.freshness } }));
      }
    },
  };
}

function read(store: Store): void {
  const learnedAtMs = Date.now();
  store.setState(({ freshness }) => ({
    freshness: Object.fromEntries(
      Object.keys(freshness).map((noun) => [noun, { name: 'fresh', learnedAtMs }]),
    ),
  }));
}

test('the focus begins where there is something, servers last', () => {
  const some = watch(['two', 'servers']);
  expect(some.screen()).toMatchObject({ focus: 'two', empty: ['one'], guide: undefined });
  some.stop();
  const none = watch(['servers']);
  expect(none.screen()).toMatchObject({ focus: 'servers', empty: ['one', 'two'], guide: 'unused' });
  none.stop();
});

test('a pane that empties under somebody gives its place up once nobody has touched a key for a minute', () => {
  const { screen, set, pass, touch, stop } = watch(['one', 'two', 'servers']);
  set('one', []);
  pass(50_000);
  touch();
  pass(50_000);
  expect(screen()).toMatchObject({ focus: 'one', empty: [] });
  pass(30_000);
  expect(screen()).toMatchObject({ focus: 'two', empty: ['one'] });
  set('one', ['again']);
  expect(screen()).toMatchObject({ focus: 'two', empty: [] });
  stop();
});

test('whoever goes to an empty pane stays there, also when something comes', () => {
  const { store, screen, set, pass, stop } = watch(['two', 'servers']);
  changeScreen(store, { focus: 'one' });
  pass(200_000);
  expect(screen()).toMatchObject({ focus: 'one', empty: ['one'] });
  set('one', ['new']);
  expect(screen()).toMatchObject({ focus: 'one', empty: [] });
  stop();
});

test('a reading that fails at first keeps nobody from being led to where something is', () => {
  const { store, screen, stop } = watch(['servers'], { isRead: false });
  read(store);
  store.setState(({ freshness }) => ({
    freshness: { ...freshness, one: { name: 'failed', error: 'CLUSTERDOWN' } },
  }));
  vi.advanceTimersByTime(500);
  expect(screen()).toMatchObject({ focus: 'one', empty: ['two'], guide: undefined });
  read(store);
  vi.advanceTimersByTime(500);
  expect(screen()).toMatchObject({ focus: 'servers', empty: ['one', 'two'], guide: 'unused' });
  stop();
});

test('whoever goes to an empty pane before all was read is left there', () => {
  const { store, screen, touch, stop } = watch(['servers'], { isRead: false });
  vi.advanceTimersByTime(100);
  touch();
  changeScreen(store, { focus: 'two' });
  read(store);
  vi.advanceTimersByTime(500);
  expect(screen()).toMatchObject({ focus: 'two', empty: ['one', 'two'], guide: 'unused' });
  stop();
});

test('that a server is not reached is said once it refused, or was silent for a while', () => {
  const { store, screen, stop } = watch(['servers'], { isRead: false });
  stop();
  store.setState(({ connection }) => ({
    connection: { ...connection, name: 'connecting', sinceMs: Date.now() },
  }));
  const again = watchPanes(store, features, { untouchedMs: () => 0 });
  expect(screen().guide).toBeUndefined();
  vi.advanceTimersByTime(1000);
  expect(screen().guide).toBeUndefined();
  vi.advanceTimersByTime(1000);
  expect(screen().guide).toBe('unreached');
  // A server that refuses us may refuse a reading as well, and nothing was learned by that.
  store.setState(({ connection, freshness }) => ({
    connection: { ...connection, error: 'NOAUTH' },
    freshness: { ...freshness, one: { name: 'failed', error: 'NOAUTH' } },
  }));
  vi.advanceTimersByTime(250);
  expect(screen().guide).toBe('unreached');
  store.setState(({ connection }) => ({ connection: { ...connection, name: 'live' } }));
  read(store);
  vi.advanceTimersByTime(250);
  expect(screen().guide).toBe('unused');
  again();
});
