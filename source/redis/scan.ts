import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type Client, masters } from './client.ts';

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

/**
 * Keys of every server of a cluster, or of the one, whose names fit, a batch at a time with their types. As slow as
 * `scan`, and one pipeline more for each batch in which something fits.
 */
export async function* typedKeys(
  client: Client,
  { match, fits, signal }: { match: string; fits: (key: string) => boolean; signal?: AbortSignal },
): AsyncGenerator<readonly { readonly key: string; readonly type: string }[]> {
  for (const server of await masters(client)) {
    for await (const keys of scan(server, { match, ...(signal && { signal }) })) {
      const fitting = [...new Set(keys)].filter(fits);
      if (fitting.length === 0) continue;
      const pipeline = server.pipeline();
      for (const key of fitting) pipeline.type(key);
      const replies = (await pipeline.exec()) ?? [];
      // A key that expired meanwhile is `none`; one whose slot moves away is an error, and found on the other server.
      yield fitting.flatMap((key, index) => {
        const type = String(replies[index]?.[1] ?? 'none');
        return type === 'none' ? [] : [{ key, type }];
      });
    }
  }
}

/** What is said of keys that are named like something of ours and are not; undefined when there are none. */
export function passedOver(keys: readonly string[], what: string): string | undefined {
  const [first] = keys;
  if (first === undefined) return;
  const subject = keys.length === 1 ? '1 key is' : `${keys.length} keys are`;
  return `${subject} named like ${what} and cannot be read as such, passed over: ${first}${keys.length > 1 ? ', …' : ''}`;
}
