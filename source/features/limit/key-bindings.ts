import type { KeyBinding } from '../feature.ts';
import { filterBy, followNearest, type LimitSlice, move, selectedMeter } from './state.ts';

const half = (rows: number): number => Math.max(1, Math.floor(rows / 2));

export const keys: readonly KeyBinding<LimitSlice>[] = [
  { key: ['down', 'j'], help: 'next limit', change: (slice) => move(slice, 1) },
  { key: ['up', 'k'], help: 'previous limit', change: (slice) => move(slice, -1) },
  { key: ['pagedown', 'ctrl+d'], help: 'further down', change: (slice, { rows }) => move(slice, half(rows)) },
  { key: ['pageup', 'ctrl+u'], help: 'further up', change: (slice, { rows }) => move(slice, -half(rows)) },
  { key: ['home', 'g'], help: 'whichever is nearest to its limit', change: followNearest },
  {
    key: ['end', 'G'],
    help: 'furthest from its limit',
    change: (slice) => move(slice, Number.POSITIVE_INFINITY),
  },
  {
    key: '/',
    help: 'filter: by subject',
    ask: { label: () => 'Subjects with ›', initial: ({ filter }) => filter, follow: filterBy },
  },
  {
    key: ['x', 'delete'],
    help: 'reset: give the subject all of its limits back',
    verb: 'reset',
    refuse: (slice) => (selectedMeter(slice) ? undefined : 'There is no limit to reset'),
    input: (slice) => ({ subject: selectedMeter(slice)?.subject }),
  },
];
