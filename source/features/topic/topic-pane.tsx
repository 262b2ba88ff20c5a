import type { ReactNode } from 'react';
import { formatCount, formatDuration } from '../../ui/format.ts';
import { ListPane } from '../../ui/list-pane.tsx';
import { sinceMs } from '../../ui/moment.ts';
import { sparkline } from '../../ui/sparkline.ts';
import type { Column } from '../../ui/table.tsx';
import type { PaneProps } from '../feature.ts';
import { nobody } from './condition.ts';
import { type Line, type TopicSlice, topicList } from './state.ts';
import { aboutOf, detailsOf, retainedOf, stateOf } from './status-text.ts';

const trendCells = 8;

/** A row for each subscriber; below, the chosen one, and what is retained. */
export function TopicPane(props: PaneProps<TopicSlice>): ReactNode {
  const { slice, nowMs } = props;
  const isEmpty = slice.topics.length === 0;
  return (
    <ListPane
      {...props}
      list={topicList}
      table={tableOf(nowMs)}
      about={aboutOf}
      details={detailsOf}
      tail={[
        ...slice.wrong.map((text) => ({ spans: [{ text, tone: 'bad' as const }] })),
        ...(isEmpty ? [] : [{ spans: [retainedOf(slice)] }]),
      ]}
      empty={slice.isRead ? undefined : ['Not read yet']}
    />
  );
}

const tableOf = (nowMs: number): readonly Column<Line>[] => [
  {
    heading: 'state',
    keepsWord: true,
    // What stands behind the word is in the details; a trend tells more.
    yields: { to: 12, sparing: 2 },
    field: 'state',
    cell: ({ subscriber }) => (subscriber ? stateOf(subscriber) : { text: nobody, tone: 'muted' }),
  },
  {
    heading: 'topic',
    field: 'topic',
    max: 24,
    cell: ({ topic }) => topic.topic + (topic.layout === 'seed' ? ' (plain keys)' : ''),
  },
  {
    heading: 'subscriber',
    field: 'subscriber',
    isName: true,
    grow: true,
    yields: { to: 8, sparing: 2 },
    max: 32,
    cell: ({ subscriber }) => subscriber?.name ?? '–',
  },
  {
    heading: 'lag',
    field: 'lag',
    align: 'right',
    cell: ({ subscriber }) => (subscriber ? formatCount(subscriber.lag) : '–'),
  },
  {
    heading: 'oldest',
    field: 'oldest',
    align: 'right',
    drop: 1,
    cell: ({ subscriber }) =>
      !subscriber || subscriber.oldestAtMs === undefined
        ? '–'
        : formatDuration(sinceMs(subscriber.oldestAtMs, nowMs)),
  },
  {
    heading: 'trend',
    width: trendCells,
    drop: 2,
    cell: ({ subscriber }) => (subscriber ? sparkline(subscriber.lags, trendCells) : ''),
  },
];
