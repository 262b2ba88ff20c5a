import { setTimeout as wait } from 'node:timers/promises';

export const hourMs = 3_600_000;

/**
 * For tests of what counts by the hour, the UTC day or the minute, whose writes and looks must fall into one period:
 * so close to the end of one, they begin with the next. Servers of tests have this machine's clock.
 */
export async function awayFromTheEnd(periodMs: number, marginMs: number): Promise<void> {
  const leftMs = periodMs - (Date.now() % periodMs);
  if (leftMs < marginMs) await wait(leftMs + 1);
}
