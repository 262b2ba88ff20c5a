import type { ReactNode } from 'react';
import { formatCount, formatDuration } from '../../ui/format.ts';
import { gauge } from '../../ui/gauge.ts';
import { fact, type Line } from '../../ui/line.ts';
import { ListPane } from '../../ui/list-pane.tsx';
import { sinceMs, untilMs } from '../../ui/moment.ts';
import type { Span } from '../../ui/row.tsx';
import type { Column } from '../../ui/table.tsx';
import { truncate } from '../../ui/text.ts';
import type { Piece } from '../../ui/theme/style.ts';
import type { PaneProps } from '../feature.ts';
import { severityOf } from './condition.ts';
import { isForeign, type Lock, type LockSlice, lockList, stateOf } from './state.ts';

const longestHost = 30;

/** One line a lock; below, the fence and the queue of the chosen one. */
export function LockPane(props: PaneProps<LockSlice>): ReactNode {
  const { slice, nowMs } = props;
  return (
    <ListPane
      {...props}
      list={lockList}
      table={tableOf(nowMs)}
      about={(lock) => queueOf(lock, nowMs)}
      details={(lock) => [...figuresOf(lock, nowMs), ...queueOf(lock, nowMs)]}
      empty={nothing(slice)}
    />
  );
}

function nothing({ known, looked }: LockSlice): readonly string[] | undefined {
  if (known === undefined) return ['Not read yet'];
  return looked < known ? [`Of the ${formatCount(looked)} used last none is held`] : undefined;
}

/** `host:pid` with so much of a long host name that the process is not cut off. */
function briefly(owner: string, cells = longestHost): string {
  const colon = owner.lastIndexOf(':');
  if (colon === -1) return owner;
  const pid = owner.slice(colon);
  return `${truncate(owner.slice(0, colon), Math.max(1, cells - pid.length))}${pid}`;
}

const barCells = 10;

function tableOf(nowMs: number): readonly Column<Lock>[] {
  return [
    { heading: 'state', keepsWord: true, field: 'state', cell: stateSpan },
    {
      heading: 'name',
      field: 'name',
      isName: true,
      grow: true,
      yields: { to: 8, sparing: 3 },
      max: 60,
      cell: ({ name }) => name,
    },
    {
      heading: 'owner',
      field: 'owner',
      max: longestHost,
      shorten: briefly,
      cell: ({ owner, isHeld }) => (isHeld ? owner : { text: owner, tone: 'muted' }),
    },
    { heading: 'label', field: 'label', max: 30, drop: 4, cell: ({ label }) => label },
    { heading: 'held', field: 'held', align: 'right', drop: 2, cell: (lock) => held(lock, nowMs) },
    { heading: '', width: barCells, drop: 5, cell: (lock) => bar(lock, nowMs) },
    { heading: 'left', field: 'left', align: 'right', cell: (lock) => left(lock, nowMs) },
    { heading: 'queue', field: 'queue', align: 'right', cell: ({ waiting }) => String(waiting) },
    {
      heading: 'fence',
      field: 'fence',
      align: 'right',
      drop: 3,
      cell: ({ fence }) => (fence === undefined ? '–' : String(fence)),
    },
  ];
}

function stateSpan(lock: Lock): Span {
  const state = stateOf(lock);
  return { text: state, tone: severityOf(state, lock.waiting) ?? (state === 'free' ? 'muted' : 'text') };
}

function held(lock: Lock, nowMs: number): string {
  if (lock.heldSinceMs === undefined) return '–';
  const age = formatDuration(sinceMs(lock.heldSinceMs, nowMs));
  return isForeign(lock) ? `≥${age}` : age;
}

function bar({ isHeld, endsAtMs, fullMs }: Lock, nowMs: number): readonly Piece[] {
  return !isHeld || endsAtMs === undefined ? [] : gauge(untilMs(endsAtMs, nowMs) / fullMs, barCells);
}

/** A holder that renews never lets it fall so low. */
const lateBelow = 1 / 3;

function left({ isHeld, endsAtMs, fullMs }: Lock, nowMs: number): Span {
  if (!isHeld || endsAtMs === undefined) return '–';
  const ttlMs = untilMs(endsAtMs, nowMs);
  return ttlMs < fullMs * lateBelow ? `late ${formatDuration(ttlMs)}` : formatDuration(ttlMs);
}

/** The fence, then who waits, first in line first. */
function queueOf(lock: Lock, nowMs: number): readonly Line[] {
  const fence: Span =
    lock.fence === undefined
      ? { text: isForeign(lock) ? 'no fence: another program holds it' : 'nobody holds it', tone: 'muted' }
      : `fence ${lock.fence}`;
  const first: Span[] = [`${lock.name}  `, fence];
  if (lock.label !== '') first.push({ text: `  ${lock.label}`, tone: 'muted' });
  const queue = lock.waiters.map(
    ({ place, label, sinceMs: began }, index): Line => ({
      spans: [
        index === 0 ? '  next ' : '  then ',
        `${briefly(place)} waits ${formatDuration(sinceMs(began, nowMs))}`,
        ...(label === '' ? [] : [{ text: `  ${label}`, tone: 'muted' as const }]),
      ],
    }),
  );
  const more = lock.waiting - lock.waiters.length;
  if (more > 0) queue.push({ spans: [{ text: `  and ${more} more`, tone: 'muted' }] });
  return [{ spans: first }, ...queue];
}

function figuresOf(lock: Lock, nowMs: number): readonly Line[] {
  return [
    fact('state', stateOf(lock)),
    fact('holder', lock.isHeld ? lock.owner : 'nobody'),
    fact('held', held(lock, nowMs)),
    fact(
      'lease',
      lock.endsAtMs === undefined
        ? 'without an end: nothing but a release or a break frees it'
        : `${formatDuration(untilMs(lock.endsAtMs, nowMs))} left of ${formatDuration(lock.fullMs)}`,
    ),
  ];
}
