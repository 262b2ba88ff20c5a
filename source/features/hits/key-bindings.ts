import type { KeyBinding } from '../feature.ts';
import { changeStep, filterBy, followBusiest, type HitsSlice, move, steps } from './state.ts';

export const keys: readonly KeyBinding<HitsSlice>[] = [
  { key: ['down', 'j'], help: 'next series', change: (slice) => move(slice, 1) },
  { key: ['up', 'k'], help: 'previous series', change: (slice) => move(slice, -1) },
  { key: ['pagedown', 'ctrl+d'], help: 'further down', change: (slice) => move(slice, 5) },
  { key: ['pageup', 'ctrl+u'], help: 'further up', change: (slice) => move(slice, -5) },
  { key: ['home', 'g'], help: 'the busiest series', change: followBusiest },
  {
    key: ['end', 'G'],
    help: 'the quietest series',
    change: (slice) => move(slice, Number.POSITIVE_INFINITY),
  },
  {
    key: ['+', 'right', 'l'],
    help: 'longer bars: 10s, 1m, 10m, 1h',
    refuse: ({ stepMs }) => (stepMs === steps.at(-1) ? 'An hour is the longest bar' : undefined),
    change: (slice) => changeStep(slice, 1),
  },
  {
    key: ['-', 'left', 'h'],
    help: 'shorter bars',
    refuse: ({ stepMs }) => (stepMs === steps[0] ? 'Ten seconds is the shortest bar' : undefined),
    change: (slice) => changeStep(slice, -1),
  },
  {
    key: '/',
    help: 'filter: by name',
    ask: { label: () => 'Series with ›', initial: ({ filter }) => filter, follow: filterBy },
  },
];
