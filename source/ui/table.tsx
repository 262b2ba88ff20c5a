import { Text } from 'ink';
import inkTable from 'ink-table';
import { createContext, type ReactNode, use } from 'react';
import { type ColumnWidth, layColumns, windowStart } from './columns.ts';
import { DimContext } from './dim-context.ts';
import { Row, type Span } from './row.tsx';
import { dimmed, type Piece, styled } from './style.ts';
import { fitTo, width as measure, sanitise, truncateStart } from './text.ts';

export type Column<Item> = ColumnWidth & {
  readonly align?: 'left' | 'right';
  /** The end tells more than the start, as in paths: it stays when the text is cut. */
  readonly keepsEnd?: boolean;
  /** What stands in the cell; sanitised, cut and padded here. */
  cell(item: Item): Span;
};

export type TableProps<Item> = {
  readonly columns: readonly Column<Item>[];
  readonly items: readonly Item[];
  /** Cells and lines the table takes at most. */
  readonly width: number;
  readonly height: number;
  /** The row painted inverse and kept in view. */
  readonly selected?: number | undefined;
  /** Draws the lines between cells, two lines for each row: for a zoomed pane. */
  readonly lines?: boolean;
  /** What to say when there are no rows. */
  readonly empty: string;
};

/**
 * Rows and columns, by ink-table: without lines it is one text line for each row, with lines a drawn grid. This is
 * the only file that knows ink-table.
 *
 * ink-table measures UTF-16 lengths and hashes each row, so it is handed a placeholder of the right length for each
 * cell, and the cell component paints the real content in its place.
 */
export function Table<Item>(props: TableProps<Item>): ReactNode {
  const { columns, items, width, height, selected, lines = false, empty } = props;
  const heights = lines ? { fixed: 3, each: 2 } : { fixed: 1, each: 1 };
  const room = Math.max(0, Math.floor((height - heights.fixed) / heights.each));
  const start = selected === undefined ? 0 : windowStart(items.length, room, selected);
  const shown = items.slice(start, start + room);
  const spans = shown.map((item) => columns.map((column) => asPiece(column.cell(item))));
  const texts = spans.map((row) => row.map(({ text }) => text));
  const gap = lines ? 3 : width < 50 ? 1 : 2;
  const laid = layColumns(columns, texts, width - (lines ? 4 : 0), gap);
  if (height <= 0) return null;
  if (items.length === 0 || shown.length === 0 || laid.length === 0) {
    return <Row columns={width} spans={[{ text: items.length === 0 ? empty : '', tone: 'dim' }]} />;
  }

  const headings = laid.map(({ index, cells }) => {
    const column = columns[index];
    return { text: fitTo(sanitise(column?.heading ?? ''), cells, column?.align), tone: 'dim' as const };
  });
  const cells = spans.map((row) =>
    laid.map(({ index, cells }) => {
      const piece = row[index] ?? { text: '' };
      const text = sanitise(piece.text);
      const cut = columns[index]?.keepsEnd ? truncateStart(text, cells) : text;
      return { ...piece, text: fitTo(cut, cells, columns[index]?.align) };
    }),
  );
  const rows = [headings, ...cells];
  const isSelected = (row: number): boolean => selected !== undefined && row === selected - start + 1;
  const content: Content = lines
    ? { cell: (row, column) => rows[row]?.[column], isSelected }
    : { cell: (row) => joined(rows[row] ?? [], width, gap), isSelected };
  const widths = lines ? laid.map((column) => column.cells) : [Math.max(1, width)];
  const placeholders = cells.map((_, row) => placeholderRow(row + 1, widths));

  return (
    <ContentContext value={content}>
      <InkTable
        // ink-table reads its components and columns once.
        key={lines ? 'lines' : 'plain'}
        data={placeholders}
        columns={widths.map(headingKey)}
        header={Cell}
        cell={Cell}
        skeleton={lines ? Line : NoLine}
      />
    </ContentContext>
  );
}

type Content = {
  cell(row: number, column: number): Piece | readonly Piece[] | undefined;
  isSelected(row: number): boolean;
};

// CommonJS: what is imported is its `module.exports`.
const InkTable = inkTable.default;

const ContentContext = createContext<Content>({ cell: () => undefined, isSelected: () => false });

/** Private-use characters carry the row's number through ink-table, and those above them a heading's column. */
const firstMark = 0xe000;
const firstHeading = 0xf000;

/** ink-table heads a column with its key, and makes it as wide at least. */
function headingKey(cells: number, column: number): string {
  return String.fromCharCode(firstHeading + column).padEnd(cells);
}

function placeholderRow(row: number, widths: readonly number[]): Record<string, string> {
  const mark = String.fromCharCode(firstMark + row);
  return Object.fromEntries(widths.map((cells, column) => [headingKey(cells, column), mark.padEnd(cells)]));
}

function Cell({ children, column }: { readonly children?: ReactNode; readonly column?: number }): ReactNode {
  const content = use(ContentContext);
  const mark = String(children).trimStart().charCodeAt(0);
  const row = mark >= firstHeading ? 0 : mark - firstMark;
  const found = content.cell(row, column ?? 0);
  const pieces = found === undefined ? [] : Array.isArray(found) ? found : [found];
  // Cells of a grid keep a space from its lines.
  const whole = Array.isArray(found) ? pieces : [{ text: ' ' }, ...pieces, { text: ' ' }];
  const inverse = content.isSelected(row);
  const isOld = use(DimContext);
  const text = whole
    .map((piece) => (isOld ? dimmed(piece) : piece))
    .map((piece) => styled(inverse ? { ...piece, inverse } : piece))
    .join('');
  return <Text wrap="truncate">{text}</Text>;
}

function Line({ children }: { readonly children?: ReactNode }): ReactNode {
  return <Text>{styled({ text: String(children), tone: 'dim' })}</Text>;
}

function NoLine(): ReactNode {
  return null;
}

function asPiece(span: Span): Piece {
  return typeof span === 'string' ? { text: span } : span;
}

/** A whole row as one line: with one Text for each row a frame costs a fraction of one Text for each cell. */
function joined(cells: readonly Piece[], columns: number, gap: number): readonly Piece[] {
  const pieces = cells.flatMap((piece, index) =>
    index === 0 ? [piece] : [{ text: ' '.repeat(gap) }, piece],
  );
  const taken = pieces.reduce((sum, piece) => sum + measure(piece.text), 0);
  return taken < columns ? [...pieces, { text: ' '.repeat(columns - taken) }] : pieces;
}
