import type { Client } from '../../redis/client.ts';
import { requireKeyName } from '../../redis/keys.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { typed } from '../../redis/wrong-type.ts';
import { requireText } from '../../values.ts';
import { assertTtl } from './errors.ts';
import { extendTtl, giveUp, type LockKeys, lockKeys, lockMistake } from './holder/scripts.ts';

/** What anybody may do who knows a lock's token, such as a command that was given `LOCK_TOKEN`. */

/**
 * Lets the token's holder hold for another TTL from now. Undefined: the token does not hold the lock.
 * @throws {LockTtlError} for a TTL under 100 ms
 */
export async function extend(
  redis: Client,
  name: string,
  token: string,
  ttlMs: number,
): Promise<{ readonly fence: number } | undefined> {
  requireLock(redis, name, token);
  assertTtl(ttlMs);
  const fence = await extendTtl(redis, lockKeys(redis, name), token, ttlMs);
  return fence > 0 ? { fence } : undefined;
}

/** Frees the lock and hands it to the next in line. False: the token did not hold it. */
export async function release(redis: Client, name: string, token: string): Promise<boolean> {
  requireLock(redis, name, token);
  return (await giveUp(redis, lockKeys(redis, name), token)).wasHeld;
}

/**
 * Takes the lock from whoever holds it, our program or another, and hands it to the next in line. The holder finds
 * out when it renews; until then both may believe to hold it, and only the fence tells them apart.
 * @param token breaks only this holder's lock; without it, whoever's it is
 * @returns the token it was taken from; undefined if nobody (or another than `token`) held it
 */
export async function breakLock(redis: Client, name: string, token?: string): Promise<string | undefined> {
  requireLock(redis, name, token ?? '');
  const keys = lockKeys(redis, name);
  const holder = token ?? (await holderOf(redis, keys));
  if (holder === undefined) return;
  if (await release(redis, name, holder)) return holder;
  // It changed hands between looking and breaking.
  return token === undefined ? await breakLock(redis, name) : undefined;
}

function requireLock(redis: Client, name: string, token: string): void {
  requireKeyName(redis, name, lockMistake);
  requireText('token', token);
}

/** The token, or so much of a longer one as tells it from others. */
async function holderOf(redis: Client, { lock, types }: LockKeys): Promise<string | undefined> {
  const [token, isHeld] = await Promise.all([
    typed(
      redis,
      types,
      retryAborted(() => redis.getrange(lock, 0, 2047)),
    ),
    retryAborted(() => redis.exists(lock)),
  ]);
  return isHeld === 1 ? token : undefined;
}
