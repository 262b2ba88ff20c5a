import type { ReactNode } from 'react';
import { formatBytes, formatClock, formatCount, formatShort } from '../../ui/format.ts';
import { gauge } from '../../ui/gauge.ts';
import { fact, type Line } from '../../ui/line.ts';
import { ListPane } from '../../ui/list-pane.tsx';
import type { Span, Tone } from '../../ui/row.tsx';
import type { Column } from '../../ui/table.tsx';
import type { PaneProps } from '../feature.ts';
import { clusterSlots, type Server, type ShardsSlice, servedSlots, shardsList, shortName } from './state.ts';

const stateTones: Readonly<Record<string, Tone>> = {
  up: 'text',
  loading: 'warn',
  syncing: 'warn',
  unlinked: 'warn',
  failing: 'bad',
  down: 'bad',
};

/** From this width on a server takes one line of a table. */
const tableColumns = 50;

/** One line a server, what is wrong with the whole below, and what changed last. */
export function ShardsPane(props: PaneProps<ShardsSlice>): ReactNode {
  const { slice } = props;
  const isCluster = slice.servers.some(({ slots }) => slots !== undefined);
  return (
    <ListPane
      {...props}
      list={shardsList}
      table={isCluster ? [...table, slotsColumn] : table}
      narrow={{ below: tableColumns, lines: narrowOf }}
      details={detailsOf}
      tail={notesOf(slice)}
      empty={['No server has answered yet']}
    />
  );
}

const table: readonly Column<Server>[] = [
  {
    heading: 'state',
    keepsWord: true,
    field: 'state',
    cell: stateSpan,
  },
  { heading: '#', align: 'right', drop: 7, cell: ({ shard }) => String(shard) },
  {
    heading: 'server',
    field: 'server',
    isName: true,
    yields: { to: 12, sparing: 2 },
    max: 40,
    cell: ({ url }) => shortName(url),
  },
  { heading: 'role', field: 'role', cell: ({ role }) => role },
  { heading: 'memory', field: 'memory', align: 'right', drop: 2, cell: memoryOf },
  {
    heading: '',
    drop: 6,
    width: 6,
    cell: ({ usedBytes, maxBytes }) => (maxBytes === 0 ? [] : gauge(usedBytes / maxBytes, 6)),
  },
  {
    heading: 'cmd/s',
    field: 'cmd/s',
    align: 'right',
    drop: 3,
    cell: ({ opsPerSec }) => formatShort(opsPerSec),
  },
  {
    heading: 'repl',
    field: 'repl',
    align: 'right',
    drop: 4,
    cell: ({ lagSeconds }) => (lagSeconds === undefined ? '' : `${lagSeconds}s`),
  },
  {
    heading: 'clients',
    field: 'clients',
    align: 'right',
    drop: 5,
    cell: ({ clients }) => formatCount(clients),
  },
  { heading: 'keys', field: 'keys', align: 'right', drop: 6, cell: ({ keys }) => formatShort(keys) },
];

const slotsColumn: Column<Server> = {
  heading: 'slots',
  field: 'slots',
  align: 'right',
  drop: 5,
  cell: ({ slots }) => (slots === undefined ? '' : formatCount(slots)),
};

function stateSpan({ state }: Server): Exclude<Span, string> {
  return { text: state === 'up' ? 'up' : state.toUpperCase(), tone: stateTones[state] ?? 'warn' };
}

function narrowOf(server: Server): readonly Line[] {
  const { url, role, opsPerSec, lagSeconds } = server;
  const state = stateSpan(server);
  const lag = lagSeconds === undefined ? [] : [`${lagSeconds}s behind`];
  const figures = [memoryOf(server), `${formatShort(opsPerSec)} cmd/s`, ...lag];
  return [
    {
      spans: [{ ...state, text: `${state.text.padEnd(8)} ` }, shortName(url)],
      named: 1,
      right: [` ${role}`],
    },
    { spans: [`  ${figures.join('  ')}`] },
  ];
}

function memoryOf({ usedBytes, maxBytes }: Server): string {
  return maxBytes === 0 ? formatBytes(usedBytes) : `${formatBytes(usedBytes)}/${formatBytes(maxBytes)}`;
}

function detailsOf(server: Server): readonly Line[] {
  const { url, role, state, opsPerSec, clients, keys, slots, lagSeconds } = server;
  return [
    fact('state', state),
    fact('url', url),
    fact('role', role),
    fact('memory', memoryOf(server)),
    fact('load', `${formatCount(opsPerSec)} commands a second, ${formatCount(clients)} clients`),
    fact('keys', formatCount(keys)),
    ...(slots === undefined ? [] : [fact('slots', formatCount(slots))]),
    ...(lagSeconds === undefined ? [] : [fact('behind', `its primary by ${lagSeconds}s`)]),
  ];
}

function notesOf(slice: ShardsSlice): readonly Line[] {
  const { events, orderMistake } = slice;
  const notes: { text: string; tone: Tone }[] = [];
  if (orderMistake !== undefined) notes.push({ text: orderMistake, tone: 'bad' });
  const served = servedSlots(slice);
  if (served !== undefined) {
    notes.push({
      text: `slots ${formatCount(served)} of ${formatCount(clusterSlots)} covered`,
      tone: served === clusterSlots ? 'muted' : 'bad',
    });
  }
  const recent = events
    .toReversed()
    .map(({ text, atMs }) => ({ text: `${formatClock(atMs)} ${text}`, tone: 'text' as const }));
  return [...notes, ...recent].map((piece) => ({ spans: [piece] }));
}
