import { isFreshnessAlike, type State, type Store } from '../store/store.ts';

/**
 * What React sees of the store: the same states, at most one every `everyMs`, unless `publish` hurries one.
 *
 * A thousand events a second change the store a thousand times and paint ten frames; a key paints at once; a change
 * after a quiet time does not wait.
 */
export type PacedStore = Pick<Store, 'getState' | 'getInitialState' | 'subscribe'> & {
  /** Shows the newest state now, as after a key or a resize. */
  publish(): void;
  stop(): void;
};

/** Whether only the times of readings differ, which are shown when something else moves the clock. */
function isAlike(state: State, shown: State): boolean {
  const { freshness, ...others } = state;
  const isSame = (Object.keys(others) as (keyof typeof others)[]).every((key) => state[key] === shown[key]);
  return isSame && isFreshnessAlike(freshness, shown.freshness);
}

export function paceStore(store: Store, everyMs: number): PacedStore {
  const listeners = new Set<(state: State, before: State) => void>();
  let shown = store.getState();
  let lastMs = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  const publish = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const next = store.getState();
    if (next === shown) return;
    const before = shown;
    shown = next;
    lastMs = performance.now();
    for (const listener of listeners) listener(shown, before);
  };
  const unsubscribe = store.subscribe((state) => {
    // That something was read again and is the same paints nothing.
    if (timer || isAlike(state, shown)) return;
    const nowMs = performance.now();
    const dueMs = Math.max(nowMs, lastMs + everyMs);
    timer = setTimeout(() => {
      publish();
      // Counted from when it was due: timers that come late must not add up to frames that are missing.
      if (lastMs - dueMs < everyMs) lastMs = dueMs;
    }, dueMs - nowMs);
  });

  return {
    getState: () => shown,
    getInitialState: store.getInitialState,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    publish,
    stop() {
      clearTimeout(timer);
      unsubscribe();
    },
  };
}
