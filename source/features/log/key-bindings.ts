import type { KeyBinding } from '../feature.ts';
import { filterBy, type LogSlice, move, step, toggleOpen, toggleOrder, underCursor } from './state.ts';

const half = (rows: number): number => Math.max(1, Math.floor(rows / 2));

export const keys: readonly KeyBinding<LogSlice>[] = [
  {
    key: ['enter'],
    help: 'lines: the sample and the recent ones',
    refuse: (slice) => (slice.isOpen || underCursor(slice) ? undefined : 'There is no message to open'),
    change: toggleOpen,
  },
  {
    key: '/',
    help: 'filter',
    ask: { label: () => 'Messages with ›', initial: ({ filter }) => filter, follow: filterBy },
  },
  { key: ['down', 'j'], help: 'next message', change: (slice) => move(slice, 1) },
  { key: ['up', 'k'], help: 'previous message', change: (slice) => move(slice, -1) },
  { key: ['pagedown', 'ctrl+d'], help: 'further down', change: (slice, { rows }) => move(slice, half(rows)) },
  { key: ['pageup', 'ctrl+u'], help: 'further up', change: (slice, { rows }) => move(slice, -half(rows)) },
  { key: ['home', 'g'], help: 'the first', change: (slice) => move(slice, Number.NEGATIVE_INFINITY) },
  { key: ['end', 'G'], help: 'the last', change: (slice) => move(slice, Number.POSITIVE_INFINITY) },
  {
    key: 's',
    help: 'next severity',
    refuse({ logs = [], selected }) {
      const others = logs.filter(
        ({ name, severity }) => name === selected?.name && severity !== selected.severity,
      );
      return others.length > 0 ? undefined : `${selected?.name ?? 'It'} has no other severity`;
    },
    change: (slice) => step(slice, 1, { sameName: true }),
  },
  { key: ['right', 'l', ']'], help: 'next log', change: (slice) => step(slice, 1) },
  { key: ['left', 'h', '['], help: 'previous log', change: (slice) => step(slice, -1) },
  { key: 'm', help: 'movers: first, or the most frequent', change: toggleOrder },
];
