import { setTimeout as wait } from 'node:timers/promises';

/** Doubles from `firstMs` to `mostMs`, with up to a fifth more at random, so that many processes do not try in step. */
export type Backoff = { readonly firstMs?: number; readonly mostMs?: number };

/** How long to wait before the attempt after `failures` (1 or more) failed ones. */
export function backoffMs(failures: number, { firstMs = 50, mostMs = 4000 }: Backoff = {}): number {
  const baseMs = Math.min(firstMs * 2 ** Math.min(failures - 1, 30), mostMs);
  return baseMs * (1 + Math.random() / 5);
}

/** Waits that long; resolves at once, without a rejection, when `signal` aborts. */
export async function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  await wait(delayMs, undefined, signal && { signal }).catch(() => {});
}
