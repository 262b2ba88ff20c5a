import type { KeyBinding } from '../feature.ts';
import { type BufferSlice, selectedRow } from './state.ts';

export const keys: readonly KeyBinding<BufferSlice>[] = [
  {
    key: 'f',
    help: 'flush: write the type to SQL',
    verb: 'flush',
    refuse(slice) {
      const row = selectedRow(slice);
      if (!row) return 'There is nothing to flush';
      return row.error ?? (row.ids === 0 && !row.inflight ? `${row.type} has nothing pending` : undefined);
    },
    ask: {
      label: (slice) => `Flush ${selectedRow(slice)?.type} to TARGET [TABLE [COLUMN [KEY]]] ›`,
      // What Redis says about the last flush is no default: anybody may have written it.
      initial: () => 'sqlite:',
    },
    input(slice, typed) {
      const type = selectedRow(slice)?.type;
      const [to = '', table = type, column = 'count', key = 'id'] = typed.trim().split(/\s+/);
      return { type, to, table, key, column, every: undefined };
    },
  },
  {
    key: 'i',
    help: 'count: add to one id',
    verb: 'incr',
    refuse: (slice) => selectedRow(slice)?.error,
    ask: { label: (slice) => `Count in ${selectedRow(slice)?.type ?? 'which type'}: ID BY ›` },
    input(slice, typed) {
      const words = typed.trim().split(/\s+/);
      const type = selectedRow(slice)?.type ?? words.shift() ?? '';
      const [id = '', by = '1'] = words;
      return { type, id, by: Number(by) };
    },
  },
];
