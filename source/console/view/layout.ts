import { frameCells } from '../../ui/frame-cells.ts';

/**
 * Who gets which cells. Pure: sizes in, rectangles out. Every rectangle lies on the screen and the panes tile the
 * area between header and status line exactly.
 */

export type Rectangle = {
  readonly left: number;
  readonly top: number;
  readonly columns: number;
  readonly rows: number;
};

export type Tile = Rectangle & {
  readonly noun: string /** Has sides and a bottom line. */;
  readonly framed: boolean;
};

export type Layout = {
  readonly kind: 'grid' | 'tabs';
  /** Lines above the panes; the last of them are the tabs if there are any. */
  readonly headerRows: number;
  readonly tabs: boolean;
  /** Whether what needs a human has a line of its own below the header. */
  readonly needs: boolean;
  readonly tiles: readonly Tile[];
  /** What lies between header and status line. */
  readonly area: Rectangle;
};

export type Placed = { readonly noun: string; readonly breadth: number };

export const smallest = { columns: 40, rows: 10 };

const leastTile = { columns: 30, rows: 7 };
const leastGridColumns = 100;
const leastStackedRows = 12;
const leastNeedsRows = 16;

/** How many panes stand in each row, by the number of panes, while there is room for it. */
const patterns: Readonly<Record<number, readonly number[]>> = {
  1: [1],
  2: [2],
  3: [2, 1],
  4: [2, 2],
  5: [2, 3],
  6: [2, 2, 2],
  7: [2, 3, 2],
  8: [2, 3, 3],
  9: [2, 3, 2, 2],
  10: [2, 3, 2, 3],
};

export function layOut({
  columns,
  rows,
  panes,
  focus,
  isZoomed,
}: {
  readonly columns: number;
  readonly rows: number;
  readonly panes: readonly Placed[];
  readonly focus: string;
  readonly isZoomed: boolean;
}): Layout {
  // Where lines are scarce the tabs carry the marks, and the header the number.
  const needs = rows >= leastNeedsRows;
  const header = needs ? 2 : 1;
  const area = (top: number): Rectangle => ({
    left: 0,
    top,
    columns,
    rows: Math.max(0, rows - top - 1),
  });
  const grid = isZoomed ? undefined : gridOf(panes, area(header));
  if (grid) return { kind: 'grid', headerRows: header, tabs: false, needs, tiles: grid, area: area(header) };

  // One pane at a time, under a line of tabs when there is something to choose.
  const tabs = panes.length > 1;
  const top = header + (tabs ? 1 : 0);
  const shown = panes.find(({ noun }) => noun === focus) ?? panes[0];
  const framed = rows >= 16;
  const tiles = shown ? [{ ...area(top), noun: shown.noun, framed }] : [];
  return { kind: 'tabs', headerRows: top, tabs, needs, tiles, area: area(top) };
}

function gridOf(panes: readonly Placed[], area: Rectangle): readonly Tile[] | undefined {
  const counts = countsFor(panes.length, area);
  if (!counts) return;
  const heights = shares(
    area.rows,
    // The first row holds what changes most.
    counts.map((_, row) => (row === 0 && counts.length > 1 ? 1.5 : 1)),
  );
  let next = 0;
  let top = area.top;
  const tiles: Tile[] = [];
  for (const [row, count] of counts.entries()) {
    const inRow = panes.slice(next, next + count);
    const widths = widthsOf(inRow, area.columns);
    let left = area.left;
    for (const [index, { noun }] of inRow.entries()) {
      const columns = widths[index] ?? 0;
      tiles.push({ noun, left, top, columns, rows: heights[row] ?? 0, framed: true });
      left += columns;
    }
    next += count;
    top += heights[row] ?? 0;
  }
  const fits = tiles.every((tile) => tile.columns >= leastTile.columns && tile.rows >= leastTile.rows);
  return fits ? tiles : undefined;
}

/** In proportion to what they want, or the same for all when that would leave one of them too narrow. */
function widthsOf(panes: readonly Placed[], columns: number): readonly number[] {
  const wanted = shares(
    columns,
    panes.map(({ breadth }) => breadth),
  );
  if (wanted.every((width) => width >= leastTile.columns)) return wanted;
  return shares(
    columns,
    panes.map(() => 1),
  );
}

function countsFor(count: number, { columns, rows }: Rectangle): readonly number[] | undefined {
  if (count <= 1) return [count];
  // A tall narrow terminal: one above the other.
  if (columns < leastGridColumns) {
    return rows >= count * leastStackedRows ? Array.from({ length: count }, () => 1) : undefined;
  }
  const wanted = patterns[count] ?? evenly(count, Math.ceil(count / 3));
  const mostRows = Math.floor(rows / leastTile.rows);
  if (wanted.length <= mostRows) return wanted;
  return mostRows === 0 ? undefined : evenly(count, mostRows);
}

function evenly(count: number, rows: number): readonly number[] {
  return Array.from({ length: rows }, (_, row) => Math.floor((count + row) / rows));
}

/** Cuts a length into whole parts in proportion to the weights; the parts add up to it exactly. */
export function shares(length: number, weights: readonly number[]): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let passed = 0;
  let taken = 0;
  return weights.map((weight) => {
    passed += weight;
    const end = Math.round((length * passed) / total);
    const part = end - taken;
    taken = end;
    return part;
  });
}

/** The cells a tile leaves its pane: within the frame, or under the title line where there is no frame. */
export function innerOf({ columns, rows, framed }: Tile): {
  readonly columns: number;
  readonly rows: number;
} {
  return framed
    ? { columns: Math.max(0, columns - frameCells.columns), rows: Math.max(0, rows - frameCells.rows) }
    : { columns, rows: Math.max(0, rows - 1) };
}
