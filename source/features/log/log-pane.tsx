import type { ReactNode } from 'react';
import { counted, formatCount, formatPercent } from '../../ui/format.ts';
import { fact, factOf, type Line } from '../../ui/line.ts';
import { ListPane } from '../../ui/list-pane.tsx';
import type { Tone } from '../../ui/row.tsx';
import type { Column } from '../../ui/table.tsx';
import { shownSecondsCell } from '../../ui/times.ts';
import type { PaneProps } from '../feature.ts';
import { formatMovement, type Movement } from './movement.ts';
import { type Board, type LogSlice, linesOf, logList, type Mover } from './state.ts';

/** The leaderboard of one log; opened, a message with the lines it stands for. */
export function LogPane(props: PaneProps<LogSlice>): ReactNode {
  const { slice } = props;
  const { board } = slice;
  return (
    <ListPane
      {...props}
      list={logList}
      table={board ? tableOf(board) : []}
      details={(message, columns) => detailsOf(slice, message, columns)}
      tail={board && board.total > 0 ? [{ spans: [{ text: sumsOf(board), tone: 'muted' }] }] : []}
      empty={nothing(slice)}
    />
  );
}

function nothing({ logs, selected, board }: LogSlice): readonly string[] | undefined {
  if (!logs) return ['Not read yet'];
  if (!selected) return;
  return [board ? 'Nothing was written this hour' : 'Reading'];
}

function tableOf({ total, previousHourMs }: Board): readonly Column<Mover>[] {
  const hasPrevious = previousHourMs !== undefined;
  const count = (value: number): string => (value === 0 ? '–' : formatCount(value));
  return [
    {
      heading: 'move',
      keepsWord: true,
      field: 'move',
      width: 5,
      cell: ({ moved }) => ({ text: formatMovement(moved), tone: toneOf(moved) }),
    },
    { heading: '#', field: 'rank', align: 'right', drop: 3, cell: ({ rank }) => `${rank ?? '–'}` },
    { heading: 'now', field: 'now', align: 'right', cell: (row) => count(row.count) },
    {
      heading: 'share',
      align: 'right',
      drop: 4,
      cell: (row) => formatPercent(row.count / Math.max(1, total)),
    },
    {
      heading: 'last h',
      field: 'last',
      align: 'right',
      drop: 2,
      cell: ({ previous }) => (hasPrevious ? count(previous) : '–'),
    },
    {
      heading: 'message',
      field: 'message',
      isName: true,
      grow: true,
      width: 24,
      cell: ({ message }) => message,
    },
  ];
}

function toneOf(moved: Movement): Tone {
  if (moved.kind === 'new') return 'text';
  return moved.kind === 'rising' && moved.ratio >= 2 ? 'warn' : 'text';
}

function sumsOf({ total, distinct, previousHourMs }: Board): string {
  const hour = previousHourMs === undefined ? ', hour before unknown' : '';
  return `${counted(total, 'line')} in ${counted(distinct, 'template')}${hour}`;
}

function detailsOf(slice: LogSlice, message: Mover, columns: number): readonly Line[] {
  const { count, previous, moved, rank, sample } = message;
  const own = linesOf(slice, message.message);
  const recent = (own.length > 0 ? own : slice.recent).map(
    ({ at, message: text }): Line => ({
      spans: [
        { text: `${at === null ? '--:--:--' : shownSecondsCell(at)} `, tone: 'muted' },
        own.length > 0 ? text : { text, tone: 'muted' },
      ],
    }),
  );
  return [
    fact('now', `${formatCount(count)} this hour, ${formatCount(previous)} last hour`),
    fact('move', formatMovement(moved), rank === undefined ? '' : `, #${rank} of this hour`),
    ...factOf('template', message.message, columns),
    ...(sample === message.message ? [] : factOf('sample', sample, columns)),
    fact('recent', own.length > 0 ? '' : 'none of the last lines is one of these; the last ones are'),
    ...recent,
  ];
}
