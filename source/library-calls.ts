import { setTimeout as wait } from 'node:timers/promises';
import type { Call, Reporting, Warning, Watched } from './library-types.ts';
import { requireWholes, timerRange } from './values.ts';

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

/**
 * A list, and then the same each time it has changed; ends when the signal aborts. Throws what the list throws. What
 * one reading warns of and the reading before had warned of as well is not reported again.
 */
export async function* watched<Status>(
  list: (call: Reporting) => Promise<Status[]>,
  { signal, intervalMs = watchEveryMs, onEvent }: Watched,
): AsyncGenerator<Status[], void, undefined> {
  requireWholes({ intervalMs }, timerRange);
  let before: string | undefined;
  let reported = new Set<string>();
  while (!signal?.aborted) {
    const warnings: Warning[] = [];
    const reporting = onEvent ? { onEvent: (event: Warning) => warnings.push(event) } : {};
    const statuses = await list(reporting).catch((error: unknown) => {
      if (signal?.aborted) return undefined;
      throw error;
    });
    if (statuses === undefined || signal?.aborted) return;
    for (const warning of warnings) if (!reported.has(warning.error.message)) onEvent?.(warning);
    reported = new Set(warnings.map(({ error }) => error.message));
    const now = JSON.stringify(statuses);
    if (now !== before) yield statuses;
    before = now;
    await wait(intervalMs, undefined, signal ? { signal } : {}).catch(() => {});
  }
}
