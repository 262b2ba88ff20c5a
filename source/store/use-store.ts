import { createContext, use } from 'react';
import { useStore as useZustand } from 'zustand';
import type { State, Store } from './store.ts';

/** Any store of our state that can be watched, such as one that is paced. */
export type Shown = Pick<Store, 'getState' | 'getInitialState' | 'subscribe'>;

export const StoreContext = createContext<Shown | undefined>(undefined);

/**
 * React's door to the store: paints again when what the selector picks is another value (by Object.is).
 * @throws {Error} outside a StoreContext
 */
export function useStore<Picked>(select: (state: State) => Picked): Picked {
  const store = use(StoreContext);
  if (!store) throw new Error('Expected a StoreContext around whatever reads the store');
  return useZustand(store, select);
}
