import type { ReactNode } from 'react';
import { compareNames } from '../../compare-names.ts';
import { counted, formatBytes, formatCount, formatDuration } from '../../ui/format.ts';
import { gauge } from '../../ui/gauge.ts';
import { fact, type Line } from '../../ui/line.ts';
import { ListPane } from '../../ui/list-pane.tsx';
import { sinceMs } from '../../ui/moment.ts';
import type { Span, Tone } from '../../ui/row.tsx';
import { sparkline } from '../../ui/sparkline.ts';
import type { Column } from '../../ui/table.tsx';
import { width } from '../../ui/text.ts';
import type { PaneProps } from '../feature.ts';
import { channelSeverities, consumerSeverity } from './channel/channel-state.ts';
import {
  type ChannelRow,
  type ConsumerRow,
  type PartRow,
  rateOf,
  type ShipRow,
  type ShipSlice,
  shipList,
  timeLeftOf,
  waitingFiles,
} from './state.ts';

/** The budget and how fast it goes; below, every consumer's lag, and the parts in Redis and who has them. */
export function ShipPane(props: PaneProps<ShipSlice>): ReactNode {
  const { slice, columns, nowMs } = props;
  const { shown } = slice;
  const head = shown ? [budgetLine(shown, columns), rateLine(slice, shown, columns)] : [];
  return (
    <ListPane
      {...props}
      list={shipList}
      table={tableOf(columns, nowMs)}
      head={head}
      details={(row) => detailsOf(row, nowMs)}
      tail={tailOf(slice)}
      empty={nothing(slice)}
    />
  );
}

function tailOf({ shown, wrong }: ShipSlice): readonly Line[] {
  const isEmpty = shown !== undefined && shown.parts.length === 0;
  const texts: readonly Span[] = [
    ...(isEmpty ? [{ text: emptyText(shown), tone: 'muted' as const }] : []),
    ...wrong.map((text) => ({ text, tone: 'bad' as const })),
  ];
  return texts.map((span) => ({ spans: [span] }));
}

function nothing({ channels, shown, wrong }: ShipSlice): readonly string[] | undefined {
  if (channels === undefined) return ['Not read yet'];
  if (channels.length === 0) return;
  return shown || wrong.length > 0 ? [] : ['Reading the channel'];
}

/** Below this there is room for the essentials only. */
const narrowColumns = 50;

const tones: Readonly<Record<ChannelRow['state'], Tone>> = {
  idle: 'muted',
  shipping: 'text',
  waiting: 'warn',
  done: 'text',
  stalled: 'bad',
};

function budgetLine({ usedBytes, budgetBytes, peakBytes, state }: ChannelRow, columns: number): Line {
  const share = budgetBytes > 0 ? usedBytes / budgetBytes : 0;
  const figures = ` ${formatBytes(usedBytes)} of ${formatBytes(budgetBytes)}`;
  const peak = columns >= 70 ? `, peak ${formatBytes(peakBytes)}` : '';
  const isBad = channelSeverities[state] === 'bad';
  const word = {
    text: isBad ? state.toUpperCase() : state,
    tone: tones[state],
    bold: isBad,
  };
  const cells = Math.min(40, columns - width(`budget ${figures}${peak}  ${word.text}`));
  return {
    spans: ['budget ', ...gauge(share, Math.max(0, cells)), figures, peak],
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
  if (partsInRedis > 0) return `${counted(partsInRedis, 'part')} in Redis`;
  if (reason !== '') return reason;
  return state === 'done' ? 'Everything was read by everyone and freed' : 'No part is in Redis now';
}

/** Enough to tell consumers apart: whatever else stands there gives way to who it is. */
const nameCells = 12;

function tableOf(columns: number, nowMs: number): readonly Column<ShipRow>[] {
  return [
    { heading: 'state', keepsWord: true, field: 'state', cell: stateSpan },
    {
      heading: 'name',
      field: 'name',
      isName: true,
      grow: true,
      yields: { to: nameCells, sparing: 3 },
      keeps: nameCells,
      max: 60,
      keepsEnd: true,
      cell: (row) => (row.kind === 'consumer' ? `consumer ${row.consumer.id}` : row.part.file),
    },
    {
      heading: 'part',
      field: 'lag',
      align: 'right',
      cell: (row) =>
        row.kind === 'consumer' ? `${formatCount(row.consumer.lag)} behind` : (numberOf(row.part) ?? 'whole'),
    },
    {
      heading: 'upto',
      align: 'right',
      drop: 3,
      cell: (row) => (row.kind === 'part' && row.part.share !== undefined ? `${row.part.share}%` : ''),
    },
    {
      heading: 'size',
      field: 'size',
      align: 'right',
      drop: 2,
      cell: (row) => (row.kind === 'part' ? formatBytes(row.part.bytes) : ''),
    },
    {
      heading: 'done',
      drop: 1,
      cell: (row) => (row.kind === 'consumer' ? noteOf(row.consumer, nowMs) : doneBy(row.part, columns)),
    },
  ];
}

function stateSpan(row: ShipRow): Span {
  if (row.kind === 'part')
    return row.part.state === 'aside' ? { text: 'aside', tone: 'warn' } : row.part.state;
  const { state, lag } = row.consumer;
  const tone = consumerSeverity(state, lag) ?? (state === 'live' ? 'text' : 'muted');
  return { text: tone === 'bad' ? state.toUpperCase() : state, tone };
}

function numberOf({ part }: PartRow): string | undefined {
  return /~(\d+)(\.gz)?$/.exec(part)?.[1];
}

function noteOf({ silentSinceMs, aside }: ConsumerRow, nowMs: number): Span {
  if (silentSinceMs !== undefined) return `silent ${formatDuration(sinceMs(silentSinceMs, nowMs))}`;
  return aside === 0 ? '' : { text: `${formatCount(aside)} aside`, tone: 'warn' };
}

/** `0 1 ·`: who has it, in the order of their ids; a count where that would be too long. */
function doneBy({ finished, missing, state }: PartRow, columns: number): string {
  if (state === 'writing') return '';
  const ids = [...finished, ...missing].sort(compareNames);
  const marks = ids.map((id) => (finished.includes(id) ? id : '·')).join(' ');
  return width(marks) <= columns / 4 ? marks : `${finished.length}/${ids.length}`;
}

const unknownText =
  'unknown: silent, and it may owe parts that were not looked at; `:ship status` looks at all';

function detailsOf(row: ShipRow, nowMs: number): readonly Line[] {
  if (row.kind === 'consumer') {
    const { lag, aside, silentSinceMs, state } = row.consumer;
    return [
      fact('state', state === 'unknown' ? unknownText : stateSpan(row)),
      fact('behind', lag === 0 ? 'nothing' : counted(lag, 'part')),
      ...(aside === 0 ? [] : [fact('aside', counted(aside, 'part'))]),
      ...(silentSinceMs === undefined ? [] : [fact('silent', formatDuration(sinceMs(silentSinceMs, nowMs)))]),
    ];
  }
  const { part, file, bytes, share, finished, missing, aside, state } = row.part;
  return [
    fact('state', state),
    fact('file', file),
    fact('part', part),
    fact('size', `${formatBytes(bytes)}${share === undefined ? '' : `, up to ${share}% of the file`}`),
    fact('done by', finished.length === 0 ? 'nobody yet' : finished.join(' ')),
    fact('waits for', missing.length === 0 ? 'nobody' : missing.join(' ')),
    ...(aside.length === 0 ? [] : [fact('aside by', aside.join(' '))]),
  ];
}
