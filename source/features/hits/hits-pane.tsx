import { Box } from 'ink';
import type { ReactNode } from 'react';
import { formatClock, formatCount, formatShort } from '../../ui/format.ts';
import { Row, type Span } from '../../ui/row.tsx';
import { fitTo, sanitise, width } from '../../ui/text.ts';
import type { PaneProps } from '../feature.ts';
import { chart } from './chart.ts';
import { change, type HitsSlice, type SeriesRow, selectedIndex, shown } from './state.ts';

/** From this width on everything about a series fits onto one line. */
const wideColumns = 90;
const tallest = 8;

/** A chart for each series, with today's sum and how it compares to the same time yesterday. */
export function HitsPane({ slice, columns, rows, focused }: PaneProps<HitsSlice>): ReactNode {
  const all = shown(slice);
  const selected = selectedIndex(slice);
  const body = rows < 4 || all.length === 0 ? rows : rows - 1;
  const height = blockHeight(all.length, columns, body);
  const room = Math.max(1, Math.floor(body / height));
  const start = Math.max(0, Math.min(focused ? selected - room + 1 : 0, all.length - room));
  const names = Math.min(20, Math.max(4, ...all.map(({ series }) => width(sanitise(series)))));
  return (
    <Box flexDirection="column" width={columns} height={rows} overflow="hidden">
      <Box flexDirection="column" height={body} overflow="hidden">
        {all.length === 0 && <Row columns={columns} spans={[{ text: nothing(slice), tone: 'dim' }]} />}
        {all.slice(start, start + room).map((row, index) => (
          <Series
            key={row.series}
            row={row}
            columns={columns}
            height={height}
            names={Math.min(names, Math.floor(columns / 3))}
            selected={focused && start + index === selected}
          />
        ))}
      </Box>
      {body < rows && (
        <Row columns={columns} spans={[{ text: footer(slice, all.length, columns), tone: 'dim' }]} />
      )}
    </Box>
  );
}

/** One line where there is width for everything, else two; taller charts where there is room. */
function blockHeight(count: number, columns: number, rows: number): number {
  const least = columns >= wideColumns ? 1 : 2;
  const each = Math.floor(rows / Math.max(1, count));
  return Math.max(1, Math.min(rows, Math.max(least, Math.min(tallest, each))));
}

function nothing({ total, filter }: HitsSlice): string {
  if (total === undefined) return 'Not read yet';
  return filter === '' ? 'Nothing is counted yet' : `No series with "${filter}"`;
}

function footer({ stepMs, untilMs, total = 0, filter }: HitsSlice, count: number, columns: number): string {
  const bar = stepMs < 60_000 ? `${stepMs / 1000}s` : stepMs < 3_600_000 ? `${stepMs / 60_000}m` : '1h';
  const until = untilMs === undefined ? '' : ` to ${formatClock(untilMs)}`;
  const filtered = filter === '' ? '' : ` with "${filter}"`;
  const full = `${formatCount(count)} of ${formatCount(total)} series${filtered}, bars of ${bar}${until}`;
  return full.length <= columns ? full : `${count}/${total}, bars of ${bar}${until}`;
}

type SeriesProps = { row: SeriesRow; columns: number; height: number; names: number; selected: boolean };

function Series({ row, columns, height, names, selected }: SeriesProps): ReactNode {
  const name = fitTo(sanitise(row.series), names);
  if (height === 1) {
    const right = figures(row, columns);
    const cells = columns - names - 2 - measure(right);
    const [bars = ''] = chart(row.points, Math.max(0, cells - 1), 1);
    return (
      <Row
        columns={columns}
        inverse={selected}
        spans={[`${name} `, { text: bars, tone: 'info' }]}
        right={right}
      />
    );
  }
  const lines = chart(row.points, Math.max(0, columns - names - 1), height - 1);
  return (
    <>
      {lines.map((bars, line) => (
        <Row
          // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
          key={line}
          columns={columns}
          inverse={selected && line === lines.length - 1}
          spans={[`${line === lines.length - 1 ? name : ' '.repeat(names)} `, { text: bars, tone: 'info' }]}
        />
      ))}
      <Row columns={columns} spans={[]} right={figures(row, columns)} />
    </>
  );
}

/** From this width on a line says what today is compared to. */
const comparedColumns = 60;

function figures({ today, yesterday, lastHour }: SeriesRow, columns: number): readonly Span[] {
  const delta = change(today, yesterday);
  const isLow = today < yesterday / 2;
  const sum = ` ${formatShort(today).padStart(5)} today  `;
  if (columns < comparedColumns) {
    return [sum, { text: delta === 'new' ? delta : `${delta} day`, tone: isLow ? 'warn' : 'plain' }];
  }
  const compared = `${delta.padStart(5)} on ${formatShort(yesterday).padStart(5)}`;
  const when = columns < wideColumns ? ' yesterday' : ' by this time yesterday';
  const rate = columns < wideColumns ? '' : `  ${formatShort(lastHour).padStart(5)} last hour`;
  return [sum, { text: compared, tone: isLow ? 'warn' : 'plain' }, when, rate];
}

function measure(spans: readonly Span[]): number {
  return spans.reduce((sum, span) => sum + width(typeof span === 'string' ? span : span.text), 0);
}
