import type { Client } from '../../redis/client.ts';
import { listed } from '../../redis/registry.ts';
import { namesCutTexts } from '../../ui/format.ts';
import { UnknownNameError } from '../../unknown-name.ts';
import { isOwnType } from './keys.ts';
import type { Pending } from './pending.ts';

/** @throws {UnknownNameError} when nobody ever counted in this buffer */
export async function assertKnown(
  redis: Client,
  { type, ids, inflight, aside: refused, status }: Pending,
): Promise<void> {
  if (ids + inflight.ids + refused.ids > 0 || inflight.batch !== undefined || status) return;
  const known = await allTypes(redis);
  if (known.includes(type)) return;
  throw new UnknownNameError('buffer', 'buffer', type, known, { listedBy: 'buffer pending' });
}

/** Every type in the index and every one given, but those whose names only look like one. */
export async function allTypes(
  redis: Client,
  more: readonly string[] = [],
  warn: (message: string) => void = () => {},
): Promise<string[]> {
  const known = await listed(redis, 'buffer');
  for (const text of namesCutTexts(known)) warn(text);
  return [...new Set([...known.names, ...more])].filter((type) => isOwnType(type, redis)).sort();
}
