import type { ReactNode } from 'react';
import { formatBytes, formatCount, formatShort } from '../../ui/format.ts';
import { gauge } from '../../ui/gauge.ts';
import { fact, type Line } from '../../ui/line.ts';
import { ListPane } from '../../ui/list-pane.tsx';
import type { Span, Tone } from '../../ui/row.tsx';
import type { Column } from '../../ui/table.tsx';
import { shownBriefly } from '../../ui/times.ts';
import type { PaneProps } from '../feature.ts';
import { severities } from './condition.ts';
import { clusterSlots, type Server, type ShardsSlice, servedSlots, shardsList, shortName } from './state.ts';

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
    cell: ({ usedBytes, maxBytes }) =>
      usedBytes === null || !maxBytes ? [] : gauge(usedBytes / maxBytes, 6),
  },
  {
    heading: 'cmd/s',
    field: 'cmd/s',
    align: 'right',
    drop: 3,
    cell: ({ opsPerSec }) => shown(opsPerSec, formatShort),
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
    cell: ({ clients }) => shown(clients, formatCount),
  },
  { heading: 'keys', field: 'keys', align: 'right', drop: 6, cell: ({ keys }) => shown(keys, formatShort) },
];

const slotsColumn: Column<Server> = {
  heading: 'slots',
  field: 'slots',
  align: 'right',
  drop: 5,
  cell: ({ slots }) => (slots === undefined ? '' : formatCount(slots)),
};

function stateSpan({ state }: Server): Exclude<Span, string> {
  const severity = severities[state];
  return { text: severity === undefined ? state : state.toUpperCase(), tone: severity ?? 'text' };
}

function narrowOf(server: Server): readonly Line[] {
  const { url, role, opsPerSec, lagSeconds } = server;
  const state = stateSpan(server);
  const lag = lagSeconds === undefined ? [] : [`${lagSeconds}s behind`];
  const figures = [memoryOf(server), `${shown(opsPerSec, formatShort)} cmd/s`, ...lag];
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
  const used = shown(usedBytes, formatBytes);
  return maxBytes ? `${used}/${formatBytes(maxBytes)}` : used;
}

function shown(figure: number | null, format: (figure: number) => string): string {
  return figure === null ? '–' : format(figure);
}

function detailsOf(server: Server): readonly Line[] {
  const { url, role, state, opsPerSec, clients, keys, slots, lagSeconds } = server;
  return [
    fact('state', state),
    fact('url', url),
    fact('role', role),
    fact('memory', memoryOf(server)),
    fact(
      'load',
      `${shown(opsPerSec, formatCount)} commands a second, ${shown(clients, formatCount)} clients`,
    ),
    fact('keys', shown(keys, formatCount)),
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
    .map(({ text, atMs }) => ({ text: `${shownBriefly(atMs)} ${text}`, tone: 'text' as const }));
  return [...notes, ...recent].map((piece) => ({ spans: [piece] }));
}
