import { setTimeout as wait } from 'node:timers/promises';
import type { Call, Watched } from './library-types.ts';

/**
 * Runs a call that may be cancelled: it rejects with `signal.reason` at once. What was already sent may still take
 * effect, as with any lost reply.
 */
export async function cancellable<Value>({ signal }: Call, run: () => Promise<Value>): Promise<Value> {
  if (!signal) return await run();
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([run(), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

const watchEveryMs = 1000;

/** A list, and then the same each time it has changed; ends when the signal aborts. Throws what the list throws. */
export async function* watched<Status>(
  list: (call: Call) => Promise<Status[]>,
  { signal, intervalMs = watchEveryMs }: Watched,
): AsyncGenerator<Status[], void, undefined> {
  let before: string | undefined;
  while (!signal?.aborted) {
    const statuses = await list({}).catch((error: unknown) => {
      if (signal?.aborted) return undefined;
      throw error;
    });
    if (statuses === undefined || signal?.aborted) return;
    const now = JSON.stringify(statuses);
    if (now !== before) yield statuses;
    before = now;
    await wait(intervalMs, undefined, signal ? { signal } : {}).catch(() => {});
  }
}
