import { chosenRow } from '../../ui/list.ts';
import type { KeyBinding } from '../feature.ts';
import { type LockSlice, lockList } from './state.ts';

export const keys: readonly KeyBinding<LockSlice>[] = [
  {
    key: ['x', 'delete'],
    help: 'break: take the lock from its holder',
    verb: 'break',
    eachMarked: true,
    refuse(slice) {
      const lock = chosenRow(lockList, slice);
      if (!lock) return 'There is no lock to break';
      return lock.isHeld ? undefined : `Nobody holds ${lock.name}`;
    },
    input: (slice) => ({ name: chosenRow(lockList, slice)?.name }),
  },
];
