import type { KeyBinding } from '../feature.ts';
import { type LogSlice, step } from './state.ts';

export const keys: readonly KeyBinding<LogSlice>[] = [
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
];
