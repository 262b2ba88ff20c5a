import type { KeyBinding } from '../feature.ts';
import { changeStep, type HitsSlice, steps } from './state.ts';

export const keys: readonly KeyBinding<HitsSlice>[] = [
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
];
