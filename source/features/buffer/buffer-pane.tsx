import { Box } from 'ink';
import type { ReactNode } from 'react';
import { windowStart } from '../../ui/columns.ts';
import { counted, formatAge, formatClock, formatCount, formatShort } from '../../ui/format.ts';
import { Row, type Span } from '../../ui/row.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import type { PaneProps } from '../feature.ts';
import { type BufferRow, type BufferSlice, isOld, selectedIndex, selectedRow } from './state.ts';
import { interval, ordinal, signed, took } from './status-text.ts';

/** From here on a type takes one line of a table; below, two lines that need no columns. */
const tableColumns = 64;
const detailLines = 2;

/** Two lines for each type in a narrow pane, a table in a wide one; below it the selected type's whole story. */
export function BufferPane({
  slice,
  columns,
  rows,
  focused,
  zoomed,
  nowMs,
}: PaneProps<BufferSlice>): ReactNode {
  if (slice.types.length === 0) return <Nothing columns={columns} rows={rows} />;
  if (columns < tableColumns)
    return <Pairs slice={slice} columns={columns} rows={rows} focused={focused} nowMs={nowMs} />;
  const selected = selectedRow(slice);
  const details = selected && rows > 6 ? detailLines : 0;
  return (
    <Box flexDirection="column" width={columns} height={rows} overflow="hidden">
      <Box flexDirection="column" height={rows - details} overflow="hidden">
        <Table
          columns={tableOf(nowMs)}
          items={slice.types}
          width={columns}
          height={rows - details}
          selected={focused ? selectedIndex(slice) : undefined}
          lines={zoomed && rows >= 20}
          empty=""
        />
      </Box>
      {selected && details > 0 && <Details row={selected} columns={columns} />}
    </Box>
  );
}

function Nothing({ columns, rows }: { columns: number; rows: number }): ReactNode {
  return (
    <Box flexDirection="column" width={columns} height={rows} overflow="hidden">
      <Row columns={columns} spans={[{ text: 'Nothing buffered yet', tone: 'dim' }]} />
      {rows > 1 && <Row columns={columns} spans={[{ text: 'buffer incr TYPE ID counts', tone: 'dim' }]} />}
    </Box>
  );
}

const tableOf = (nowMs: number): readonly Column<BufferRow>[] => [
  { heading: 'type', max: 24, cell: ({ type }) => type },
  { heading: 'ids', align: 'right', cell: ({ ids }) => (ids > 0 ? formatCount(ids) : '') },
  { heading: 'pending', align: 'right', cell: totalText },
  { heading: 'in flight', align: 'right', drop: 2, cell: inflightText },
  { heading: 'oldest', align: 'right', drop: 1, cell: (row) => oldestText(row, nowMs) },
  { heading: 'last batch', drop: 3, cell: lastText },
  { heading: 'state', max: 36, cell: (row) => stateText(row, nowMs) },
];

function Pairs({
  slice,
  columns,
  rows,
  focused,
  nowMs,
}: {
  slice: BufferSlice;
  columns: number;
  rows: number;
  focused: boolean;
  nowMs: number;
}): ReactNode {
  const room = Math.max(1, Math.floor(rows / 2));
  const index = selectedIndex(slice);
  const start = windowStart(slice.types.length, room, index);
  const shown = slice.types.slice(start, start + room);
  return (
    <Box flexDirection="column" width={columns} height={rows} overflow="hidden">
      {shown.map((row, position) => (
        <Pair
          key={row.type}
          row={row}
          nowMs={nowMs}
          columns={columns}
          isTwoLines={rows > 1}
          inverse={focused && start + position === index}
        />
      ))}
    </Box>
  );
}

function Pair({
  row,
  nowMs,
  columns,
  isTwoLines,
  inverse,
}: {
  row: BufferRow;
  nowMs: number;
  columns: number;
  isTwoLines: boolean;
  inverse: boolean;
}): ReactNode {
  const figures = row.ids === 0 ? [] : [`  ${counted(row.ids, 'id')}`, `  ${totalText(row)}`];
  return (
    <>
      <Row columns={columns} spans={[row.type]} right={figures} inverse={inverse} />
      {isTwoLines && <Row columns={columns} spans={['  ', ...secondLine(row, nowMs)]} />}
    </>
  );
}

function secondLine(row: BufferRow, nowMs: number): readonly Span[] {
  const state = stateText(row, nowMs);
  if (row.error !== undefined || row.failure || row.flusher?.isSilent) return [state];
  const inflight = row.inflight ? [`${inflightText(row)} in flight  `] : [];
  const oldest = row.oldestAtMs === undefined ? [] : ['oldest ', oldestText(row, nowMs), '  '];
  const last = row.last ? [`last flush ok ${took(row.last.durationMs)}`] : ['never flushed'];
  return [...inflight, ...oldest, ...last];
}

/** What the columns have no room for: why it fails, where it goes, how often. */
function Details({ row, columns }: { row: BufferRow; columns: number }): ReactNode {
  const { error, failure, last, target, flusher } = row;
  const story: Span[] =
    error !== undefined
      ? [{ text: error, tone: 'bad' }]
      : failure
        ? [{ text: `since ${formatClock(failure.sinceMs)}: ${failure.message}`, tone: 'bad' }]
        : last
          ? [
              `last: ${counted(last.rows, 'row')}, ${signed(last.total)} in ${took(last.durationMs)} at ${formatClock(last.atMs)}`,
            ]
          : ['never flushed'];
  const place = target ? `to ${target.table}.${target.column} in ${target.to}` : 'f flushes it';
  const often = flusher ? `, every ${interval(flusher.everyMs)}` : target ? ', by hand' : '';
  return (
    <Box flexDirection="column" height={detailLines}>
      <Row columns={columns} spans={[{ text: `${row.type}  `, bold: true }, ...story]} />
      <Row columns={columns} spans={[{ text: place + often, tone: 'dim' }]} />
    </Box>
  );
}

function totalText({ ids, total, isExact }: BufferRow): string {
  if (ids === 0) return '';
  return isExact ? signed(total) : `about ${formatShort(total)}`;
}

function inflightText({ inflight }: BufferRow): string {
  return inflight ? signed(inflight.total) : '';
}

function oldestText(row: BufferRow, nowMs: number): Span {
  if (row.oldestAtMs === undefined) return '';
  return { text: formatAge(nowMs - row.oldestAtMs), tone: isOld(row, nowMs) ? 'warn' : 'plain' };
}

function lastText({ last }: BufferRow): string {
  if (!last) return '';
  return `${counted(last.rows, 'row')} in ${took(last.durationMs)} at ${formatClock(last.atMs)}`;
}

function stateText(row: BufferRow, nowMs: number): Span {
  const { error, failure, flusher, inflight, ids } = row;
  if (error !== undefined) return { text: 'FOREIGN KEY, not a buffer', tone: 'bad' };
  if (failure) {
    const { attempts, retryAtMs, sinceMs } = failure;
    if (retryAtMs === undefined)
      return { text: `FAILED, no retry since ${formatClock(sinceMs)}`, tone: 'bad' };
    const leftMs = Math.ceil((retryAtMs - nowMs) / 1000) * 1000;
    const when = leftMs <= 0 ? 'now' : `in ${formatAge(leftMs)}`;
    return { text: `RETRYING ${ordinal(attempts + 1)} time ${when}`, tone: 'warn' };
  }
  if (flusher?.isSilent) return { text: `FLUSHER SILENT since ${formatClock(flusher.seenMs)}`, tone: 'bad' };
  if (inflight) return { text: 'flushing', tone: 'info' };
  if (isOld(row, nowMs)) return { text: 'OLD, nobody flushes', tone: 'warn' };
  if (ids > 0) return flusher ? `waits, flushed every ${interval(flusher.everyMs)}` : 'waits for a flush';
  return { text: 'all flushed', tone: 'good' };
}
