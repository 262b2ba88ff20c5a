import { compareNames } from '../../compare-names.ts';
import { formatCount } from '../../ui/format.ts';
import { initialList, type List, type ListState } from '../../ui/list.ts';
import { sinceMs, steadyMoment, untilMs } from '../../ui/moment.ts';
import { type Condition, conditionOf } from './condition.ts';

/** What the pane knows of the locks that are held or waited for, and which one the operator looks at. */
export type Lock = {
  readonly name: string;
  /** What the holder wrote there. */
  readonly token: string;
  readonly isHeld: boolean;
  /** `host:pid`, `(foreign)`, `nobody`. */
  readonly owner: string;
  readonly label: string;
  readonly fence: number | undefined;
  /** Epoch ms of when it was taken or, for another program's, when we first saw it. */
  readonly heldSinceMs: number | undefined;
  /** Epoch ms of when its lease ends; undefined: it never does. */
  readonly endsAtMs: number | undefined;
  /** The most that was ever left to this holder: what a full bar means. */
  readonly fullMs: number;
  readonly waiting: number;
  readonly waiters: readonly Waiter[];
};

export type Waiter = { readonly place: string; readonly label: string; readonly sinceMs: number };

export type LockSlice = {
  /** Those waited for first, each group by name. */
  readonly locks: readonly Lock[];
  /** How many names the index holds; undefined before the first reading. */
  readonly known: number | undefined;
  /** How many of them were looked at for `locks`. */
  readonly looked: number;
  /** What a look at all of them counted, where that is not the same; undefined before the first was finished. */
  readonly round: { readonly held: number; readonly waiting: number } | undefined;
  /** How many more than `locks` have no TTL and somebody waiting. */
  readonly moreEndless: number;
  /** Sentences about locks that cannot be read. */
  readonly wrong: readonly string[];
  readonly list: ListState;
};

export type Reading = {
  /** Of this console's clock. */
  readonly nowMs: number;
  readonly known: number;
  readonly looked: number;
  readonly round?: LockSlice['round'];
  readonly moreEndless?: number;
  readonly wrong: readonly string[];
  readonly locks: readonly Figures[];
};

type Figures = Omit<Lock, 'fullMs' | 'heldSinceMs' | 'endsAtMs' | 'waiters'> & {
  readonly heldMs: number | undefined;
  readonly ttlMs: number | undefined;
  readonly waiters: readonly { readonly place: string; readonly label: string; readonly waitedMs: number }[];
};

export const initial: LockSlice = {
  locks: [],
  known: undefined,
  looked: 0,
  round: undefined,
  moreEndless: 0,
  wrong: [],
  list: initialList,
};

export function isForeign({ owner }: Lock): boolean {
  return owner === '(foreign)';
}

/** Takes a reading in. The same slice if the reading tells nothing that would be painted differently. */
export function learn(slice: LockSlice, reading: Reading): LockSlice {
  const { nowMs, known, looked, round, moreEndless = 0, wrong, locks } = reading;
  const before = new Map(slice.locks.map((lock) => [lock.name, lock]));
  const next = locks.map(({ heldMs, ttlMs, waiters, ...lock }): Lock => {
    const same = before.get(lock.name)?.token === lock.token ? before.get(lock.name) : undefined;
    const sinceMs = heldMs === undefined ? (same?.heldSinceMs ?? nowMs) : nowMs - heldMs;
    return {
      ...lock,
      heldSinceMs: !lock.isHeld ? undefined : steadyMoment(same?.heldSinceMs, sinceMs),
      endsAtMs: ttlMs === undefined ? undefined : steadyMoment(same?.endsAtMs, nowMs + ttlMs),
      fullMs: Math.max(same?.fullMs ?? 0, ttlMs ?? 0),
      waiters: waiters.map(({ place, label, waitedMs }, index) => ({
        place,
        label,
        sinceMs: steadyMoment(before.get(lock.name)?.waiters[index]?.sinceMs, nowMs - waitedMs),
      })),
    };
  });
  const sorted = next.toSorted((a, b) => urgency(b) - urgency(a) || compareNames(a.name, b.name));
  const learned = { ...slice, locks: sorted, known, looked, round, moreEndless, wrong };
  return JSON.stringify(learned) === JSON.stringify(slice) ? slice : learned;
}

/** `12 held  3 waiting`; where not every name is shown, of how many: `300 of 1,500 names  1,212 held`. */
export function totals({ locks, known, looked, round }: LockSlice): string {
  if (known === undefined) return '';
  const isAll = looked >= known;
  const shownOf = isAll ? [] : [`${formatCount(looked)} of ${formatCount(known)} names`];
  const counts = isAll
    ? {
        held: locks.filter(({ isHeld }) => isHeld).length,
        waiting: locks.reduce((sum, { waiting }) => sum + waiting, 0),
      }
    : round;
  const held = counts ? [`${formatCount(counts.held)} held`] : [];
  const waiting = counts && counts.waiting > 0 ? [`${formatCount(counts.waiting)} waiting`] : [];
  return [...shownOf, ...held, ...waiting].join('  ');
}

export function stateOf({ isHeld, endsAtMs, waiting }: Lock): Condition {
  return conditionOf({ isHeld, isEndless: endsAtMs === undefined, waiting });
}

function urgency(lock: Lock): number {
  const isWaitedFor = lock.waiting > 0 ? 1 : 0;
  return (stateOf(lock) === 'no TTL' ? 2 : 0) + isWaitedFor;
}

export const lockList: List<LockSlice, Lock> = {
  rows: ({ locks }) => locks,
  id: ({ name }) => name,
  name: ({ name }) => name,
  texts: ({ name, owner, label }) => [name, owner, label],
  ties: (lock) => [
    lock.name,
    ...(lock.isHeld && !isForeign(lock) ? [lock.owner] : []),
    ...lock.waiters.map(({ place }) => place),
  ],
  total: ({ known = 0, looked, locks }) => (known > looked ? known : locks.length),
  columns: ['state', 'name', 'owner', 'label', 'held', 'bar', 'left', 'queue', 'fence'],
  units: { held: 'ms', left: 'ms' },
  fields: {
    state: stateOf,
    name: ({ name }) => name,
    owner: ({ owner }) => owner,
    label: ({ label }) => label,
    held: ({ heldSinceMs }, nowMs) => (heldSinceMs === undefined ? undefined : sinceMs(heldSinceMs, nowMs)),
    left: ({ endsAtMs }, nowMs) => (endsAtMs === undefined ? undefined : untilMs(endsAtMs, nowMs)),
    queue: ({ waiting }) => waiting,
    fence: ({ fence }) => fence,
  },
};
