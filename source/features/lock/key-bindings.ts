import type { KeyBinding } from '../feature.ts';
import { filterBy, type LockSlice, move, selectedLock } from './state.ts';

const half = (rows: number): number => Math.max(1, Math.floor(rows / 2));

export const keys: readonly KeyBinding<LockSlice>[] = [
  { key: ['down', 'j'], help: 'next lock', change: (slice) => move(slice, 1) },
  { key: ['up', 'k'], help: 'previous lock', change: (slice) => move(slice, -1) },
  { key: ['pagedown', 'ctrl+d'], help: 'further down', change: (slice, { rows }) => move(slice, half(rows)) },
  { key: ['pageup', 'ctrl+u'], help: 'further up', change: (slice, { rows }) => move(slice, -half(rows)) },
  { key: ['home', 'g'], help: 'first lock', change: (slice) => move(slice, Number.NEGATIVE_INFINITY) },
  { key: ['end', 'G'], help: 'last lock', change: (slice) => move(slice, Number.POSITIVE_INFINITY) },
  {
    key: '/',
    help: 'filter: by name, owner or label',
    ask: { label: () => 'Locks with ›', initial: ({ filter }) => filter, follow: filterBy },
  },
  {
    key: ['x', 'delete'],
    help: 'break: take the lock from its holder',
    verb: 'break',
    refuse(slice) {
      const lock = selectedLock(slice);
      if (!lock) return 'There is no lock to break';
      return lock.isHeld ? undefined : `Nobody holds ${lock.name}`;
    },
    input: (slice) => ({ name: selectedLock(slice)?.name }),
  },
];
