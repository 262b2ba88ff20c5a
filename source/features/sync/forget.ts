import { realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Client } from '../../redis/client.ts';
import { unregister } from '../../redis/registry.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { typed } from '../../redis/wrong-type.ts';
import { NoSubscriberError } from '../topic/errors.ts';
import { dropSubscriber, openTopic } from '../topic/topic.ts';
import { NoTargetError } from './errors.ts';
import { requireTarget, syncKeys, targetName } from './keys.ts';
import { readRecord } from './record.ts';
import { isBaseOf } from './resume.ts';
import { Failures } from './runner/failures.ts';
import { type ServingOptions, serve } from './runner/target-lock.ts';

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
  openTopic(redis, channel);
  requireTarget(target);
  // The folder itself may be gone by now.
  const absolute = path.resolve(options.base);
  const real = await realpath(options.base).catch(() => absolute);
  await using _ = await serve(redis, { ...options, base: real });
  const record = await readRecord(redis, channel, target);
  // Another folder copied into the same target: what is remembered is about that one.
  const isOurs = record !== undefined && (await isBaseOf(record, options.base));
  const base = isOurs ? record.base : real;
  let freed: number | undefined;
  for (const name of new Set([base, absolute, real])) {
    const dropped = await dropSubscriber(redis, channel, targetName(name, target)).catch((error: unknown) => {
      if (error instanceof NoSubscriberError) return undefined;
      throw error;
    });
    if (dropped !== undefined) freed = (freed ?? 0) + dropped;
  }
  if (!isOurs && freed === undefined) throw new NoTargetError(channel, base, target);
  if (isOurs) {
    await new Failures(redis, channel, target).clear();
    const { targets, resumptions } = syncKeys(redis, channel);
    await typed(
      redis,
      { [targets]: 'hash' },
      retryAborted(() => redis.hdel(targets, target)),
    );
    await retryAborted(() => redis.hdel(resumptions, target));
    if ((await retryAborted(() => redis.exists(targets))) === 0) await unregister(redis, 'sync', channel);
  }
  return { base, freed: freed ?? 0 };
}
