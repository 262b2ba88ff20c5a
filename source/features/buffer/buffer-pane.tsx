import type { ReactNode } from 'react';
import { counted, formatAge, formatCount, formatShort } from '../../ui/format.ts';
import { fact, factOf, type Line } from '../../ui/line.ts';
import { ListPane } from '../../ui/list-pane.tsx';
import type { Span } from '../../ui/row.tsx';
import type { Column } from '../../ui/table.tsx';
import { shownAt, shownTime } from '../../ui/times.ts';
import type { PaneProps } from '../feature.ts';
import { type BufferRow, type BufferSlice, bufferList, severities, stateOf } from './state.ts';
import { interval, ordinal, signed, took } from './status-text.ts';

/** From here on a type takes one line of a table; below, two lines that need no columns. */
const tableColumns = 60;

/** What waits by type; below, the chosen type's whole story. */
export function BufferPane(props: PaneProps<BufferSlice>): ReactNode {
  const { nowMs, slice } = props;
  return (
    <ListPane
      {...props}
      list={bufferList}
      table={tableOf(nowMs)}
      narrow={{ below: tableColumns, lines: (row) => narrowOf(row, nowMs) }}
      about={aboutOf}
      details={(row, columns) => detailsOf(row, columns, nowMs)}
      empty={slice.total === undefined ? ['Not read yet'] : undefined}
    />
  );
}

function stateSpan(row: BufferRow, nowMs: number): Exclude<Span, string> {
  const state = stateOf(row, nowMs);
  const severity = severities[state];
  if (severity !== undefined) return { text: state.toUpperCase(), tone: severity };
  return state === 'flushed' ? { text: state, tone: 'muted' } : { text: state };
}

const tableOf = (nowMs: number): readonly Column<BufferRow>[] => [
  { heading: 'state', keepsWord: true, field: 'state', cell: (row) => stateSpan(row, nowMs) },
  { heading: 'type', field: 'type', isName: true, max: 24, cell: ({ type }) => type },
  {
    heading: 'ids',
    field: 'ids',
    align: 'right',
    cell: ({ ids }) => (ids > 0 ? formatCount(ids) : '–'),
  },
  { heading: 'pending', field: 'pending', align: 'right', cell: totalText },
  { heading: 'in flight', field: 'inflight', align: 'right', drop: 2, cell: inflightText },
  {
    heading: 'aside',
    field: 'aside',
    align: 'right',
    drop: 2,
    cell: ({ aside }) => (aside ? { text: counted(aside.ids, 'id'), tone: 'warn' } : ''),
  },
  { heading: 'oldest', field: 'oldest', align: 'right', drop: 1, cell: (row) => oldestText(row, nowMs) },
  { heading: 'last batch', field: 'last', drop: 3, cell: lastText },
  { heading: 'and', grow: true, drop: 4, cell: (row) => storyOf(row, nowMs) },
];

function narrowOf(row: BufferRow, nowMs: number): readonly Line[] {
  const figures = figuresOf(row).map((text) => `  ${text}`);
  const state = stateSpan(row, nowMs);
  return [
    { spans: [{ ...state, text: state.text.padEnd(9) }, row.type], named: 1, right: figures },
    { spans: [secondOf(row, nowMs)] },
  ];
}

/** How much waits, in words. */
function figuresOf(row: BufferRow): readonly string[] {
  return row.ids === 0 ? [] : [counted(row.ids, 'id'), totalText(row)];
}

function secondOf(row: BufferRow, nowMs: number): string {
  const story = storyOf(row, nowMs);
  if (row.error !== undefined || row.failure || row.flusher?.isSilent) return story;
  const parts = [
    ...(row.aside ? [`${counted(row.aside.ids, 'id')} aside`] : []),
    ...(row.inflight ? [`${inflightText(row)} in flight`] : []),
    ...(row.oldestAtMs === undefined ? [] : [`oldest ${oldestText(row, nowMs)}`]),
    row.last ? `last flush ok ${took(row.last.durationMs)}` : 'never flushed',
  ];
  return parts.join('  ');
}

/** What the state means here: which try it is, since when nobody flushes. */
function storyOf(row: BufferRow, nowMs: number): string {
  const { error, failure, flusher, ids } = row;
  if (error !== undefined) return 'the key is no buffer';
  if (failure) {
    const { attempts, retryAtMs, sinceMs } = failure;
    if (retryAtMs === undefined) return `no retry since ${shownTime(sinceMs)}`;
    const leftMs = Math.ceil((retryAtMs - nowMs) / 1000) * 1000;
    return `${ordinal(attempts + 1)} try ${leftMs <= 0 ? 'now' : `in ${formatAge(leftMs)}`}`;
  }
  if (flusher?.isSilent) return `flusher silent since ${shownTime(flusher.seenMs)}`;
  if (stateOf(row, nowMs) === 'stuck') return 'a flush never finished';
  if (stateOf(row, nowMs) === 'old') return 'nobody flushes';
  if (ids === 0) return row.aside ? `${counted(row.aside.ids, 'id')} set aside` : '';
  return flusher ? `flushed every ${interval(flusher.everyMs)}` : 'waits for a flush';
}

/** What the columns have no room for: why it fails, where it goes, how often. */
function aboutOf(row: BufferRow): readonly Line[] {
  const { error, failure, last } = row;
  const flushed: Span =
    error ??
    (failure
      ? `since ${shownTime(failure.sinceMs)}: ${failure.message}`
      : row.aside
        ? asideLine(row)
        : last
          ? lastLine(row)
          : [...figuresOf(row), 'never flushed'].join('  '));
  return [{ spans: [`${row.type}  `, flushed] }, { spans: [{ text: `  ${placeOf(row)}`, tone: 'muted' }] }];
}

function detailsOf(row: BufferRow, columns: number, nowMs: number): readonly Line[] {
  const { error, failure, last, inflight } = row;
  return [
    fact('state', stateSpan(row, nowMs), `  ${storyOf(row, nowMs)}`),
    ...(error === undefined ? [] : factOf('key', error, columns)),
    ...(failure ? factOf('failed', `since ${shownTime(failure.sinceMs)}: ${failure.message}`, columns) : []),
    fact('pending', `${counted(row.ids, 'id')}, ${totalText(row) || '+0'}`),
    ...(inflight ? [fact('in flight', `${counted(inflight.ids, 'id')}, ${inflightText(row)}`)] : []),
    ...(row.aside ? factOf('aside', asideLine(row), columns) : []),
    ...(row.oldestAtMs === undefined ? [] : [fact('oldest', oldestText(row, nowMs))]),
    fact('last', last ? lastLine(row) : 'never flushed'),
    ...factOf('target', placeOf(row), columns),
  ];
}

function placeOf({ target, flusher }: BufferRow): string {
  if (!target) return 'f flushes it';
  const often = flusher ? `every ${interval(flusher.everyMs)}` : 'by hand';
  return `to ${target.table}.${target.column} in ${target.to}, ${often}`;
}

function asideLine({ type, aside }: BufferRow): string {
  if (!aside) return '';
  return `${signed(aside.total)} of ${counted(aside.ids, 'id')} set aside: \`buffer aside ${type}\` says why`;
}

function lastLine({ last }: BufferRow): string {
  if (!last) return '';
  const { rows, total, durationMs, atMs } = last;
  return `last: ${counted(rows, 'row')}, ${signed(total)} in ${took(durationMs)} ${shownAt(atMs)}`;
}

function totalText({ ids, total, isExact }: BufferRow): string {
  if (ids === 0) return '';
  return isExact ? signed(total) : `about ${formatShort(total)}`;
}

function inflightText({ inflight }: BufferRow): string {
  return inflight ? signed(inflight.total) : '';
}

function oldestText({ oldestAtMs }: BufferRow, nowMs: number): string {
  return oldestAtMs === undefined ? '' : formatAge(nowMs - oldestAtMs);
}

function lastText({ last }: BufferRow): string {
  if (!last) return '';
  return `${counted(last.rows, 'row')} in ${took(last.durationMs)} ${shownAt(last.atMs)}`;
}
