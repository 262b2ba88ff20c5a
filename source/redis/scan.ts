import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';

/**
 * SCAN as an async iterator of batches, rate-bound: at most `perSecond` calls a second, so that looking for what
 * others wrote never weighs on a busy server. Keys may come twice, as SCAN says.
 */
export async function* scan(
  redis: Redis,
  {
    match,
    type,
    count = 500,
    perSecond = 10,
    signal,
  }: { match?: string; type?: string; count?: number; perSecond?: number; signal?: AbortSignal } = {},
): AsyncGenerator<readonly string[]> {
  let cursor = '0';
  do {
    signal?.throwIfAborted();
    const startedAtMs = performance.now();
    const words = [
      ...(match === undefined ? [] : ['MATCH', match]),
      ...(type === undefined ? [] : ['TYPE', type]),
    ];
    const reply = await redis.call('SCAN', cursor, ...words, 'COUNT', count);
    const [next, keys] = reply as [string, string[]];
    cursor = next;
    if (keys.length > 0) yield keys;
    const restMs = 1000 / perSecond - (performance.now() - startedAtMs);
    if (cursor !== '0' && restMs > 0) await wait(restMs);
  } while (cursor !== '0');
}
