import { Box } from 'ink';
import type { ReactNode } from 'react';
import { counted, formatCount, formatDuration, formatShort } from '../../ui/format.ts';
import { gauge, gaugeTone } from '../../ui/gauge.ts';
import { Row, type Span } from '../../ui/row.tsx';
import { sparkline } from '../../ui/sparkline.ts';
import { type Column, Table } from '../../ui/table.tsx';
import type { PaneProps } from '../feature.ts';
import { layOut, tableColumns } from './layout.ts';
import { formatPeriod } from './period.ts';
import { idOf, isFull, type LimitSlice, type Meter, selectedIndex, shown } from './state.ts';

/** Meters by subject, nearest to its limit first. */
export function LimitPane({
  slice,
  columns,
  rows,
  focused,
  zoomed,
  nowMs,
}: PaneProps<LimitSlice>): ReactNode {
  const meters = shown(slice);
  const selected = selectedIndex(slice);
  const footer = footerOf(slice, meters.length);
  const body = footer === '' || rows < 3 ? rows : rows - 1;
  return (
    <Box flexDirection="column" width={columns} height={rows} overflow="hidden">
      <Box flexDirection="column" height={body} overflow="hidden">
        {meters.length === 0 ? (
          <Row columns={columns} spans={[{ text: nothing(slice), tone: 'dim' }]} />
        ) : columns >= tableColumns ? (
          <Table
            columns={tableOf(columns, nowMs)}
            items={meters}
            width={columns}
            height={body}
            selected={focused ? selected : undefined}
            lines={zoomed && columns >= 100}
            empty=""
          />
        ) : (
          layOut(meters, body, focused ? selected : -1).map(({ meter, hasDetail, isSelected }) => (
            <Narrow
              key={idOf(meter)}
              meter={meter}
              nowMs={nowMs}
              columns={columns}
              hasDetail={hasDetail}
              selected={isSelected}
            />
          ))
        )}
      </Box>
      {body < rows && <Row columns={columns} spans={[{ text: footer, tone: 'dim' }]} />}
    </Box>
  );
}

function nothing({ total, filter }: LimitSlice): string {
  if (total === undefined) return 'Not read yet';
  return filter === '' ? 'Nothing is limited yet' : `No subject with "${filter}"`;
}

function footerOf({ total = 0, filter }: LimitSlice, count: number): string {
  if (count === 0) return '';
  const filtered = filter === '' ? '' : ` with "${filter}"`;
  return `${formatCount(count)} of ${counted(total, 'limit')}${filtered}`;
}

const share = ({ used, limit }: Meter): number => used / limit;
const use = ({ used, limit }: Meter): string =>
  limit < 100_000
    ? `${formatCount(used)}/${formatCount(limit)}`
    : `${formatShort(used)}/${formatShort(limit)}`;

function state(meter: Meter): Span {
  if (isFull(meter)) return { text: 'FULL', tone: 'bad' };
  return share(meter) >= 0.9 ? { text: 'near', tone: 'warn' } : '';
}

function tableOf(columns: number, nowMs: number): readonly Column<Meter>[] {
  const [cells, past] = columns >= 90 ? [12, 20] : [8, 10];
  return [
    { heading: 'subject', grow: true, max: 60, cell: ({ subject }) => subject },
    {
      heading: 'used',
      width: cells,
      cell: (meter) => ({ text: gauge(share(meter), cells), tone: gaugeTone(share(meter)) }),
    },
    { heading: '', align: 'right', cell: use },
    { heading: 'per', align: 'right', cell: ({ perMs }) => formatPeriod(perMs) },
    ...(columns < 84 ? [] : [{ heading: 'by', cell: ({ algorithm }: Meter) => algorithm }]),
    { heading: 'state', width: 5, cell: state },
    {
      heading: 'resets',
      align: 'right',
      cell: (meter) => resetIn(meter, nowMs) ?? '–',
    },
    {
      heading: 'denied',
      align: 'right',
      cell: ({ denied }) => (denied > 0 ? { text: formatCount(denied), tone: 'warn' } : '–'),
    },
    ...(columns < 70
      ? []
      : [{ heading: 'lately', width: past, cell: (meter: Meter) => lately(meter, past) }]),
  ];
}

type NarrowProps = { meter: Meter; nowMs: number; columns: number; hasDetail: boolean; selected: boolean };

function Narrow({ meter, nowMs, columns, hasDetail, selected }: NarrowProps): ReactNode {
  const figures = use(meter);
  const cells = Math.min(8, Math.max(0, columns - figures.length - 10));
  const bar: Span = { text: ` ${gauge(share(meter), cells)}`, tone: gaugeTone(share(meter)) };
  return (
    <>
      <Row
        columns={columns}
        inverse={selected}
        spans={[meter.subject]}
        right={[...(cells > 1 ? [bar] : []), ` ${figures.padStart(7)}`]}
      />
      {hasDetail && (
        <Row
          columns={columns}
          spans={['  ', ...detail(meter, columns, nowMs)]}
          right={columns < 36 ? [] : [' ', lately(meter, 8)]}
        />
      )}
    </>
  );
}

function detail(meter: Meter, columns: number, nowMs: number): readonly Span[] {
  const word = columns < 32 && meter.denied > 0 ? '' : state(meter);
  const parts: Span[] = word === '' ? [] : [word, ' '];
  if (meter.denied > 0) parts.push({ text: `denied ${formatCount(meter.denied)}, `, tone: 'warn' });
  const left = resetIn(meter, nowMs);
  parts.push(left === undefined ? 'unused' : `free ${left}`);
  return parts;
}

/** Whole seconds, so that a second passes between two frames. */
function resetIn({ resetAtMs }: Meter, nowMs: number): string | undefined {
  if (resetAtMs === undefined || resetAtMs <= nowMs) return;
  return formatDuration(Math.ceil((resetAtMs - nowMs) / 1000) * 1000);
}

function lately({ history, limit }: Meter, cells: number): string {
  return sparkline(history, cells, { max: limit });
}
