import { Box } from 'ink';
import type { ReactNode } from 'react';
import { counted, formatBytes, formatCount, formatDuration } from '../../ui/format.ts';
import { gauge, gaugeTone } from '../../ui/gauge.ts';
import { sinceMs } from '../../ui/moment.ts';
import { Row, type Span, type Tone } from '../../ui/row.tsx';
import { sparkline } from '../../ui/sparkline.ts';
import { type Column, Table } from '../../ui/table.tsx';
import { width } from '../../ui/text.ts';
import type { PaneProps } from '../feature.ts';
import {
  type ChannelRow,
  type ConsumerRow,
  type PartRow,
  rateOf,
  type ShipSlice,
  timeLeftOf,
  waitingFiles,
} from './state.ts';

/** The budget, how fast it goes, the parts in Redis and who has them, and every consumer's lag. */
export function ShipPane({ slice, columns, rows, focused, zoomed, nowMs }: PaneProps<ShipSlice>): ReactNode {
  const { shown } = slice;
  if (!shown) {
    return (
      <Box flexDirection="column" width={columns} height={rows} overflow="hidden">
        <Row columns={columns} spans={[{ text: nothing(slice), tone: 'dim' }]} />
      </Box>
    );
  }
  const consumers = consumerLines(shown.consumers, columns, Math.max(1, Math.floor(rows / 3)), nowMs);
  const head = rows >= 4 ? 2 : 1;
  const body = Math.max(0, rows - head - consumers.length);
  return (
    <Box flexDirection="column" width={columns} height={rows} overflow="hidden">
      <Row columns={columns} {...budgetLine(shown, columns)} />
      {head > 1 && <Row columns={columns} {...rateLine(slice, shown, columns)} />}
      <Box flexDirection="column" height={body} overflow="hidden">
        <Table
          columns={partColumns(columns)}
          items={shown.parts}
          width={columns}
          height={body}
          lines={zoomed && columns >= 100}
          selected={focused ? slice.scroll : undefined}
          empty={emptyText(shown)}
        />
      </Box>
      {consumers.map((spans, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have no identity but their place
        <Row key={index} columns={columns} spans={spans} />
      ))}
    </Box>
  );
}

function nothing({ channels }: ShipSlice): string {
  if (channels === undefined) return 'Not read yet';
  return channels.length === 0 ? 'Nothing was shipped yet: quarterdeck ship run' : 'Reading the channel';
}

type Line = { readonly spans: readonly Span[]; readonly right?: readonly Span[] };

/** Below this there is room for the essentials only. */
const narrowColumns = 50;

const tones: Readonly<Record<ChannelRow['state'], Tone>> = {
  idle: 'dim',
  shipping: 'good',
  waiting: 'warn',
  done: 'good',
  stalled: 'bad',
};

function budgetLine({ usedBytes, budgetBytes, peakBytes, state }: ChannelRow, columns: number): Line {
  const share = budgetBytes > 0 ? usedBytes / budgetBytes : 0;
  const figures = ` ${formatBytes(usedBytes)} of ${formatBytes(budgetBytes)}`;
  const peak = columns >= 70 ? `, peak ${formatBytes(peakBytes)}` : '';
  const word = {
    text: state === 'stalled' ? 'STALLED' : state,
    tone: tones[state],
    bold: state === 'stalled',
  };
  const cells = Math.min(40, columns - width(`budget ${figures}${peak}  ${word.text}`));
  return {
    spans: ['budget ', { text: gauge(share, Math.max(0, cells)), tone: gaugeTone(share) }, figures, peak],
    right: ['  ', word],
  };
}

function rateLine(slice: ShipSlice, shown: ChannelRow, columns: number): Line {
  const { bytes, bytesFound, files, state } = shown;
  const rate = rateOf(slice);
  if (rate === 0 && (state === 'done' || state === 'idle')) {
    return { spans: [`shipped ${formatBytes(bytes)} in ${counted(files, 'file')}`] };
  }
  const isNarrow = columns < narrowColumns;
  const waiting = waitingFiles(shown);
  const left = timeLeftOf(slice);
  const found = bytesFound > bytes && !isNarrow ? ` of ${formatBytes(bytesFound)}` : '';
  const waits = isNarrow ? `${formatCount(waiting)} waiting` : `${counted(waiting, 'file')} waiting`;
  const words = [
    `${formatBytes(rate)}/s`,
    `${formatBytes(bytes)}${found}`,
    waiting > 0 ? waits : counted(files, 'file'),
    ...(left === undefined ? [] : [`${formatDuration(left)} left`]),
  ];
  const cells = Math.min(24, columns - width(`rate  ${words.join('  ')}`));
  const past = cells >= 4 ? `${sparkline(slice.rates, cells)} ` : '';
  return { spans: [`rate ${past}`, words.join('  ')] };
}

function emptyText({ state, partsInRedis, reason }: ChannelRow): string {
  if (partsInRedis > 0) return `${formatCount(partsInRedis)} parts in Redis`;
  if (reason !== '') return reason;
  return state === 'done' ? 'Everything was read by everyone and freed' : 'No part is in Redis now';
}

function partColumns(columns: number): readonly Column<PartRow>[] {
  const number = ({ part }: PartRow): string => /~(\d+)(\.gz)?$/.exec(part)?.[1] ?? 'all';
  return [
    { heading: 'file', grow: true, max: 60, cell: ({ file }) => file },
    { heading: 'part', align: 'right', cell: number },
    ...(columns < narrowColumns
      ? []
      : [
          {
            heading: 'upto',
            align: 'right' as const,
            cell: ({ share }: PartRow) => (share === undefined ? '' : `${share}%`),
          },
        ]),
    { heading: 'size', align: 'right', cell: ({ bytes }) => formatBytes(bytes) },
    { heading: 'done', cell: (row) => doneBy(row, columns) },
    ...(columns < narrowColumns ? [] : [{ heading: 'state', width: 9, cell: ({ state }: PartRow) => state }]),
  ];
}

/** `0 1 ·`: who has it, in the order of their ids; a count where that would be too long. */
function doneBy({ finished, missing, state }: PartRow, columns: number): Span {
  if (state === 'writing') return '';
  const ids = [...finished, ...missing].sort((a, b) => Number(a) - Number(b) || (a < b ? -1 : 1));
  const marks = ids.map((id) => (finished.includes(id) ? id : '·')).join(' ');
  return width(marks) <= columns / 4 ? marks : `${finished.length}/${ids.length}`;
}

/** As many lines as it takes, those who are missed first, and a count of those for whom there was no room. */
function consumerLines(
  consumers: readonly ConsumerRow[],
  columns: number,
  most: number,
  nowMs: number,
): readonly (readonly Span[])[] {
  const urgent = consumers.toSorted((a, b) => Number(b.state === 'stalled') - Number(a.state === 'stalled'));
  const label = 'consumers ';
  const lines: Span[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const [index, consumer] of urgent.entries()) {
    const span = consumerSpan(consumer, nowMs);
    if (used + width(span.text) + 3 > columns) {
      if (lines.length === most) {
        lines.at(-1)?.push({ text: `   +${urgent.length - index}`, tone: 'dim' });
        break;
      }
      lines.push([lines.length === 0 ? label : ' '.repeat(label.length), span]);
      used = label.length + width(span.text);
    } else {
      lines.at(-1)?.push('   ', span);
      used += width(span.text) + 3;
    }
  }
  return lines;
}

function consumerSpan(
  { id, lag, state, silentSinceMs }: ConsumerRow,
  nowMs: number,
): { text: string; tone: Tone } {
  const owed = lag === 0 ? 'lag 0' : `lag ${formatCount(lag)} ${lag === 1 ? 'part' : 'parts'}`;
  if (state === 'stalled') {
    return {
      text: `${id} STALLED for ${formatDuration(sinceMs(silentSinceMs ?? nowMs, nowMs))}, ${owed}`,
      tone: 'bad',
    };
  }
  if (state === 'unseen') return { text: `${id} never seen, ${owed}`, tone: lag > 0 ? 'warn' : 'dim' };
  return { text: `${id} ${state}, ${owed}`, tone: state === 'live' ? 'plain' : 'dim' };
}
