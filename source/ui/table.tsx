import { Text } from 'ink';
import inkTable from 'ink-table';
import { createContext, type ReactNode, use } from 'react';
import type { Severity } from '../need.ts';
import { type ColumnWidth, type LaidColumn, layColumns } from './columns.ts';
import { FadedContext } from './faded-context.ts';
import type { Span } from './row.tsx';
import { fitTo, width as measure, sanitise, truncateStart } from './text.ts';
import { faded, type Piece, styled } from './theme/style.ts';

export type Column<Item> = ColumnWidth & {
  readonly align?: 'left' | 'right';
  /** The field of the list it shows: the heading tells when rows are ordered by it. */
  readonly field?: string;
  /** The end tells more than the start, as in paths: it stays when the text is cut. */
  readonly keepsEnd?: boolean;
  /** How the text is cut to so many cells, where not simply at its end. */
  readonly shorten?: (text: string, cells: number) => string;
  /** Names the row: underlined in the chosen one. Figures, bars and trends never change their looks. */
  readonly isName?: boolean;
  /** What stands in the cell; sanitised, cut and padded here. Several pieces, as of a bar, take its width exactly. */
  cell(item: Item): Span | readonly Piece[];
};

export type TableRow<Item> = {
  readonly item: Item;
  readonly isChosen: boolean;
  readonly isMarked: boolean;
  readonly need?: RowNeed | undefined;
};

/** Whether the row needs a human; `none`: that is known, and it does not. Undefined: nobody judges. */
export type RowNeed = Severity | 'acked' | 'none';

export type TableProps<Item> = {
  readonly columns: readonly Column<Item>[];
  readonly laid: readonly LaidColumn[];
  /** Cells between two columns. */
  readonly gap: number;
  readonly rows: readonly TableRow<Item>[];
  /** Cells a line takes. */
  readonly width: number;
  /** Whether a line is drawn under the heading. */
  readonly isRuled: boolean;
  /** Which field the rows are ordered by, and which way. */
  readonly order: { readonly field: string; readonly isDescending: boolean } | undefined;
};

/** What a column is called; one without a heading is the bar of the figure beside it. */
export function columnName({ heading }: Pick<ColumnWidth, 'heading'>): string {
  return heading === '' ? 'bar' : heading;
}

/** The columns that were chosen, in that order; where room is short those behind give way to those before. */
export function chosenColumns<Item>(
  columns: readonly Column<Item>[],
  names: readonly string[] | undefined,
): readonly Column<Item>[] {
  if (!names) return columns;
  const chosen = names.flatMap((name) => columns.find((column) => columnName(column) === name) ?? []);
  // A pane may have other columns than when they were chosen.
  if (chosen.length === 0) return columns;
  return chosen.map(({ drop: _, ...column }, place) => (place === 0 ? column : { ...column, drop: place }));
}

/** What stands before each row: whether it is chosen, whether it is marked. */
const gutterCells = 2;

/** Below this a second cell between two columns is not worth the end of a name. */
const roomyCells = 50;

/** Which of the columns there is room for, how wide each is, and how many cells lie between them. */
export function layTable<Item>(
  columns: readonly Column<Item>[],
  items: readonly Item[],
  width: number,
): Pick<TableProps<Item>, 'laid' | 'gap'> {
  const texts = items.map((item) => columns.map((column) => textOf(column.cell(item))));
  const lay = (gap: number): readonly LaidColumn[] => layColumns(columns, texts, width - gutterCells, gap);
  const roomy = lay(2);
  // With all of them there, nothing is to be gained.
  if (width >= roomyCells && roomy.length === columns.length) return { laid: roomy, gap: 2 };
  const tight = lay(1);
  const longest = (index: number): number =>
    texts.reduce((most, row) => Math.max(most, measure(sanitise(row[index] ?? ''))), 0);
  const isWhole = ({ index, cells }: LaidColumn): boolean => cells >= longest(index);
  const isTight =
    width < roomyCells
      ? tight.some(
          (one) =>
            !roomy.some(
              ({ index, cells }) => index === one.index && cells >= Math.min(one.cells, longest(index)),
            ),
        )
      : // Nor is it worth a column, if that leaves the others as they are.
        tight.length > roomy.length &&
        tight.every((one) => columns[one.index]?.keepsWord === true || isWhole(one));
  return isTight ? { laid: tight, gap: 1 } : { laid: roomy, gap: 2 };
}

/** Lines the heading takes. */
export function headingLines(isRuled: boolean): number {
  return isRuled ? 2 : 1;
}

/**
 * A heading and one line a row, by ink-table. This is the only file that knows ink-table.
 *
 * ink-table measures UTF-16 lengths and hashes each row, so it is handed a placeholder of the right length for each
 * line, and the cell component paints the real content in its place.
 */
export function Table<Item>(props: TableProps<Item>): ReactNode {
  const { columns, laid, gap, rows, width, isRuled, order } = props;
  const headings: Piece[] = laid.map(({ index, cells }) => {
    const { heading = '', field, align } = columns[index] ?? {};
    const isOrder = field !== undefined && order?.field === field;
    const text = isOrder ? `${heading}${order.isDescending ? '▼' : '▲'}` : heading;
    return { text: fitTo(sanitise(text), cells, align), tone: isOrder ? 'strong' : 'muted' };
  });
  const rule: Piece = { text: '─'.repeat(Math.max(0, width)), tone: 'line' };
  const lines = [
    joined(
      '  ',
      headings.map((heading) => [heading]),
      width,
      gap,
    ),
    ...(isRuled ? [[rule]] : []),
    ...rows.map((row) => lineOf(row, columns, { laid, gap }, width)),
  ];
  const cells = Math.max(1, width);
  return (
    <LinesContext value={lines}>
      <InkTable
        data={lines.slice(1).map((_, index) => placeholderRow(index + 1, cells))}
        columns={[headingKey(cells)]}
        header={Line}
        cell={Line}
        skeleton={NoLine}
      />
    </LinesContext>
  );
}

// CommonJS: what is imported is its `module.exports`.
const InkTable = inkTable.default;

/** The heading first. */
const LinesContext = createContext<readonly (readonly Piece[])[]>([]);

/** Private-use characters carry the number of a line through ink-table. */
const firstMark = 0xe000;

/** ink-table heads a column with its key, and makes it as wide at least. */
function headingKey(cells: number): string {
  return String.fromCharCode(firstMark).padEnd(cells);
}

function placeholderRow(line: number, cells: number): Record<string, string> {
  return { [headingKey(cells)]: String.fromCharCode(firstMark + line).padEnd(cells) };
}

function Line({ children }: { readonly children?: ReactNode }): ReactNode {
  const lines = use(LinesContext);
  const isOld = use(FadedContext);
  const pieces = lines[String(children).trimStart().charCodeAt(0) - firstMark] ?? [];
  const text = pieces.map((piece) => styled(isOld ? faded(piece) : piece)).join('');
  return <Text wrap="truncate">{text}</Text>;
}

function NoLine(): ReactNode {
  return null;
}

function lineOf<Item>(
  { item, isChosen, isMarked, need }: TableRow<Item>,
  columns: readonly Column<Item>[],
  { laid, gap }: Pick<TableProps<Item>, 'laid' | 'gap'>,
  width: number,
): readonly Piece[] {
  const cells = laid.map(({ index, cells }, place): readonly Piece[] => {
    const column = columns[index];
    const span = column?.cell(item) ?? '';
    if (isPieces(span)) {
      const blank = [{ text: ' '.repeat(cells) }];
      return span.length === 0 ? blank : span.map((one) => judged(one, need, false));
    }
    const piece = judged(typeof span === 'string' ? { text: span } : span, need, place === 0);
    const text = sanitise(piece.text);
    const end = column?.keepsEnd ? truncateStart(text, cells) : text;
    const whole = fitTo(column?.shorten?.(text, cells) ?? end, cells, column?.align);
    if (!isChosen || column?.isName !== true) return [{ ...piece, text: whole }];
    // The spaces behind a name are no part of it.
    const name = whole.trimEnd();
    return [chosenName({ ...piece, text: name }), { text: whole.slice(name.length) }];
  });
  return joined(gutter({ isChosen, isMarked, need }), cells, width, gap);
}

/** Colour says that a row needs a human: what stands first in it is as urgent as that, what is well has none. */
export function judged(piece: Piece, need: RowNeed | undefined, isFirst: boolean): Piece {
  if (need === undefined) return piece;
  const isLoud = piece.tone === 'bad' || piece.tone === 'warn';
  if (need === 'none' || need === 'acked') return isLoud ? { ...piece, tone: 'text' } : piece;
  if (isFirst) return { ...piece, tone: need, bold: need === 'bad' };
  return piece.tone === 'bad' ? { ...piece, tone: need } : piece;
}

/** `> ` before the chosen row, ` *` before a marked one, `✓` where somebody is on it. */
export function gutter({
  isChosen,
  isMarked,
  need,
}: Pick<TableRow<unknown>, 'isChosen' | 'isMarked' | 'need'>): string {
  const after = isMarked ? '*' : need === 'acked' ? '✓' : ' ';
  return `${isChosen ? '>' : ' '}${after}`;
}

/** A whole row as one line: with one Text for each row a frame costs a fraction of one Text for each cell. */
function joined(
  before: string,
  cells: readonly (readonly Piece[])[],
  width: number,
  gapCells: number,
): readonly Piece[] {
  const gap = { text: ' '.repeat(gapCells) };
  const pieces: readonly Piece[] = [
    { text: before, tone: 'mark' },
    ...cells.flatMap((own, index) => (index === 0 ? own : [gap, ...own])),
  ];
  const taken = pieces.reduce((sum, piece) => sum + measure(piece.text), 0);
  return taken < width ? [...pieces, { text: ' '.repeat(width - taken) }] : pieces;
}

/** As the name of the chosen row; figures, bars and trends never change their looks. */
export function chosenName(piece: Piece): Piece {
  const isTrouble = piece.tone === 'bad' || piece.tone === 'warn';
  return isTrouble ? { ...piece, bold: true, underline: true } : { ...piece, tone: 'selection' };
}

function isPieces(span: Span | readonly Piece[]): span is readonly Piece[] {
  return Array.isArray(span);
}

function textOf(span: Span | readonly Piece[]): string {
  if (isPieces(span)) return span.map(({ text }) => text).join('');
  return typeof span === 'string' ? span : span.text;
}
