import type { ReactNode } from 'react';
import { formatCount, formatShort } from '../../ui/format.ts';
import { fact, type Line } from '../../ui/line.ts';
import { ListPane } from '../../ui/list-pane.tsx';
import type { Column } from '../../ui/table.tsx';
import { fitTo, padStart, sanitise } from '../../ui/text.ts';
import { shownTime } from '../../ui/times.ts';
import type { PaneProps } from '../feature.ts';
import { chart, formatStep } from './chart.ts';
import { change, type HitsSlice, hitsList, type SeriesRow } from './state.ts';

/** From this width on everything about a series fits onto one line. */
const tableColumns = 60;
/** Cells of a line that are no chart. */
const otherCells = 54;
const nameCells = 20;
/** Lines of the large chart. */
const tallest = 8;
const lowest = 3;
const shortName = 8;

/** A chart for each series, with today's sum and how it compares to the same time yesterday. */
export function HitsPane(props: PaneProps<HitsSlice>): ReactNode {
  const { slice, columns } = props;
  return (
    <ListPane
      {...props}
      list={hitsList}
      table={tableOf(Math.max(8, Math.min(120, columns - otherCells)))}
      narrow={{ below: tableColumns, lines: narrowOf }}
      about={(row, lines = tallest) => chartLines(row, columns, Math.min(tallest, lines))}
      details={(row, cells) => detailsOf(row, slice, cells)}
      tail={slice.wrong.map((text) => ({ spans: [{ text, tone: 'bad' as const }] }))}
      empty={slice.total === undefined ? ['Not read yet'] : undefined}
    />
  );
}

function tableOf(cells: number): readonly Column<SeriesRow>[] {
  return [
    { heading: 'series', field: 'series', isName: true, max: nameCells, cell: ({ series }) => series },
    { heading: 'lately', width: cells, drop: 3, cell: ({ points }) => chart(points, cells, 1)[0] ?? '' },
    { heading: 'today', field: 'today', align: 'right', cell: ({ today }) => formatShort(today) },
    {
      heading: 'by now',
      field: 'change',
      align: 'right',
      cell: ({ today, yesterday }) => change(today, yesterday),
    },
    {
      heading: 'yesterday',
      field: 'yesterday',
      align: 'right',
      drop: 2,
      cell: ({ yesterday }) => formatShort(yesterday),
    },
    {
      heading: 'hour',
      field: 'hour',
      align: 'right',
      drop: 1,
      cell: ({ lastHour }) => formatShort(lastHour),
    },
  ];
}

function narrowOf({ series, points, today, yesterday }: SeriesRow, columns: number): readonly Line[] {
  const sum = ` ${padStart(formatShort(today), 5)}`;
  const [bars = ''] = chart(points, Math.max(0, columns - shortName - 1 - sum.length), 1);
  return [
    { spans: [fitTo(sanitise(series), shortName), ' ', bars], right: [sum] },
    { spans: [`${change(today, yesterday)} on yesterday${columns < 28 ? '' : ' by now'}`] },
  ];
}

/** The chosen series at a larger scale, with what its highest bar stands for. */
function chartLines({ points }: SeriesRow, columns: number, height = tallest): readonly Line[] {
  const highest = Math.max(0, ...points);
  // Nothing was counted, or there is room for the upper end of the bars alone.
  if (highest === 0 || height < lowest) return [];
  const top = formatShort(highest);
  const cells = Math.max(0, columns - top.length - 1);
  return chart(points, cells, height).map((bars, line) => ({
    spans: [`${(line === 0 ? top : line === height - 1 ? '0' : '').padStart(top.length)} ${bars}`],
  }));
}

function detailsOf(row: SeriesRow, { stepMs, untilMs }: HitsSlice, columns: number): readonly Line[] {
  const { today, yesterday, lastHour } = row;
  const until = untilMs === undefined ? '' : `, to ${shownTime(untilMs)}`;
  return [
    fact(
      'today',
      `${formatCount(today)}, ${change(today, yesterday)} on ${formatCount(yesterday)} by this time yesterday`,
    ),
    fact('last hour', formatCount(lastHour)),
    fact('bars', `of ${formatStep(stepMs)}${until}; + and - change that`),
    ...chartLines(row, columns),
  ];
}
