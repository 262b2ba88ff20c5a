import { padEnd, padStart, sanitise, width } from './text.ts';

/**
 * Rows of cells as aligned lines, two spaces between columns. Each cell is made safe before it is measured; a column
 * without any content is left out.
 * @param right the columns that are aligned to the right, such as counts
 */
export function textTable(
  rows: readonly (readonly string[])[],
  { right = [] }: { readonly right?: readonly number[] } = {},
): string[] {
  const table = rows.map((row) => row.map(sanitise));
  const columns = Math.max(0, ...table.map(({ length }) => length));
  const widths = Array.from({ length: columns }, (_, column) =>
    table.reduce((widest, row) => Math.max(widest, width(row[column] ?? '')), 0),
  );
  const shown = widths.flatMap((cells, column) => (cells > 0 ? [{ cells, column }] : []));
  return table.map((row) =>
    shown
      .map(({ cells, column }) => (right.includes(column) ? padStart : padEnd)(row[column] ?? '', cells))
      .join('  ')
      .trimEnd(),
  );
}
