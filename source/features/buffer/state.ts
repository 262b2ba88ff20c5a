import { compareNames } from '../../compare-names.ts';
import type { Severity } from '../../need.ts';
import { chosenRow, initialList, type List, type ListState } from '../../ui/list.ts';
import { sinceMs, steadyMoment } from '../../ui/moment.ts';
import type { Foreign, Pending } from './pending.ts';
import type { Status } from './status.ts';

/** What the console knows about write buffers: figures as of the last reading, and where the operator looks. */
export type BufferSlice = {
  /** Those that need a human first, then by what waits. */
  readonly types: readonly BufferRow[];
  /** How many types there are; undefined before the first reading. */
  readonly total: number | undefined;
  /** Whether those in trouble of all types are among `types`. */
  readonly isWhole: boolean;
  /** How many more than `types` need a human. */
  readonly moreTroubled: number;
  readonly list: ListState;
};

export type BufferRow = {
  readonly type: string;
  /** The keys belong to something else; nothing more is known. */
  readonly error?: string;
  readonly ids: number;
  readonly total: number;
  /** False: the totals are estimates, and already rounded. */
  readonly isExact: boolean;
  readonly inflight:
    | {
        readonly ids: number;
        readonly total: number;
        /** It was taken so long ago that its flush has ended without finishing. */
        readonly isStuck?: boolean;
      }
    | undefined;
  /** What SQL refuses. */
  readonly aside: { readonly ids: number; readonly total: number } | undefined;
  /** Epoch ms of this console's clock since when the oldest count waits. */
  readonly oldestAtMs: number | undefined;
  readonly last: LastBatch | undefined;
  readonly failure: Failure | undefined;
  readonly flusher:
    | { readonly everyMs: number; readonly isSilent: boolean; readonly seenMs: number }
    | undefined;
  readonly target: Destination | undefined;
};

export type LastBatch = NonNullable<Status['last']>;
export type Destination = NonNullable<Status['target']>;

export type Failure = {
  readonly attempts: number;
  readonly message: string;
  readonly sinceMs: number;
  /** Epoch ms of this console's clock; undefined: nobody tries again. */
  readonly retryAtMs: number | undefined;
};

/** What a reading tells about one type, in the figures of the server. */
export type Reading = Pending;

/** A flusher that missed its time by this much has gone. */
const silentAfterMs = 15_000;
/** What waits longer than this, and longer than three of its flusher's intervals, needs a human. */
const oldAfterMs = 600_000;

export const initialSlice: BufferSlice = {
  types: [],
  total: undefined,
  isWhole: false,
  moreTroubled: 0,
  list: initialList,
};

/** Takes a reading in; the same slice if nothing changed that is shown. */
export function learn(
  slice: BufferSlice,
  readings: readonly (Reading | Foreign)[],
  /** Of this console's clock, when they came. */
  nowMs: number,
  {
    total = readings.length,
    isWhole = true,
    moreTroubled = 0,
  }: Partial<Pick<BufferSlice, 'total' | 'isWhole' | 'moreTroubled'>> = {},
): BufferSlice {
  const known = new Map(slice.types.map((row) => [row.type, row]));
  const types = readings.map((reading) =>
    'error' in reading ? foreign(reading) : rowOf(reading, known.get(reading.type), nowMs),
  );
  types.sort((one, other) => urgency(other) - urgency(one) || compareNames(one.type, other.type));
  const isSame =
    total === slice.total &&
    isWhole === slice.isWhole &&
    moreTroubled === slice.moreTroubled &&
    JSON.stringify(types) === JSON.stringify(slice.types);
  return isSame ? slice : { ...slice, types, total, isWhole, moreTroubled };
}

export function selectedRow(slice: BufferSlice): BufferRow | undefined {
  return chosenRow(bufferList, slice);
}

/**
 * How it stands with a type, in a word: pane, `condition` in JSON and alerts say the same.
 *
 * - `foreign`: its keys hold something else
 * - `failed`: the last flush failed, and nobody tries again
 * - `retrying`: it failed, and is tried again
 * - `silent`: its flusher has not been heard of
 * - `stuck`: a flush took a batch long ago and never finished
 * - `flushing`: a batch is on its way
 * - `old`: counts wait for longer than they should
 * - `waiting`: counts wait for the next flush
 * - `aside`: all is in SQL but what is set aside
 * - `flushed`: all is in SQL
 */
export const bufferStates = [
  'foreign',
  'failed',
  'retrying',
  'silent',
  'stuck',
  'flushing',
  'old',
  'waiting',
  'aside',
  'flushed',
] as const;
export type BufferState = (typeof bufferStates)[number];

/** Those that need somebody. What is aside does in every state. */
export const severities: Partial<Record<BufferState, Severity>> = {
  foreign: 'bad',
  failed: 'bad',
  retrying: 'bad',
  silent: 'bad',
  stuck: 'bad',
  old: 'warn',
  aside: 'warn',
};

export function stateOf(row: BufferRow, nowMs: number): BufferState {
  const { error, failure, flusher, inflight, ids, aside } = row;
  if (error !== undefined) return 'foreign';
  if (failure) return failure.retryAtMs === undefined ? 'failed' : 'retrying';
  if (flusher?.isSilent) return 'silent';
  if (inflight) return inflight.isStuck === true ? 'stuck' : 'flushing';
  if (isOld(row, nowMs)) return 'old';
  if (ids > 0) return 'waiting';
  return aside ? 'aside' : 'flushed';
}

export const bufferList: List<BufferSlice, BufferRow> = {
  rows: ({ types }) => types,
  id: ({ type }) => type,
  name: ({ type }) => type,
  total: ({ total }) => total,
  columns: ['state', 'type', 'ids', 'pending', 'in flight', 'aside', 'oldest', 'last batch', 'and'],
  units: { oldest: 'ms', last: 'at' },
  fields: {
    state: stateOf,
    type: ({ type }) => type,
    ids: ({ ids }) => ids,
    pending: ({ total }) => total,
    inflight: ({ inflight }) => inflight?.total,
    aside: ({ aside }) => aside?.ids,
    oldest: ({ oldestAtMs }, nowMs) => (oldestAtMs === undefined ? undefined : sinceMs(oldestAtMs, nowMs)),
    last: ({ last }) => last?.atMs,
  },
};

/** Whether what was read of a type needs somebody, whatever is known of it besides. */
export function isTroubled(reading: Reading | Foreign): boolean {
  if ('error' in reading) return true;
  const row = rowOf(reading, undefined, reading.nowMs);
  return row.aside !== undefined || severities[stateOf(row, reading.nowMs)] !== undefined;
}

export function isOld({ oldestAtMs, flusher }: BufferRow, nowMs: number): boolean {
  if (oldestAtMs === undefined) return false;
  return nowMs - oldestAtMs > lateAfterMs(flusher);
}

function lateAfterMs(flusher: { readonly everyMs: number } | undefined): number {
  return Math.max(oldAfterMs, 3 * (flusher?.everyMs ?? 0));
}

/** One type as the pane knows it; `hereMs` is this console's clock. */
export function rowOf(
  { type, nowMs, ids, total, isExact, inflight, aside, oldestMs, status = {} }: Reading,
  known: BufferRow | undefined,
  hereMs: number,
): BufferRow {
  const { last, failure, flusher, target } = status;
  const isStuck = inflight.claimedMs !== undefined && nowMs - inflight.claimedMs > lateAfterMs(flusher);
  return {
    type,
    ids,
    total: isExact ? total : roughly(total),
    isExact,
    inflight:
      inflight.batch === undefined
        ? undefined
        : {
            ids: inflight.ids,
            total: isExact ? inflight.total : roughly(inflight.total),
            ...(isStuck && { isStuck }),
          },
    aside:
      aside.ids === 0 ? undefined : { ids: aside.ids, total: isExact ? aside.total : roughly(aside.total) },
    oldestAtMs:
      oldestMs === undefined
        ? undefined
        : steadyMoment(known?.oldestAtMs, hereMs - Math.max(0, nowMs - oldestMs)),
    last,
    failure: failure && {
      attempts: failure.attempts,
      message: failure.message,
      sinceMs: failure.sinceMs,
      retryAtMs: retryAt(failure.retryAtMs, nowMs, known?.failure?.retryAtMs, hereMs),
    },
    flusher: flusher && {
      everyMs: flusher.everyMs,
      isSilent:
        nowMs - flusher.seenMs > flusher.everyMs + silentAfterMs && !isAwaited(failure?.retryAtMs, nowMs),
      seenMs: flusher.seenMs,
    },
    target,
  };
}

/** Past its time by more than a little, nobody is going to. */
function retryAt(
  retryAtMs: number | null,
  nowMs: number,
  known: number | undefined,
  hereMs: number,
): number | undefined {
  if (retryAtMs === null || !isAwaited(retryAtMs, nowMs)) return;
  return steadyMoment(known, hereMs + retryAtMs - nowMs);
}

function isAwaited(retryAtMs: number | null | undefined, nowMs: number): boolean {
  return typeof retryAtMs === 'number' && nowMs - retryAtMs < 2 * silentAfterMs;
}

/** Two digits: the estimate is not better, and a steady figure does not flicker. */
function roughly(total: number): number {
  return Number(total.toPrecision(2));
}

function foreign({ type, error }: Foreign): BufferRow {
  return {
    type,
    error,
    ids: 0,
    total: 0,
    isExact: true,
    inflight: undefined,
    aside: undefined,
    oldestAtMs: undefined,
    last: undefined,
    failure: undefined,
    flusher: undefined,
    target: undefined,
  };
}

function urgency(row: BufferRow): number {
  if (row.error !== undefined || row.failure || row.flusher?.isSilent || row.inflight?.isStuck) return 3;
  if (row.aside) return 2;
  return row.ids > 0 || row.inflight ? 1 : 0;
}
