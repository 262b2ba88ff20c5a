import type { Halt } from './record.ts';
import type { TargetStatus } from './status.ts';

/** What the pane knows of the targets, and which of them the operator looks at. */
export type Target = TargetStatus;

export type SyncSlice = {
  readonly targets: readonly Target[];
  readonly selected: number;
};

export const initial: SyncSlice = { targets: [], selected: 0 };

export function learn(slice: SyncSlice, targets: readonly Target[]): SyncSlice {
  if (JSON.stringify(targets) === JSON.stringify(slice.targets)) return slice;
  return { targets, selected: Math.min(slice.selected, Math.max(0, targets.length - 1)) };
}

export function select(slice: SyncSlice, step: number): SyncSlice {
  const selected = Math.max(0, Math.min(slice.targets.length - 1, slice.selected + step));
  return selected === slice.selected ? slice : { ...slice, selected };
}

export type Condition = 'live' | 'idle' | 'down' | 'halted' | 'retrying' | 'failing';

/**
 * In one word: how it goes.
 *
 * - `halted`: something would be removed that an operator has to allow first, or the base is not the one it was
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
  return condition === 'live' || condition === 'idle' ? condition : condition.toUpperCase();
}

/** What `sync resume` is to be given for this halt. */
export function resumeFlags({ reason, would }: Halt): string {
  return reason === 'base-replaced' ? '--adopt' : `--deletes ${would}`;
}
