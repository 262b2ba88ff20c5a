import { createStore } from 'zustand/vanilla';
import type { State, Store } from './store.ts';

/**
 * Two stores with one content, until they are parted: the engine writes what is so now into `live`, panes and keyboard
 * look at `seen`. Parted, `live` goes on learning, and `seen` shows whatever it is given.
 */
export type SeenStore = {
  readonly seen: Store;
  part(): void;
  /** `live` is seen again, with what `merge` takes over from what was seen last. */
  join(merge: (live: State, seen: State) => State): void;
};

export function seeStore(live: Store): SeenStore {
  const seen: Store = createStore<State>(() => live.getState());
  let isParted = false;
  live.subscribe((state) => {
    if (!isParted && seen.getState() !== state) seen.setState(state, true);
  });
  seen.subscribe((state) => {
    if (!isParted && live.getState() !== state) live.setState(state, true);
  });
  return {
    seen,
    part() {
      isParted = true;
    },
    join(merge) {
      isParted = false;
      live.setState(merge(live.getState(), seen.getState()), true);
    },
  };
}
