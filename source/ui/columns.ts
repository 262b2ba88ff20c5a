import { sanitise, width } from './text.ts';

/** How wide a table's column wants to be. */
export type ColumnWidth = {
  readonly heading: string;
  /** Exactly this many cells; without it, as wide as its widest cell or heading. */
  readonly width?: number;
  /** Takes what the others leave; at least as wide as its heading. */
  readonly grow?: boolean;
  /** As wide as its content, and down to `to` cells before a column whose `drop` is at most `sparing` is left out. */
  readonly yields?: { readonly to: number; readonly sparing: number };
  /** Its first word is cut only when no other column can give way: the word for a state. */
  readonly keepsWord?: boolean;
  /** It is cut to fewer cells only when no other column can give way. */
  readonly keeps?: number;
  /** Never wider than this. */
  readonly max?: number;
  /** May be left out when room is short; the highest number goes first. */
  readonly drop?: number;
};

/** Less of a column tells nothing: then the others give way that keep their words. */
const leastCells = 3;

export type LaidColumn = { readonly index: number; readonly cells: number };

/**
 * Which columns are shown and how wide each is, so that they and `gap` cells between them take at most `columns`.
 * Droppable columns go first, then the widest one shrinks, what columns keep after all else.
 */
export function layColumns(
  wanted: readonly ColumnWidth[],
  texts: readonly (readonly string[])[],
  columns: number,
  gap: number,
): readonly LaidColumn[] {
  let shown = wanted.map((column, index) => {
    const cells = natural(column, texts, index);
    const floor = column.keepsWord ? firstWord(texts, index) : (column.keeps ?? leastCells);
    return { index, column, cells, floor };
  });
  const gaps = (): number => gap * Math.max(0, shown.length - 1);
  const total = (): number => shown.reduce((sum, { cells }) => sum + cells, 0) + gaps();
  const least = (drop: number): number => {
    const yielded = shown.map(({ column: { yields }, cells }) =>
      yields && drop <= yields.sparing ? Math.max(0, cells - yields.to) : 0,
    );
    return total() - yielded.reduce((sum, cells) => sum + cells, 0);
  };

  for (;;) {
    const last = shown.reduce((worst, { column }) => Math.max(worst, column.drop ?? 0), 0);
    if (last === 0 || least(last) <= columns) break;
    shown = shown.filter(({ column }) => (column.drop ?? 0) < last);
  }
  while (total() > columns && shown.length > 0) {
    const giving = shown.filter(({ cells, floor }) => cells > floor);
    const widest = (giving.length > 0 ? giving : shown).reduce((best, entry) =>
      entry.cells > best.cells ? entry : best,
    );
    if (widest.cells <= 1) {
      shown = shown.slice(0, -1);
      continue;
    }
    widest.cells -= 1;
  }
  const growing = shown.filter(({ column }) => column.grow);
  let spare = columns - total();
  for (const [position, entry] of growing.entries()) {
    const share = Math.floor(spare / (growing.length - position));
    const taken = Math.min(share, (entry.column.max ?? Number.POSITIVE_INFINITY) - entry.cells);
    entry.cells += Math.max(0, taken);
    spare -= Math.max(0, taken);
  }
  return shown.map(({ index, cells }) => ({ index, cells }));
}

function natural(column: ColumnWidth, texts: readonly (readonly string[])[], index: number): number {
  if (column.width !== undefined) return column.width;
  let cells = width(sanitise(column.heading));
  // What grows is cut to what is left, so its content does not push the others away.
  if (!column.grow || column.yields !== undefined) {
    for (const row of texts) cells = Math.max(cells, width(sanitise(row[index] ?? '')));
  }
  return Math.max(1, Math.min(cells, column.max ?? cells));
}

const leastWord = 8;

/** As many cells as the longest first word has; of a short one, such as `no` of `no TTL`, more. */
function firstWord(texts: readonly (readonly string[])[], index: number): number {
  const cells = texts.map((row) => {
    const text = sanitise(row[index] ?? '');
    const word = text.split(' ', 1)[0] ?? '';
    // Behind it stands that something was cut.
    return Math.min(width(text), Math.max(width(word) + 1, leastWord));
  });
  return Math.max(leastCells, ...cells);
}

/** The first shown row of a list of `total` in `rows` lines, so that the selected one is in view. */
export function windowStart(total: number, rows: number, selected: number): number {
  const centred = selected - Math.floor(rows / 2);
  return Math.max(0, Math.min(centred, total - rows));
}
