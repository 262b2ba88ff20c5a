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

test('the word for a state is whole as long as anything else can give way', () => {
  const table: readonly ColumnWidth[] = [
    { heading: 'state', keepsWord: true },
    { heading: 'topic', max: 24 },
    { heading: 'subscriber', grow: true, yields: { to: 8, sparing: 2 }, max: 32 },
    { heading: 'lag' },
    { heading: 'oldest', drop: 1 },
    { heading: 'trend', width: 8, drop: 2 },
  ];
  const rows = [
    ['OVERLOADED \u25B2', 'a-topic-with-a-long-name', 'a-subscriber-with-one', '41,337', '2d03h', ''],
  ];
  for (let room = 30; room <= 400; room += 1) {
    const [state] = layColumns(table, rows, room, 2);
    expect(state?.cells, String(room)).toBeGreaterThanOrEqual(11);
    if (room > 70) expect(state?.cells).toBe(12);
  }
  // Nothing is left that could.
  expect(layColumns(table, rows, 12, 1)[0]?.cells).toBeLessThan(10);
});
