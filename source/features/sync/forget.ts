import { realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Client } from '../../redis/client.ts';
import { unregister } from '../../redis/registry.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { typed } from '../../redis/wrong-type.ts';
import { NoSubscriberError } from '../topic/errors.ts';
import { dropSubscriber } from '../topic/topic.ts';
import { NoTargetError } from './errors.ts';
import { syncKeys, targetName } from './keys.ts';
import { failuresOf } from './runner/failures.ts';
import { type ServingOptions, serve } from './runner/target-lock.ts';
import { readRecord } from './status.ts';

/**
 * Forgets a target that nobody serves any more: what is queued for it and what failed there. What was copied stays at
 * the target. Cut short, it can be done again.
 * @returns how many change messages of the topic only it held back
 * @throws {TargetInUseError | NoTargetError | WrongTypeError}
 */
export async function forgetTarget(
  redis: Client,
  channel: string,
  options: Omit<ServingOptions, 'standby'>,
): Promise<{ readonly base: string; readonly freed: number }> {
  const { target } = options;
  // As its runner named it; the folder itself may be gone by now.
  const base = await realpath(options.base).catch(() => path.resolve(options.base));
  await using _ = await serve(redis, { ...options, base });
  const record = await readRecord(redis, channel, target);
  const freed = await dropSubscriber(redis, channel, targetName(base, target)).catch((error: unknown) => {
    if (error instanceof NoSubscriberError) return undefined;
    throw error;
  });
  // Another folder copied into the same target: what is remembered is about that one.
  const isOurs = record?.base === base;
  if (!isOurs && freed === undefined) throw new NoTargetError(channel, base, target);
  if (isOurs) {
    await failuresOf(redis, channel, target).clear();
    const { targets } = syncKeys(redis, channel);
    await typed(
      redis,
      { [targets]: 'hash' },
      retryAborted(() => redis.hdel(targets, target)),
    );
    if ((await retryAborted(() => redis.exists(targets))) === 0) await unregister(redis, 'sync', channel);
  }
  return { base, freed: freed ?? 0 };
}
