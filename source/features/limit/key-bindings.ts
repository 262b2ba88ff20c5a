import { chosenRow } from '../../ui/list.ts';
import type { KeyBinding } from '../feature.ts';
import { type LimitSlice, limitList } from './state.ts';

export const keys: readonly KeyBinding<LimitSlice>[] = [
  {
    key: ['x', 'delete'],
    help: 'reset: give the subject all of its limits back',
    verb: 'reset',
    eachMarked: true,
    refuse: (slice) => (chosenRow(limitList, slice) ? undefined : 'There is no limit to reset'),
    input: (slice) => ({ subject: chosenRow(limitList, slice)?.subject }),
  },
];
