import type { ReactNode } from 'react';
import { formatCount, formatDuration, formatShort } from '../../ui/format.ts';
import { gauge } from '../../ui/gauge.ts';
import { fact, type Line } from '../../ui/line.ts';
import { ListPane } from '../../ui/list-pane.tsx';
import type { Span } from '../../ui/row.tsx';
import { sparkline } from '../../ui/sparkline.ts';
import type { Column } from '../../ui/table.tsx';
import { padStart } from '../../ui/text.ts';
import type { PaneProps } from '../feature.ts';
import { conditionOf, severities } from './condition.ts';
import { formatPeriod } from './period.ts';
import { type LimitSlice, limitList, type Meter } from './state.ts';

/** From this width on everything about a meter stands on one line. */
const tableColumns = 48;
const barCells = 10;
const latelyCells = 12;

/** Meters by subject, nearest to its limit first. */
export function LimitPane(props: PaneProps<LimitSlice>): ReactNode {
  const { nowMs, slice } = props;
  return (
    <ListPane
      {...props}
      list={limitList}
      table={tableOf(nowMs)}
      narrow={{ below: tableColumns, lines: (meter, columns) => narrowOf(meter, columns, nowMs) }}
      about={(meter) => (props.columns < tableColumns ? [aboutOf(meter, nowMs)] : [])}
      details={(meter) => detailsOf(meter, nowMs)}
      empty={slice.total === undefined ? ['Not read yet'] : undefined}
    />
  );
}

const share = ({ used, limit }: Meter): number => used / limit;
const use = ({ used, limit }: Meter): string =>
  limit < 100_000
    ? `${formatCount(used)}/${formatCount(limit)}`
    : `${formatShort(used)}/${formatShort(limit)}`;

function stateSpan(meter: Meter): Exclude<Span, string> {
  const condition = conditionOf(meter);
  const isNeed = severities[condition] !== undefined;
  return { text: isNeed ? condition.toUpperCase() : condition, tone: isNeed ? 'bad' : 'text' };
}

function tableOf(nowMs: number): readonly Column<Meter>[] {
  return [
    { heading: 'state', keepsWord: true, field: 'state', width: 5, cell: stateSpan },
    {
      heading: 'subject',
      field: 'subject',
      isName: true,
      grow: true,
      yields: { to: 10, sparing: 5 },
      max: 60,
      cell: ({ subject }) => subject,
    },
    { heading: 'use', field: 'use', align: 'right', cell: use },
    {
      heading: '',
      width: barCells,
      drop: 3,
      cell: (meter) => gauge(share(meter), barCells, stateSpan(meter).tone === 'bad' ? 'bad' : 'bar'),
    },
    { heading: 'per', field: 'per', align: 'right', drop: 2, cell: ({ perMs }) => formatPeriod(perMs) },
    { heading: 'by', field: 'by', drop: 5, cell: ({ algorithm }) => algorithm },
    { heading: 'resets', field: 'resets', align: 'right', cell: (meter) => resetIn(meter, nowMs) ?? '–' },
    {
      heading: 'denied',
      field: 'denied',
      align: 'right',
      drop: 1,
      cell: ({ denied }) => (denied === 0 ? '–' : deniedText(denied)),
    },
    { heading: 'lately', width: latelyCells, drop: 4, cell: (meter) => lately(meter, latelyCells) },
  ];
}

/** State and name with the figures at the right; below, what was refused and when it frees. */
function narrowOf(meter: Meter, columns: number, nowMs: number): readonly Line[] {
  const first: Line = {
    spans: [{ ...stateSpan(meter), text: stateSpan(meter).text.padEnd(5) }, meter.subject],
    named: 1,
    right: [' ', padStart(use(meter), 7)],
  };
  if (meter.used === 0 && meter.denied === 0) return [first];
  return [
    first,
    { spans: [` ${stateText(meter, nowMs)}`], ...(columns >= 40 && { right: [' ', lately(meter, 8)] }) },
  ];
}

/** `3,977 refused, free in 38s`. */
function stateText(meter: Meter, nowMs: number): string {
  const left = resetIn(meter, nowMs);
  const refused = meter.denied === 0 ? '' : `${deniedText(meter.denied)} refused, `;
  return `${refused}${left === undefined ? 'unused' : `free in ${left}`}`;
}

function aboutOf(meter: Meter, nowMs: number): Line {
  return { spans: [`${meter.subject}  ${stateText(meter, nowMs)}`] };
}

function detailsOf(meter: Meter, nowMs: number): readonly Line[] {
  const { algorithm, limit, perMs, used, remaining, denied } = meter;
  return [
    fact('state', stateSpan(meter)),
    fact('limit', `${formatCount(limit)} in ${formatPeriod(perMs)}, ${algorithm}`),
    fact('used', `${formatCount(used)}, ${formatCount(remaining)} left`),
    fact('resets', resetIn(meter, nowMs) ?? 'nothing of it is used'),
    fact('denied', deniedText(denied)),
    fact('lately', lately(meter, 40)),
  ];
}

function deniedText(denied: Meter['denied']): string {
  return denied === undefined ? '?' : formatCount(denied);
}

function lately({ history, limit }: Meter, cells: number): string {
  return sparkline(history, cells, { max: limit });
}

/** Whole seconds, so that a second passes between two frames. */
function resetIn({ resetAtMs }: Meter, nowMs: number): string | undefined {
  if (resetAtMs === undefined || resetAtMs <= nowMs) return;
  return formatDuration(Math.ceil((resetAtMs - nowMs) / 1000) * 1000);
}
