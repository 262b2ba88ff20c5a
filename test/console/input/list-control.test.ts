import { afterEach, expect, test, vi } from 'vitest';
import { makeListControl } from '../../../source/console/input/list-control.ts';
import { makeStore } from '../../../source/store/store.ts';
import { makeFeature, type Notes } from '../../helpers/feature.ts';

afterEach(() => vi.useRealTimers());

test('rows hold still under a question about one of them; a question of the console itself is about no list', () => {
  vi.useFakeTimers();
  const feature = makeFeature();
  const store = makeStore({
    slices: { notes: { rows: ['one', 'two'], list: { ...initial() } } },
    focus: 'notes',
    columns: 80,
    rows: 24,
    connection: { name: 'live', sinceMs: 0, attempt: 0, url: 'redis://test', kind: 'standalone' },
  });
  const lists = makeListControl({ store, features: [feature], sizeOf: () => ({ columns: 76, rows: 20 }) });
  const held = () => (store.getState().slices.notes as Notes).list.held;
  lists.holdFor('notes');
  expect(held()).toBeDefined();
  // `:unlock` asks something, too: nothing of it may be left to fail three seconds later.
  lists.holdFor('unlock');
  vi.advanceTimersByTime(10_000);
  expect(held()).toBeUndefined();
  expect(store.getState().slices).not.toHaveProperty('unlock');
  lists.stop();
});

function initial(): Notes['list'] {
  return (makeFeature().initial({} as never) as Notes).list;
}
