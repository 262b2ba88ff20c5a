import type { Arrangement, Guide, PaneRow } from '../../store/store.ts';
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
  /** Panes that are not shown now, named in a line below the others; none where there are tabs. */
  readonly strip: readonly string[];
  /** What lies between header and status line, but for the strip. */
  readonly area: Rectangle;
  /** Where it says what to do on a server that is not reached, or not used yet. */
  readonly guide?: Rectangle;
};

export type Placed = { readonly noun: string; readonly breadth: number };

export type LayoutInput = {
  readonly columns: number;
  readonly rows: number;
  readonly panes: readonly Placed[];
  readonly focus: string;
  readonly isZoomed: boolean;
  /** Everything that is there, unless given. */
  readonly arrangement?: Arrangement;
  /** Nouns of panes with nothing in them: they take no tile. */
  readonly empty?: readonly string[];
  /** How many lines panes would fill, by noun; what is not known gets its share. */
  readonly wants?: Readonly<Record<string, number>>;
  readonly guide?: Guide | undefined;
};

export const smallest = { columns: 40, rows: 10 };

const leastTile = { columns: 30, rows: 7 };
const leastGridColumns = 100;
const broadColumns = 160;
const leastStackedRows = 12;
const leastNeedsRows = 16;
const leastGuideRows = 4;

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

export function layOut(input: LayoutInput): Layout {
  const { columns, rows, panes, focus, isZoomed, empty = [] } = input;
  // Where lines are scarce the tabs carry the marks, and the header the number.
  const needs = rows >= leastNeedsRows;
  const header = needs ? 2 : 1;
  const area = (top: number, below: number): Rectangle => ({
    left: 0,
    top,
    columns,
    rows: Math.max(0, rows - top - below - 1),
  });
  if (input.guide === 'unreached') {
    const whole = area(header, 0);
    return {
      kind: 'grid',
      headerRows: header,
      tabs: false,
      needs,
      tiles: [],
      strip: [],
      area: whole,
      guide: whole,
    };
  }
  const there = wantedPanes(input).filter(({ noun }) => !empty.includes(noun));
  const isPeeking = !there.some(({ noun }) => noun === focus);
  if (!isZoomed && !isPeeking && input.guide === undefined) {
    const whole = there.length === panes.length ? gridOf(there, area(header, 0), input) : undefined;
    const isWhole = whole?.length === panes.length;
    const isCut = whole !== undefined || there.length < panes.length;
    // What is not shown is named in a line below.
    const tiles = isWhole ? whole : isCut ? gridOf(there, area(header, 1), input) : undefined;
    if (tiles) {
      const shown = new Set(tiles.map(({ noun }) => noun));
      const strip = panes.map(({ noun }) => noun).filter((noun) => !shown.has(noun));
      const below = strip.length > 0 ? 1 : 0;
      const about = { kind: 'grid', headerRows: header, tabs: false, needs } as const;
      return { ...about, tiles, strip, area: area(header, below) };
    }
  }

  // One pane at a time, under a line of tabs when there is something to choose.
  const tabs = panes.length > 1;
  const top = header + (tabs ? 1 : 0);
  const shown = panes.find(({ noun }) => noun === focus) ?? panes[0];
  const framed = rows >= 16;
  const whole = area(top, 0);
  const about = { kind: 'tabs', headerRows: top, tabs, needs, strip: [], area: whole } as const;
  if (!shown) return { ...about, tiles: [] };
  const ownRows = (input.wants?.[shown.noun] ?? leastTile.rows) + (framed ? 0 : 1 - frameCells.rows);
  const isGuided = input.guide === 'unused' && !isZoomed && !isPeeking;
  if (!isGuided || whole.rows < ownRows + leastGuideRows) {
    return { ...about, tiles: [{ ...whole, noun: shown.noun, framed }] };
  }
  return {
    ...about,
    tiles: [{ ...whole, rows: ownRows, noun: shown.noun, framed }],
    guide: { ...whole, top: whole.top + ownRows, rows: whole.rows - ownRows },
  };
}

/** The panes of the view, in its order. */
function wantedPanes({ panes, arrangement = { kind: 'all' } }: LayoutInput): readonly Placed[] {
  if (arrangement.kind === 'all') return panes;
  const nouns =
    arrangement.kind === 'focus'
      ? [arrangement.main, ...arrangement.side]
      : arrangement.rows.flatMap((row) => row.panes.map(({ noun }) => noun));
  return [...new Set(nouns)].flatMap((noun) => panes.find((pane) => pane.noun === noun) ?? []);
}

type GridRow = { readonly weight: number; readonly panes: readonly Placed[] };

function gridOf(panes: readonly Placed[], area: Rectangle, input: LayoutInput): readonly Tile[] | undefined {
  const { arrangement = { kind: 'all' }, focus, wants } = input;
  if (arrangement.kind === 'focus') return focusGrid(panes, arrangement.main, area, wants);
  const rows =
    (arrangement.kind === 'rows' ? chosenRows(panes, arrangement.rows, area) : undefined) ??
    countedRows(panes, area);
  if (!rows) return;
  const focused = rows.findIndex((row) => row.panes.some(({ noun }) => noun === focus));
  // Weights that somebody chose stand above what the panes would like.
  const isSized = rows.some(({ weight }) => weight !== 1);
  const lines = isSized || !wants ? undefined : linesWanted(rows, wants);
  const heights = lines
    ? heightsFor(lines, focused, area.rows)
    : sharesFor(
        area.rows,
        rows.map(({ weight }) => weight),
      );
  let top = area.top;
  const tiles: Tile[] = [];
  for (const [row, inRow] of rows.entries()) {
    const widths = widthsOf(inRow.panes, area.columns);
    let left = area.left;
    for (const [index, { noun }] of inRow.panes.entries()) {
      const columns = widths[index] ?? 0;
      tiles.push({ noun, left, top, columns, rows: heights[row] ?? 0, framed: true });
      left += columns;
    }
    top += heights[row] ?? 0;
  }
  return fits(tiles) ? tiles : undefined;
}

/** By their weights; where nobody chose them the first row, which holds what changes most, has more if there is room. */
function sharesFor(rows: number, weights: readonly number[]): readonly number[] {
  const isFree = weights.length > 1 && weights.every((weight) => weight === 1);
  const wanted = shares(rows, isFree ? [1.5, ...weights.slice(1)] : weights);
  return wanted.every((height) => height >= leastTile.rows)
    ? wanted
    : shares(
        rows,
        weights.map(() => 1),
      );
}

function fits(tiles: readonly Tile[]): boolean {
  return tiles.every((tile) => tile.columns >= leastTile.columns && tile.rows >= leastTile.rows);
}

/** The rows as they were chosen, without what is not there; undefined where there is no room for them so. */
function chosenRows(
  panes: readonly Placed[],
  rows: readonly PaneRow[],
  area: Rectangle,
): readonly GridRow[] | undefined {
  const kept = rows.flatMap(({ weight = 1, panes: inRow }): GridRow[] => {
    const there = inRow.flatMap(({ noun, weight: breadth }) => {
      const pane = panes.find((one) => one.noun === noun);
      return pane ? [{ noun, breadth: breadth ?? pane.breadth }] : [];
    });
    return there.length === 0 ? [] : [{ weight, panes: there }];
  });
  const isNarrow = kept.some((row) => row.panes.length * leastTile.columns > area.columns);
  const isLow = kept.length * leastTile.rows > area.rows;
  return isNarrow || isLow || (area.columns < leastGridColumns && panes.length > 1) ? undefined : kept;
}

function countedRows(panes: readonly Placed[], area: Rectangle): readonly GridRow[] | undefined {
  const counts = countsFor(panes.length, area);
  let next = 0;
  return counts?.map((count) => {
    next += count;
    return { weight: 1, panes: panes.slice(next - count, next) };
  });
}

/** What each row would fill; undefined while nothing is known of one. */
function linesWanted(
  rows: readonly GridRow[],
  wants: NonNullable<LayoutInput['wants']>,
): readonly number[] | undefined {
  const lines = rows.map(({ panes }) => Math.max(...panes.map(({ noun }) => wants[noun] ?? Number.NaN)));
  return lines.some(Number.isNaN) ? undefined : lines;
}

/** Each row what it wants, as far as there is room; what is left goes to the row in focus. */
function heightsFor(wanted: readonly number[], focused: number, rows: number): readonly number[] {
  const heights = wanted.map(() => leastTile.rows);
  let free = rows - heights.length * leastTile.rows;
  // A line at a time to each that wants more, the row in focus first.
  const order = [...wanted.keys()].sort((a, b) => Number(b === focused) - Number(a === focused));
  for (let isGiven = true; free > 0 && isGiven; ) {
    isGiven = false;
    for (const row of order) {
      const height = heights[row] ?? 0;
      if (free === 0 || height >= (wanted[row] ?? 0)) continue;
      heights[row] = height + 1;
      free -= 1;
      isGiven = true;
    }
  }
  const last = focused === -1 ? 0 : focused;
  heights[last] = (heights[last] ?? 0) + Math.max(0, free);
  return heights;
}

const mainShare = 0.62;

/** One pane large at the left, as many others as fit one above the other at its right. */
function focusGrid(
  panes: readonly Placed[],
  main: string,
  area: Rectangle,
  wants: LayoutInput['wants'],
): readonly Tile[] | undefined {
  if (area.columns < leastGridColumns || !panes.some(({ noun }) => noun === main)) return;
  const side = panes.filter(({ noun }) => noun !== main).slice(0, Math.floor(area.rows / leastTile.rows));
  const left = side.length === 0 ? area.columns : Math.round(area.columns * mainShare);
  const heights = heightsFor(
    side.map(({ noun }) => wants?.[noun] ?? leastTile.rows),
    0,
    area.rows,
  );
  let top = area.top;
  const tiles: Tile[] = [{ ...area, noun: main, columns: left, framed: true }];
  for (const [index, { noun }] of side.entries()) {
    const rows = heights[index] ?? 0;
    tiles.push({ noun, left, top, columns: area.columns - left, rows, framed: true });
    top += rows;
  }
  return fits(tiles) ? tiles : undefined;
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
  // A few have the whole width each, as long as that shows more of their columns.
  if (count <= 3 && columns < broadColumns && rows >= count * leastTile.rows)
    return Array.from({ length: count }, () => 1);
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
