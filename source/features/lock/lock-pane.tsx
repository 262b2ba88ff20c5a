import { Box } from 'ink';
import type { ReactNode } from 'react';
import { formatCount, formatDuration } from '../../ui/format.ts';
import { gauge } from '../../ui/gauge.ts';
import { sinceMs, untilMs } from '../../ui/moment.ts';
import { Row, type Span } from '../../ui/row.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import { truncate } from '../../ui/text.ts';
import type { PaneProps } from '../feature.ts';
import { isForeign, type Lock, type LockSlice, selectedIndex, selectedLock, shown } from './state.ts';

const longestHost = 24;

/** One line a lock; below, the fence and the queue of the selected one. */
export function LockPane({ slice, columns, rows, focused, zoomed, nowMs }: PaneProps<LockSlice>): ReactNode {
  const locks = shown(slice);
  const lock = selectedLock(slice);
  const lines = zoomed && columns >= 100 && rows > locks.length * 2 + 8;
  const table = Math.min(rows, locks.length === 0 ? 1 : lines ? locks.length * 2 + 3 : locks.length + 1);
  const details = lock ? detailsOf(lock, nowMs).slice(0, Math.max(rows < 4 ? 0 : 2, rows - table - 1)) : [];
  const body = Math.min(table, rows - details.length);
  // A blank line between the two, where there is one to spare.
  const gap = Math.min(1, rows - body - details.length);
  return (
    <Box flexDirection="column" width={columns} height={rows} overflow="hidden">
      <Table
        columns={tableOf(columns, nowMs)}
        items={locks}
        width={columns}
        height={body}
        selected={focused ? selectedIndex(slice) : undefined}
        lines={lines}
        empty={nothing(slice)}
      />
      {details.length > 0 && gap > 0 && <Row columns={columns} spans={[]} />}
      {details.map((spans, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
        <Row key={index} columns={columns} spans={spans} />
      ))}
    </Box>
  );
}

function nothing({ known, looked, filter, locks }: LockSlice): string {
  if (known === undefined) return 'Not read yet';
  if (locks.length > 0) return `No lock with "${filter}"`;
  return looked < known ? `Of the ${formatCount(looked)} used last none is held` : 'No lock is held';
}

/** `host:pid` with so much of a long host name that the process is not cut off. */
function briefly(owner: string): string {
  const colon = owner.lastIndexOf(':');
  return colon === -1 ? owner : `${truncate(owner.slice(0, colon), longestHost)}${owner.slice(colon)}`;
}

function tableOf(columns: number, nowMs: number): readonly Column<Lock>[] {
  const cells = columns >= 70 ? 10 : 5;
  return [
    { heading: 'name', grow: true, yields: { to: 8, sparing: 3 }, max: 60, cell: ({ name }) => name },
    {
      heading: 'owner',
      max: 40,
      cell: ({ owner, isHeld }) => (isHeld ? briefly(owner) : { text: owner, tone: 'dim' }),
    },
    { heading: 'label', max: 30, drop: 3, cell: ({ label }) => label },
    { heading: 'held', align: 'right', drop: 2, cell: (lock) => held(lock, nowMs) },
    {
      heading: 'left',
      width: cells,
      drop: 1,
      cell: (lock) => ({ text: bar(lock, cells, nowMs), tone: left(lock, nowMs).tone }),
    },
    { heading: '', align: 'right', cell: (lock) => left(lock, nowMs) },
    {
      heading: 'queue',
      align: 'right',
      cell: ({ waiting }) => ({ text: String(waiting), tone: waiting > 0 ? 'warn' : 'plain' }),
    },
    {
      heading: 'fence',
      align: 'right',
      drop: 4,
      cell: ({ fence }) => (fence === undefined ? '–' : String(fence)),
    },
  ];
}

function held(lock: Lock, nowMs: number): Span {
  if (lock.heldSinceMs === undefined) return '–';
  const age = formatDuration(sinceMs(lock.heldSinceMs, nowMs));
  return isForeign(lock) ? `≥${age}` : age;
}

function bar({ isHeld, endsAtMs, fullMs }: Lock, cells: number, nowMs: number): string {
  return !isHeld || endsAtMs === undefined ? '' : gauge(untilMs(endsAtMs, nowMs) / fullMs, cells);
}

/** A holder that renews never lets it fall so low. */
const lateBelow = 1 / 3;

function left({ isHeld, endsAtMs, fullMs }: Lock, nowMs: number): Exclude<Span, string> {
  if (!isHeld) return { text: 'free', tone: 'dim' };
  if (endsAtMs === undefined) return { text: 'no TTL !', tone: 'bad' };
  const ttlMs = untilMs(endsAtMs, nowMs);
  const isLate = ttlMs < fullMs * lateBelow;
  return { text: `${isLate ? 'late ' : ''}${formatDuration(ttlMs)}`, tone: isLate ? 'warn' : 'good' };
}

/** What there is no column for: the fence and label, then who waits, first in line first. */
function detailsOf(lock: Lock, nowMs: number): readonly (readonly Span[])[] {
  const fence: Span =
    lock.fence === undefined
      ? { text: isForeign(lock) ? 'no fence: another program holds it' : 'nobody holds it', tone: 'dim' }
      : `fence ${lock.fence}`;
  const first: Span[] = [{ text: `${lock.name}  `, bold: true }, fence];
  if (lock.label !== '') first.push({ text: `  ${lock.label}`, tone: 'dim' });
  const queue = lock.waiters.map(({ place, label, sinceMs: began }, index): readonly Span[] => [
    index === 0 ? { text: '  next: ', tone: 'warn' } : '        ',
    `${briefly(place)} waiting ${formatDuration(sinceMs(began, nowMs))}`,
    ...(label === '' ? [] : [{ text: `  ${label}`, tone: 'dim' as const }]),
  ]);
  const more = lock.waiting - lock.waiters.length;
  if (more > 0) queue.push([{ text: `        and ${more} more`, tone: 'dim' }]);
  return [first, ...queue];
}
