import { Box } from 'ink';
import type { ReactNode } from 'react';
import { counted, formatClockSeconds, formatCount, formatPercent } from '../../ui/format.ts';
import { Row, type Span, type Tone } from '../../ui/row.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import { sanitise, wrap } from '../../ui/text.ts';
import type { PaneProps } from '../feature.ts';
import { formatMovement, type Movement } from './movement.ts';
import {
  type Board,
  cursorAt,
  gone,
  type LogSlice,
  linesOf,
  type Mover,
  rows as rowsOf,
  underCursor,
} from './state.ts';

/** The leaderboard of one log, or one of its messages with the lines it stands for. */
export function LogPane(props: PaneProps<LogSlice>): ReactNode {
  const { slice, columns, rows } = props;
  const opened = slice.isOpen ? underCursor(slice) : undefined;
  return (
    <Box flexDirection="column" width={columns} height={rows} overflow="hidden">
      {opened ? <Detail {...props} message={opened} /> : <Leaderboard {...props} />}
    </Box>
  );
}

function Leaderboard({ slice, columns, rows, focused, zoomed }: PaneProps<LogSlice>): ReactNode {
  const { board } = slice;
  const shown = rowsOf(slice);
  const footer = board && rows >= 5 ? footerOf(slice, board, shown.length, rows) : [];
  if (!board || shown.length === 0) {
    return (
      <>
        <Row columns={columns} spans={[{ text: nothing(slice), tone: 'dim' }]} />
        {footer.map((text) => (
          <Row key={text} columns={columns} spans={[{ text, tone: 'dim' }]} />
        ))}
      </>
    );
  }
  const body = rows - footer.length;
  return (
    <>
      <Box flexDirection="column" height={body} overflow="hidden">
        <Table
          columns={tableOf(board)}
          items={shown}
          width={columns}
          height={body}
          selected={focused ? cursorAt(slice) : undefined}
          lines={zoomed && columns >= 100}
          empty=""
        />
      </Box>
      {footer.map((text) => (
        <Row key={text} columns={columns} spans={[{ text, tone: 'dim' }]} />
      ))}
    </>
  );
}

function nothing({ logs, selected, board, filter }: LogSlice): string {
  if (!logs) return 'Not read yet';
  if (!selected) return 'No logs yet: quarterdeck log write NAME makes one';
  if (!board) return 'Reading';
  return filter === '' ? 'Nothing was written this hour' : `No message with "${filter}"`;
}

function tableOf({ total, previousHourMs }: Board): readonly Column<Mover>[] {
  const hasPrevious = previousHourMs !== undefined;
  return [
    { heading: '#', align: 'right', cell: ({ rank }) => `${rank}` },
    { heading: 'was', align: 'right', drop: 2, cell: ({ previousRank }) => `${previousRank ?? '–'}` },
    { heading: 'count', align: 'right', cell: ({ count }) => formatCount(count) },
    {
      heading: 'share',
      align: 'right',
      drop: 4,
      cell: ({ count }) => formatPercent(count / Math.max(1, total)),
    },
    {
      heading: 'last h',
      align: 'right',
      drop: 3,
      cell: ({ previous }) => (hasPrevious ? formatCount(previous) : '–'),
    },
    { heading: 'Δ', width: 5, cell: ({ moved }) => ({ text: formatMovement(moved), tone: toneOf(moved) }) },
    { heading: 'message', grow: true, width: 24, cell: ({ message }) => message },
  ];
}

function toneOf(moved: Movement): Tone {
  if (moved.kind === 'new') return 'info';
  return moved.kind === 'rising' && moved.ratio >= 2 ? 'warn' : 'plain';
}

function footerOf(slice: LogSlice, board: Board, count: number, rows: number): readonly string[] {
  const { total, distinct, previousHourMs } = board;
  const missing = gone(slice);
  const told = missing.slice(0, rows >= 16 ? 5 : 1);
  const lost = told.map(({ message, previous }, index) => {
    const rest = index === told.length - 1 ? missing.length - told.length : 0;
    const more = rest > 0 ? ` and ${rest} more` : '';
    return `gone: "${message}" (${formatCount(previous)} last hour)${more}`;
  });
  const lines = `${counted(total, 'line')} in ${counted(distinct, 'template')}`;
  const filtered = slice.filter === '' ? '' : `, ${formatCount(count)} with "${slice.filter}"`;
  const order = slice.order === 'movers' ? ', movers first' : '';
  const hour = previousHourMs === undefined ? ', hour before unknown' : '';
  return [...lost, `${lines}${filtered}${order}${hour}`];
}

function Detail({
  slice,
  columns,
  rows,
  message,
}: PaneProps<LogSlice> & { readonly message: Mover }): ReactNode {
  const { count, previous, moved, rank, sample } = message;
  const own = linesOf(slice, message.message);
  const head: (readonly Span[])[] = [
    [
      { text: `#${rank}  ${formatCount(count)} this hour, ${formatCount(previous)} last hour  `, bold: true },
      { text: formatMovement(moved), tone: toneOf(moved) },
    ],
    ...paragraph('template', message.message, columns, rows),
    ...(sample === message.message ? [] : paragraph('sample', sample, columns, rows)),
    [{ text: own.length > 0 ? 'recent lines' : 'none of the last lines is one of these', tone: 'dim' }],
  ];
  const lines = (own.length > 0 ? own : slice.recent).map(({ at, message: text }): readonly Span[] => [
    { text: `${at === null ? '--:--:--' : formatClockSeconds(at)} `, tone: 'dim' },
    own.length > 0 ? text : { text, tone: 'dim' },
  ]);
  return [...head, ...lines].slice(0, rows).map((spans, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
    <Row key={index} columns={columns} spans={spans} />
  ));
}

/** A label and text of a few lines at most. */
function paragraph(label: string, text: string, columns: number, rows: number): (readonly Span[])[] {
  const indent = 10;
  const most = Math.max(1, Math.floor(rows / 4));
  const wrapped = wrap(sanitise(text), Math.max(1, columns - indent));
  const kept = wrapped.length > most ? [...wrapped.slice(0, most - 1), `${wrapped[most - 1]}…`] : wrapped;
  return kept.map((line, index) => [{ text: (index === 0 ? label : '').padEnd(indent), tone: 'dim' }, line]);
}
