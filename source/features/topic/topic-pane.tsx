import { Box } from 'ink';
import type { ReactNode } from 'react';
import { formatCount, formatDuration } from '../../ui/format.ts';
import { sinceMs } from '../../ui/moment.ts';
import { Row } from '../../ui/row.tsx';
import { sparkline } from '../../ui/sparkline.ts';
import { type Column, Table } from '../../ui/table.tsx';
import type { PaneProps } from '../feature.ts';
import { type Line, selectedIndex, selectedLine, shownLines, type TopicSlice } from './state.ts';
import { detailOf, retainedOf, stateOf } from './status-text.ts';

const sparkCells = 8;

/** A row for each subscriber; below, what is retained, and zoomed what the selected one is about. */
export function TopicPane({
  slice,
  columns,
  rows,
  focused,
  zoomed,
  nowMs,
}: PaneProps<TopicSlice>): ReactNode {
  const lines = shownLines(slice);
  const selected = focused || zoomed ? selectedIndex(slice, lines) : undefined;
  const line = selectedLine(slice);
  const footer = [
    ...slice.wrong.slice(0, 1),
    ...(zoomed && line ? [detailOf(line.topic, line.subscriber)] : []),
    ...(lines.length > 0 && rows > 3 ? [retainedOf(slice)] : []),
  ].slice(0, Math.max(0, rows - 2));
  return (
    <Box flexDirection="column" width={columns} height={rows}>
      <Box height={Math.max(0, rows - footer.length)} flexDirection="column" overflow="hidden">
        <Table
          columns={tableColumns(nowMs)}
          items={lines}
          width={columns}
          height={rows - footer.length}
          selected={selected}
          lines={zoomed && rows > 20}
          empty={slice.filter === '' ? 'No topics yet' : `Nothing matches ${slice.filter}`}
        />
      </Box>
      {footer.map((text) => (
        <Row
          key={text}
          columns={columns}
          spans={[{ text, tone: slice.wrong.includes(text) ? 'bad' : 'plain' }]}
        />
      ))}
    </Box>
  );
}

const tableColumns = (nowMs: number): readonly Column<Line>[] => [
  {
    heading: 'topic',
    max: 24,
    cell: ({ topic }) => topic.topic + (topic.layout === 'seed' ? ' (seed)' : ''),
  },
  { heading: 'subscriber', grow: true, max: 32, cell: ({ subscriber }) => subscriber?.name ?? '–' },
  {
    heading: '',
    width: sparkCells,
    drop: 2,
    cell: ({ subscriber }) => (subscriber ? sparkline(subscriber.lags, sparkCells) : ''),
  },
  {
    heading: 'lag',
    align: 'right',
    cell: ({ subscriber }) => (subscriber ? formatCount(subscriber.lag) : ''),
  },
  {
    heading: 'oldest',
    align: 'right',
    drop: 1,
    cell: ({ subscriber }) =>
      !subscriber || subscriber.oldestAtMs === undefined
        ? '–'
        : formatDuration(sinceMs(subscriber.oldestAtMs, nowMs)),
  },
  {
    heading: 'state',
    cell: ({ subscriber }) => (subscriber ? stateOf(subscriber) : { text: 'nobody subscribed', tone: 'dim' }),
  },
];
