/** What the pane knows of the targets, and which of them the operator looks at. */
export type Target = {
  readonly channel: string;
  readonly base: string;
  readonly target: string;
  readonly state: string;
  readonly queued: number;
  readonly failed: number;
  readonly refused: number;
  readonly synced: number;
  readonly missedByEvents: number;
  readonly lastFiles: number;
  readonly lastBytes: number;
  /** Epoch ms. */
  readonly lastBatchAt: number | null;
  readonly lastFullAt: number | null;
  readonly error: string | null;
};

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

/** In one word: how it goes. */
export function conditionOf({
  state,
  error,
  queued,
  failed,
}: Target): 'live' | 'RETRYING' | 'DOWN' | 'idle' | 'FAILING' {
  // Whatever went wrong last: without a process nothing is tried again.
  if (state !== 'live') return queued > 0 || error !== null ? 'DOWN' : 'idle';
  if (error !== null) return 'RETRYING';
  return failed > 0 ? 'FAILING' : 'live';
}
