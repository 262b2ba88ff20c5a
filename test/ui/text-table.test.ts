import { expect, test } from 'vitest';
import { width } from '../../source/ui/text.ts';
import { textTable } from '../../source/ui/text-table.ts';
import { foreignSequences, payloads } from '../helpers/injections.ts';

test('columns are aligned by cells, to the left unless asked otherwise, and end without blanks', () => {
  const rows = [
    ['name', 'count', 'note'],
    ['日本語', '7', ''],
    ['web', '8,412', 'slow'],
  ];
  expect(textTable(rows, { right: [1] })).toEqual([
    'name    count  note',
    '日本語      7',
    'web     8,412  slow',
  ]);
});

test('a column that is empty in every row is left out; rows may be short', () => {
  expect(textTable([['a', '', 'b'], ['c'], []])).toEqual(['a  b', 'c', '']);
  expect(textTable([])).toEqual([]);
});

test('whatever a cell holds, it is one line, and its neighbours keep their places', () => {
  const lines = textTable(payloads.map((payload) => [`x${payload}`, 'next']));
  expect(lines).toHaveLength(payloads.length);
  expect(lines.flatMap(foreignSequences)).toEqual([]);
  expect(new Set(lines.map((line) => width(line))).size).toBe(1);
});
