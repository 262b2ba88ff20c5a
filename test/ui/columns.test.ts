import { expect, test } from 'vitest';
import { type ColumnWidth, layColumns } from '../../source/ui/columns.ts';

const columns: readonly ColumnWidth[] = [
  { heading: 'server', yields: { to: 6, sparing: 2 } },
  { heading: 'role' },
  { heading: 'memory', drop: 2 },
  { heading: 'clients', drop: 5 },
];
const texts = [['a-long-name.internal', 'primary', '212M', '41']];

function laid(room: number): Record<string, number> {
  return Object.fromEntries(
    layColumns(columns, texts, room, 1).map(({ index, cells }) => [columns[index]?.heading, cells]),
  );
}

test('a column that yields keeps those it spares, and outlives the rest whole', () => {
  expect(laid(43)).toEqual({ server: 20, role: 7, memory: 6, clients: 7 });
  expect(laid(42)).toEqual({ server: 20, role: 7, memory: 6 });
  expect(laid(34)).toEqual({ server: 19, role: 7, memory: 6 });
  expect(laid(21)).toEqual({ server: 6, role: 7, memory: 6 });
  expect(laid(20)).toEqual({ server: 12, role: 7 });
});
