import type { KeyBinding } from '../feature.ts';
import { type ShipSlice, scroll, selectedChannel, step } from './state.ts';

const half = (rows: number): number => Math.max(1, Math.floor(rows / 2));

export const keys: readonly KeyBinding<ShipSlice>[] = [
  { key: ['right', 'l', ']'], help: 'next channel', change: (slice) => step(slice, 1) },
  { key: ['left', 'h', '['], help: 'previous channel', change: (slice) => step(slice, -1) },
  { key: ['down', 'j'], help: 'next part', change: (slice) => scroll(slice, 1) },
  { key: ['up', 'k'], help: 'previous part', change: (slice) => scroll(slice, -1) },
  {
    key: ['pagedown', 'ctrl+d'],
    help: 'further down',
    change: (slice, { rows }) => scroll(slice, half(rows)),
  },
  { key: ['pageup', 'ctrl+u'], help: 'further up', change: (slice, { rows }) => scroll(slice, -half(rows)) },
  { key: ['home', 'g'], help: 'oldest part', change: (slice) => scroll(slice, Number.NEGATIVE_INFINITY) },
  { key: ['end', 'G'], help: 'newest part', change: (slice) => scroll(slice, Number.POSITIVE_INFINITY) },
  {
    key: ['x', 'delete'],
    help: 'forget: a consumer that stays away, so that nothing waits for it any more',
    verb: 'forget',
    refuse: (slice) =>
      (slice.shown?.consumers.length ?? 0) > 0 ? undefined : 'There is no consumer to forget',
    ask: {
      label: (slice) => `Consumer of ${selectedChannel(slice) ?? ''} to forget ›`,
      initial: (slice) => slice.shown?.consumers.find(({ state }) => state === 'stalled')?.id ?? '',
    },
    input: (slice, typed) => ({ channel: selectedChannel(slice), consumer: typed }),
  },
];
