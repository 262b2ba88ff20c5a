/** What the pane knows of the locks that are held or waited for, and which one the operator looks at. */
export type Lock = {
  readonly name: string;
  /** Empty: free just now. */
  readonly token: string;
  /** `host:pid`, `(foreign)`, `nobody`. */
  readonly owner: string;
  readonly label: string;
  readonly fence: number | undefined;
  /** Since it was taken or, for another program's, since we first saw it. */
  readonly heldMs: number | undefined;
  /** Undefined: it has none. */
  readonly ttlMs: number | undefined;
  /** The most that was ever left to this holder: what a full bar means. */
  readonly fullMs: number;
  /** When we first saw this holder. */
  readonly seenAtMs: number;
  readonly waiting: number;
  readonly waiters: readonly Waiter[];
};

export type Waiter = { readonly place: string; readonly label: string; readonly waitedMs: number };

export type LockSlice = {
  /** Those waited for first, each group by name. */
  readonly locks: readonly Lock[];
  /** How many names the index holds; undefined before the first reading. */
  readonly known: number | undefined;
  /** Names under which lie another program's data. */
  readonly wrong: readonly string[];
  /** The name of the selected lock; undefined: the first. */
  readonly selected: string | undefined;
  readonly filter: string;
};

export type Reading = {
  readonly nowMs: number;
  readonly known: number;
  readonly wrong: readonly string[];
  readonly locks: readonly Omit<Lock, 'fullMs' | 'seenAtMs'>[];
};

export const initial: LockSlice = {
  locks: [],
  known: undefined,
  wrong: [],
  selected: undefined,
  filter: '',
};

export function isForeign({ owner }: Lock): boolean {
  return owner === '(foreign)';
}

/** Takes a reading in. The same slice if the reading tells nothing that would be painted differently. */
export function learn(slice: LockSlice, { nowMs, known, wrong, locks }: Reading): LockSlice {
  const before = new Map(slice.locks.map((lock) => [lock.name, lock]));
  const next = locks.map((lock): Lock => {
    const same = before.get(lock.name)?.token === lock.token ? before.get(lock.name) : undefined;
    const seenAtMs = same?.seenAtMs ?? nowMs;
    return {
      ...lock,
      seenAtMs,
      heldMs: lock.token === '' ? undefined : coarse(lock.heldMs ?? nowMs - seenAtMs),
      ttlMs: lock.ttlMs === undefined ? undefined : coarse(lock.ttlMs),
      fullMs: Math.max(same?.fullMs ?? 0, lock.ttlMs ?? 0),
      waiters: lock.waiters.map((waiter) => ({ ...waiter, waitedMs: coarse(waiter.waitedMs) })),
    };
  });
  const sorted = next.toSorted(
    (a, b) => Number(b.waiting > 0) - Number(a.waiting > 0) || compare(a.name, b.name),
  );
  const learned = { ...slice, locks: sorted, known, wrong };
  return JSON.stringify(learned) === JSON.stringify(slice) ? slice : learned;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** What is painted changes ten times a second at most at first, and then once. */
function coarse(ms: number): number {
  return ms < 10_000 ? Math.floor(ms / 100) * 100 : Math.floor(ms / 1000) * 1000;
}

/** The locks that the filter lets through. */
export function shown({ locks, filter }: LockSlice): readonly Lock[] {
  const wanted = filter.toLowerCase();
  return locks.filter(({ name, owner, label }) =>
    [name, owner, label].some((text) => text.toLowerCase().includes(wanted)),
  );
}

export function selectedIndex(slice: LockSlice): number {
  return Math.max(
    0,
    shown(slice).findIndex(({ name }) => name === slice.selected),
  );
}

export function selectedLock(slice: LockSlice): Lock | undefined {
  return shown(slice)[selectedIndex(slice)];
}

export function move(slice: LockSlice, by: number): LockSlice {
  const locks = shown(slice);
  const to = Math.max(0, Math.min(locks.length - 1, selectedIndex(slice) + by));
  const selected = locks[to]?.name;
  return selected === undefined || selected === slice.selected ? slice : { ...slice, selected };
}

export function filterBy(slice: LockSlice, filter: string): LockSlice {
  return slice.filter === filter ? slice : { ...slice, filter };
}
