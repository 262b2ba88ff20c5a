import { Box } from 'ink';
import { type ReactNode, use } from 'react';
import { windowStart } from './columns.ts';
import { formatCount } from './format.ts';
import { type Line, wrapLine } from './line.ts';
import { type Arrangement, arrange, type List, type Listed, type ListState } from './list.ts';
import { type ListPlan, planList } from './list-plan.ts';
import { MarksContext } from './marks-context.ts';
import { wrapSentences } from './nothing.ts';
import { NothingContext } from './nothing-context.ts';
import { PaneFrame, type PaneFrameInfo } from './pane-frame.tsx';
import { Row } from './row.tsx';
import {
  type Column,
  chosenColumns,
  chosenName,
  gutter,
  headingLines,
  judged,
  layTable,
  type RowNeed,
  Table,
} from './table.tsx';

export type ListPaneProps<Slice extends Listed, Row> = {
  readonly list: List<Slice, Row>;
  readonly slice: Slice;
  readonly frame: PaneFrameInfo;
  /** Cells inside the frame. */
  readonly columns: number;
  readonly rows: number;
  readonly focused: boolean;
  readonly zoomed: boolean;
  readonly nowMs: number;
  readonly table: readonly Column<Row>[];
  /** Where the pane is too narrow for a table: a row as lines, the first of which names it. */
  readonly narrow?: { readonly below: number; lines(row: Row, columns: number): readonly Line[] };
  /** What stands above the list whatever is chosen, such as a budget. */
  readonly head?: readonly Line[];
  /** What stands below it, such as sums. */
  readonly tail?: readonly Line[];
  /** What the free lines below the list tell of the chosen row; asked again where there are fewer than it wants. */
  about?(row: Row, rows?: number): readonly Line[];
  /** Everything there is to say of the row. */
  details(row: Row, columns: number): readonly Line[];
  /** What is said when no row is known; undefined: there is nothing of it, which the feature has words for. */
  readonly empty: readonly string[] | undefined;
};

/** From this width on details stand beside the list. */
const besideColumns = 140;
const besideGap = 3;

/** A list in its frame: the same in every pane. */
export function ListPane<Slice extends Listed, Row>(props: ListPaneProps<Slice, Row>): ReactNode {
  const { list, slice, frame, columns, rows, focused, zoomed, nowMs, head = [], tail: last = [] } = props;
  const { list: state } = slice;
  const arranged = arrange(list, slice, nowMs);
  const isChoosing = focused || zoomed;
  const chosen = arranged.rows[arranged.index];
  const isBeside = state.details === 'open' && chosen !== undefined && columns >= besideColumns;
  const listColumns = isBeside ? Math.floor((columns - besideGap) * 0.6) : columns;
  const detailColumns = isBeside ? columns - listColumns - besideGap : columns;
  const details =
    state.details === 'closed' || chosen === undefined
      ? []
      : [
          titled(list.name(chosen)),
          ...props.details(chosen, detailColumns).flatMap((line) => wrapLine(line, detailColumns)),
        ];
  const table = chosenColumns(props.table, state.columns);
  // Whoever chose columns wants a table.
  const isNarrow =
    props.narrow !== undefined && state.columns === undefined && listColumns < props.narrow.below;
  const isRuled = !isNarrow && zoomed && rows >= 12;
  const each = isNarrow ? eachOf(props.narrow, arranged.rows, listColumns, rows) : 1;
  const planFor = (below: readonly Line[], last: readonly Line[]): ListPlan =>
    planList({
      rows,
      head: head.length,
      heading: isNarrow || arranged.rows.length === 0 ? 0 : headingLines(isRuled),
      count: arranged.rows.length,
      each,
      about: below.length,
      tail: last.length,
      details: isBeside ? 0 : details.length,
      isFull: state.details === 'full',
    });
  const wrapped = (lines: readonly Line[]): readonly Line[] =>
    lines.flatMap((line) => wrapLine(line, columns));
  let about = chosen === undefined ? [] : wrapped(props.about?.(chosen) ?? []);
  let tail = wrapped(last);
  let plan = planFor(about, tail);
  if (plan.about < about.length || plan.tail < tail.length) {
    // Rather a line that ends in `…` than one whose end is missing.
    about = chosen === undefined ? [] : (props.about?.(chosen, plan.about) ?? []);
    tail = last;
    plan = planFor(about, tail);
  }
  const start = windowStart(arranged.rows.length, plan.shown, arranged.index);
  const shown = arranged.rows.slice(start, start + plan.shown);
  const isMarked = new Set(arranged.marked.map((row) => list.id(row)));
  const needs = use(MarksContext);
  const needOf = (row: Row): RowNeed | undefined => {
    const mark = needs?.[list.id(row)];
    return mark ? (mark.isAcked ? 'acked' : mark.severity) : needs && 'none';
  };
  const tableRows = shown.map((item, index) => ({
    item,
    isChosen: isChoosing && start + index === arranged.index,
    isMarked: isMarked.has(list.id(item)),
    need: needOf(item),
  }));
  const { laid, gap } = isNarrow ? { laid: [], gap: 1 } : layTable(table, shown, listColumns);
  const hidden = isNarrow ? 0 : table.length - laid.length;

  const body = (
    <Box flexDirection="column" width={listColumns} height={plan.list} overflow="hidden">
      {shown.length === 0 && plan.list > 0 && (
        <Empty {...props} arranged={arranged} columns={listColumns} rows={plan.list} />
      )}
      {shown.length > 0 && !isNarrow && (
        <Table
          columns={table}
          laid={laid}
          gap={gap}
          rows={tableRows}
          width={listColumns}
          isRuled={isRuled}
          order={state.order}
        />
      )}
      {isNarrow &&
        tableRows.map(({ item, isChosen, isMarked: hasMark, need }) => (
          <Narrow
            key={list.id(item)}
            lines={props.narrow?.lines(item, listColumns - 2).slice(0, each) ?? []}
            columns={listColumns}
            isChosen={isChosen}
            isMarked={hasMark}
            need={need}
          />
        ))}
    </Box>
  );
  return (
    <PaneFrame
      frame={frame}
      filter={filterText(state, arranged)}
      marked={arranged.marked.length}
      position={plan.list > 0 ? positionText(start, shown.length, arranged, list.total?.(slice)) : undefined}
      order={orderText(state, list.order ?? 'need', hidden, arranged)}
    >
      <Box flexDirection="column" width={columns} height={rows} overflow="hidden">
        <Lines lines={head.slice(0, plan.head)} columns={columns} />
        {isBeside ? (
          <Box height={plan.list}>
            {body}
            <Box width={besideGap} flexShrink={0} />
            <Lines
              lines={details.slice(state.scroll).slice(0, plan.list)}
              columns={columns - listColumns - besideGap}
            />
          </Box>
        ) : (
          body
        )}
        {plan.gap > 0 && <Row columns={columns} spans={[]} />}
        <Lines lines={about.slice(0, plan.about)} columns={columns} />
        <Lines lines={scrolled(details, state.scroll, plan.details)} columns={columns} />
        {plan.filler > 0 && <Box height={plan.filler} flexShrink={0} />}
        <Lines lines={tail.slice(0, plan.tail)} columns={columns} />
      </Box>
    </PaneFrame>
  );
}

function Lines({ lines, columns }: { readonly lines: readonly Line[]; readonly columns: number }): ReactNode {
  if (lines.length === 0) return null;
  return (
    <Box flexDirection="column" width={columns} flexShrink={0}>
      {lines.map((line, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <Row key={index} columns={columns} spans={line.spans} {...(line.right && { right: line.right })} />
      ))}
    </Box>
  );
}

/** The last screenful at most, so that scrolling too far shows the end. */
function scrolled(lines: readonly Line[], scroll: number, rows: number): readonly Line[] {
  const start = Math.max(0, Math.min(scroll, lines.length - rows));
  return lines.slice(start, start + rows);
}

function titled(name: string): Line {
  return { spans: [{ text: name, tone: 'strong' }] };
}

/** How many lines a row gets in a narrow pane: all of them where all rows fit so, else one. */
function eachOf<Row>(
  narrow: ListPaneProps<Listed, Row>['narrow'],
  rows: readonly Row[],
  columns: number,
  room: number,
): number {
  const most = rows
    .slice(0, room)
    .reduce((sum, row) => Math.max(sum, narrow?.lines(row, columns).length ?? 1), 1);
  return rows.length * most <= room ? most : 1;
}

type NarrowProps = {
  readonly lines: readonly Line[];
  readonly columns: number;
  readonly isChosen: boolean;
  readonly isMarked: boolean;
  readonly need: RowNeed | undefined;
};

function Narrow({ lines, columns, isChosen, isMarked, need }: NarrowProps): ReactNode {
  return lines.map(({ spans, right, named = 0 }, index) => {
    const pieces = spans.map((span, at) =>
      judged(typeof span === 'string' ? { text: span } : span, need, index === 0 && at === 0),
    );
    const looks = pieces.map((piece, at) =>
      isChosen && index === 0 && at === named ? chosenName(piece) : piece,
    );
    const before = index === 0 ? gutter({ isChosen, isMarked, need }) : '  ';
    return (
      <Row
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        key={index}
        columns={columns}
        spans={[{ text: before, tone: 'mark' }, ...looks]}
        {...(right && { right })}
      />
    );
  });
}

type EmptyProps<Row> = {
  readonly empty: readonly string[] | undefined;
  readonly arranged: Arrangement<Row>;
  readonly slice: Listed;
  readonly columns: number;
  readonly rows: number;
};

function Empty<Row>({ empty, arranged, slice, columns, rows }: EmptyProps<Row>): ReactNode {
  const nothing = use(NothingContext);
  const words =
    arranged.known > 0 ? [`Nothing matches ${slice.list.filter}; Esc shows all`] : (empty ?? nothing);
  const lines = wrapSentences(words, { columns, rows });
  // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
  return lines.map((text, index) => <Row key={index} columns={columns} spans={[{ text, tone: 'muted' }]} />);
}

/** `/aud 3 of 26`; undefined while nothing is filtered. */
export function filterText(
  { filter }: ListState,
  { rows, known, isLoose, mistake }: Arrangement<unknown>,
): string | undefined {
  if (filter.trim() === '') return;
  if (mistake !== undefined) return `/${filter} ${mistake}`;
  return `/${filter} ${isLoose ? 'about ' : ''}${formatCount(rows.length)} of ${formatCount(known)}`;
}

/** `1-10 of 26`; of those read, and of all there are: `1-10 of 300 of 1,500`. */
export function positionText(
  start: number,
  count: number,
  { rows, known }: Arrangement<unknown>,
  total: number | undefined,
): string | undefined {
  if (known === 0) return;
  const range = rows.length === 0 ? '0' : `${formatCount(start + 1)}-${formatCount(start + count)}`;
  const all = total !== undefined && total > known ? ` of ${formatCount(total)}` : '';
  return `${range} of ${formatCount(rows.length)}${rows.length < known ? '' : all}`;
}

/** `by need`, `by lag ▼`, `held`, and how many columns had no room. */
export function orderText(
  { order, held, details }: ListState,
  own: string,
  hidden: number,
  { rows }: Arrangement<unknown>,
): string | undefined {
  if (rows.length === 0) return;
  const words = [
    ...(hidden > 0 ? [`+${hidden} ${hidden === 1 ? 'column' : 'columns'}`] : []),
    ...(held ? ['held'] : []),
    order ? `by ${order.field} ${order.isDescending ? '▼' : '▲'}` : `by ${own}`,
    ...(details === 'closed' ? [] : ['Esc closes details']),
  ];
  return words.join('  ');
}
