import { isDeepStrictEqual } from 'node:util';
import { compareNames } from '../../compare-names.ts';
import type { Need, Severity } from '../../need.ts';
import { counted, formatCount } from '../../ui/format.ts';
import { initialList, type List, type ListState } from '../../ui/list.ts';
import type { Halt } from './record.ts';
import type { TargetStatus } from './status.ts';

/** What the pane knows of the targets, and which of them the operator looks at. */
export type Target = TargetStatus;

export type SyncSlice = {
  /** Undefined before the first reading. */
  readonly targets: readonly Target[] | undefined;
  /** What cannot be shown, in sentences. */
  readonly wrong: readonly string[];
  /** How many there are of everything; undefined where `targets` are all. */
  readonly totals: Totals | undefined;
  /** What needs a human of targets that are not among `targets`. */
  readonly elsewhere: readonly Need[];
  readonly list: ListState;
};

/** What a look at every channel counts; `targets` is undefined before it was completed once. */
export type Totals = { readonly channels: number; readonly targets: number | undefined };

export type Reading = {
  readonly targets: readonly Target[];
  readonly wrong?: readonly string[];
  readonly totals?: Totals | undefined;
  readonly elsewhere?: readonly Need[];
};

export const initial: SyncSlice = {
  targets: undefined,
  wrong: [],
  totals: undefined,
  elsewhere: [],
  list: initialList,
};

export function learn(slice: SyncSlice, { targets, wrong = [], totals, elsewhere = [] }: Reading): SyncSlice {
  const next = { ...slice, targets, wrong, totals, elsewhere };
  return isDeepStrictEqual(next, slice) ? slice : next;
}

export const conditions = ['live', 'idle', 'down', 'halted', 'retrying', 'failing'] as const;
export type Condition = (typeof conditions)[number];

/** Those that need somebody. */
export const severities: Partial<Record<Condition, Severity>> = {
  halted: 'bad',
  down: 'bad',
  retrying: 'bad',
  failing: 'warn',
};

/**
 * In one word: how it goes.
 *
 * - `halted`: something would be removed that an operator has to allow first, the base is not the one it was, or the target
 *   lacks its marker
 * - `down`: nobody serves it, and something waits or went wrong
 * - `idle`: nobody serves it, and nothing waits
 * - `retrying`: nothing can be copied just now, and it is tried again
 * - `failing`: single paths could not be copied, and are tried again
 */
export function conditionOf({
  state,
  error,
  queued,
  failed,
  halted,
}: Pick<Target, 'state' | 'error' | 'queued' | 'failed'> & { readonly halted: unknown }): Condition {
  if (halted !== null) return 'halted';
  // Whatever went wrong last: without a process nothing is tried again.
  if (state !== 'live') return queued > 0 || error !== null ? 'down' : 'idle';
  if (error !== null) return 'retrying';
  return failed > 0 ? 'failing' : 'live';
}

/** As panes show it: in capitals where it needs somebody. */
export function conditionText(condition: Condition): string {
  return severities[condition] === undefined ? condition : condition.toUpperCase();
}

/** What `sync resume` is to be given for this halt; undefined for one that only the target itself ends. */
export function resumeFlags({ reason, would }: Halt): string | undefined {
  if (reason === 'target-missing') return;
  return reason === 'base-replaced' ? '--adopt' : `--deletes ${would}`;
}

const urgencies: Readonly<Record<Condition, number>> = {
  halted: 5,
  down: 4,
  retrying: 3,
  failing: 2,
  live: 1,
  idle: 0,
};

/** Of how many channels the targets are. */
export function channelsOf(targets: readonly Target[], { channels }: Totals): string {
  const shown = new Set(targets.map(({ channel }) => channel)).size;
  return `${formatCount(shown)} of ${counted(channels, 'channel')}`;
}

export const syncList: List<SyncSlice, Target> = {
  rows: ({ targets = [] }) =>
    targets.toSorted(
      (a, b) => urgencies[b.condition] - urgencies[a.condition] || compareNames(a.target, b.target),
    ),
  id: ({ channel, base, target }) => JSON.stringify([channel, base, target]),
  name: ({ target }) => target,
  texts: ({ channel, base, target }) => [target, base, channel],
  part: ({ totals, targets = [] }) => totals && channelsOf(targets, totals),
  total: ({ totals, targets = [] }) => totals && Math.max(totals.targets ?? 0, targets.length),
  ties: ({ channel, base, target }) => [target, base, channel],
  columns: ['state', 'target', 'queued', 'synced', 'failed', 'missed', 'from', 'channel'],
  fields: {
    state: ({ condition }) => condition,
    target: ({ target }) => target,
    queued: ({ queued }) => queued,
    synced: ({ synced }) => synced,
    failed: ({ failed }) => failed,
    missed: ({ missedByEvents }) => missedByEvents,
    from: ({ base }) => base,
    channel: ({ channel }) => channel,
  },
};
