import type { Client } from './client.ts';
import { singleKey } from './keys.ts';
import { retryAborted } from './retry-aborted.ts';

/**
 * A small index of what exists, so that the console finds every long-lived thing without scanning.
 *
 * One ZSET a family, `quarterdeck:<family>`: member = name as the user says it, score = epoch ms when it was last
 * registered. It is derived data: losing it loses nothing, and the next use of each thing registers it again.
 */

const refreshMs = 60_000;
const lastRegistered = new WeakMap<Client, Map<string, number>>();

/**
 * Registers a name, at most once a minute for each client; free on the other calls. `isNew` asks Redis in any case:
 * for acts that make the thing, which another process may have taken out of the index meanwhile.
 */
export async function register(
  client: Client,
  family: string,
  name: string,
  { isNew = false }: { readonly isNew?: boolean } = {},
): Promise<void> {
  const memory = lastRegistered.get(client) ?? new Map<string, number>();
  lastRegistered.set(client, memory);
  const id = `${family}\0${name}`;
  const now = Date.now();
  if (!isNew && now - (memory.get(id) ?? 0) < refreshMs) return;
  // A process may meet very many names (one limiter a user): forget rather than grow.
  if (memory.size > 10_000) memory.clear();
  memory.set(id, now);
  try {
    await retryAborted(() => client.zadd(registryKey(family), now, name));
  } catch (error) {
    memory.delete(id);
    throw error;
  }
}

/** The names of one family, most recently registered first; at most `limit` of them. */
export function registered(client: Client, family: string, limit = 1000): Promise<string[]> {
  return retryAborted(() => client.zrevrange(registryKey(family), 0, limit - 1));
}

/** Takes names out of the index, once what they named is gone. */
export async function unregister(client: Client, family: string, ...names: string[]): Promise<void> {
  const memory = lastRegistered.get(client);
  for (const name of names) memory?.delete(`${family}\0${name}`);
  if (names.length > 0) await retryAborted(() => client.zrem(registryKey(family), ...names));
}

export function registryKey(family: string): string {
  return singleKey('quarterdeck:', family);
}
