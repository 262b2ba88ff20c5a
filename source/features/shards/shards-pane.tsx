import { Box } from 'ink';
import type { ReactNode } from 'react';
import { formatBytes, formatClock, formatCount, formatShort } from '../../ui/format.ts';
import { gauge, gaugeTone } from '../../ui/gauge.ts';
import { Row, type Tone } from '../../ui/row.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import type { PaneProps } from '../feature.ts';
import { type Server, type ShardsSlice, shortName } from './state.ts';

const clusterSlots = 16_384;
const stateTones: Readonly<Record<string, Tone>> = {
  up: 'good',
  loading: 'warn',
  syncing: 'warn',
  unlinked: 'warn',
  failing: 'bad',
  down: 'bad',
};

/** One line a server, what is wrong with the whole below, and what changed last. */
export function ShardsPane({ slice, columns, rows, focused, zoomed }: PaneProps<ShardsSlice>): ReactNode {
  // The servers come first; what is said below them gets the lines they leave, and two at least.
  const spare = Math.max(2, rows - 1 - slice.servers.length);
  const notes = notesOf(slice).slice(0, Math.min(spare, rows - 2));
  const isCluster = slice.servers.some(({ slots }) => slots !== undefined);
  return (
    <Box flexDirection="column" width={columns} height={rows}>
      <Table
        columns={isCluster ? [...tableColumns, slotsColumn] : tableColumns}
        items={slice.servers}
        width={columns}
        height={rows - notes.length}
        selected={focused ? slice.selected : undefined}
        lines={zoomed && rows > slice.servers.length * 2 + 6}
        empty="No server has answered yet"
      />
      {notes.map(({ text, tone }) => (
        <Row key={text} columns={columns} spans={[{ text, tone }]} />
      ))}
    </Box>
  );
}

const tableColumns: readonly Column<Server>[] = [
  { heading: '#', align: 'right', cell: ({ shard }) => String(shard) },
  { heading: 'server', yields: { to: 12, sparing: 2 }, max: 40, cell: ({ url }) => shortName(url) },
  { heading: 'role', cell: ({ role }) => role },
  {
    heading: 'state',
    cell: ({ state }) => ({
      text: state === 'up' ? 'up' : state.toUpperCase(),
      tone: stateTones[state] ?? 'warn',
    }),
  },
  {
    heading: 'memory',
    align: 'right',
    drop: 2,
    cell: ({ usedBytes, maxBytes }) =>
      maxBytes === 0 ? formatBytes(usedBytes) : `${formatBytes(usedBytes)}/${formatBytes(maxBytes)}`,
  },
  {
    heading: '',
    drop: 6,
    width: 6,
    cell: ({ usedBytes, maxBytes }) =>
      maxBytes === 0 ? '' : { text: gauge(usedBytes / maxBytes, 6), tone: gaugeTone(usedBytes / maxBytes) },
  },
  { heading: 'cmd/s', align: 'right', drop: 3, cell: ({ opsPerSec }) => formatShort(opsPerSec) },
  {
    heading: 'repl',
    align: 'right',
    drop: 4,
    cell: ({ lagSeconds }) => (lagSeconds === undefined ? '' : `${lagSeconds}s`),
  },
  { heading: 'clients', align: 'right', drop: 5, cell: ({ clients }) => formatCount(clients) },
  { heading: 'keys', align: 'right', drop: 6, cell: ({ keys }) => formatShort(keys) },
];

const slotsColumn: Column<Server> = {
  heading: 'slots',
  align: 'right',
  drop: 5,
  cell: ({ slots }) => (slots === undefined ? '' : formatCount(slots)),
};

type Note = { readonly text: string; readonly tone: Tone };

function notesOf({ servers, events, orderMistake }: ShardsSlice): Note[] {
  const notes: Note[] = [];
  if (orderMistake !== undefined) notes.push({ text: orderMistake, tone: 'bad' });
  const served = servers
    .filter(({ state }) => state !== 'down')
    .reduce((sum, { slots = 0 }) => sum + slots, 0);
  if (servers.some(({ slots }) => slots !== undefined)) {
    const isWhole = served === clusterSlots;
    notes.push({
      text: `slots ${formatCount(served)} of ${formatCount(clusterSlots)} covered`,
      tone: isWhole ? 'dim' : 'bad',
    });
  }
  const recent = events
    .toReversed()
    .map(({ text, atMs }): Note => ({ text: `${formatClock(atMs)} ${text}`, tone: 'warn' }));
  return [...notes, ...recent];
}
