/**
 * Moments, for what the clock moves: a slice keeps when something began or ends on this console's clock, and the pane
 * paints how far from now that is. So figures move by themselves between two readings.
 */

const jitterMs = 300;

/** A moment that was measured again: the one known already, unless they differ by more than a round trip does. */
export function steadyMoment(known: number | undefined, measured: number): number {
  return known !== undefined && Math.abs(measured - known) <= jitterMs ? known : measured;
}

/** How long until the moment, in whole tenths of a second at first, then in seconds; 0 once it has passed. */
export function untilMs(atMs: number, nowMs: number): number {
  return coarse(Math.max(0, atMs - nowMs));
}

/** How long since the moment, as coarse. */
export function sinceMs(atMs: number, nowMs: number): number {
  return coarse(Math.max(0, nowMs - atMs));
}

/** Coarser as it grows, so that what is old does not tick. */
function coarse(ms: number): number {
  const unit = ms < 10_000 ? 100 : ms < 3_600_000 ? 1000 : ms < 86_400_000 ? 60_000 : 3_600_000;
  return Math.floor(ms / unit) * unit;
}
