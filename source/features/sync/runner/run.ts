import path from 'node:path';
import { messageOf } from '../../../errors.ts';
import { backoffMs, pause } from '../../../redis/backoff.ts';
import type { Client } from '../../../redis/client.ts';
import { isPassing, type RefusalEpisode, rideOut } from '../../../redis/refusals.ts';
import { requireText } from '../../../values.ts';
import { LockLostError } from '../../lock/errors.ts';
import type { Held } from '../../lock/lock.ts';
import { SubscriberDroppedError, SubscriberLeaseLostError } from '../../topic/errors.ts';
import { openTopic } from '../../topic/topic.ts';
import { folderAt, isNested } from '../copy/base.ts';
import { NestedError } from '../errors.ts';
import { requireTarget } from '../keys.ts';
import { type RunnerOptions, requireTargetMarker } from '../options.ts';
import { Runner } from './runner.ts';
import { serve } from './target-lock.ts';

/**
 * Keeps a target equal to a folder: changes come by a durable topic, are gathered into batches, and copied by rsync.
 *
 * A message is acknowledged after rsync ended well with its path, or after the path was set aside among the failed,
 * which are tried again. Each target of a base is a subscriber of its own, served by one process at a time, by a lock.
 * What events missed (a watcher that overflowed, a message published while nobody kept it, a gap of retention) a full
 * comparison finds: at the start, after a gap, and every `fullEveryMs`, jittered from 3/4 to 5/4 of it. It reports how
 * much it found, because that says whether events can be relied on.
 *
 * Removing needs certainty. The base must be the folder that the target was filled from, by a marker in it, and the
 * number of files removed must stay under a ceiling; otherwise the target is halted until an operator says how to go on.
 * After Syncthing (marker), rclone bisync (ceiling) and Mutagen (halting).
 *
 * A server that is away, refuses writes for a while, or has forgotten everything does not end it: the lock and the
 * subscription are taken again, and everything is compared.
 *
 * Plain PUBLISH on the channel is taken in too, as programs without our topic send it; such a message is lost while no
 * runner listens.
 *
 * Not promised: a consistent state of several files at one moment, or anything when two bases write to one target.
 *
 * Runs until `signal` is aborted, and then rejects with its reason.
 * @throws {BaseError | NestedError | RsyncMissingError | TargetInUseError | TargetRefusedError | SubscriberDroppedError}
 * @throws {RefusedError} when the server refused what it needs for longer than `timeoutMs`
 */
export async function runSync(redis: Client, options: RunnerOptions): Promise<void> {
  const { target, signal, timeoutMs = Number.POSITIVE_INFINITY, onTrouble } = options;
  openTopic(redis, options.channel);
  requireTarget(target);
  requireText('base', options.base);
  requireTargetMarker(options.targetMarker);
  const real = await folderAt(options.base);
  if (await isNested(real, target)) throw new NestedError(real, target);
  let failures = 0;
  let failingSinceMs: number | undefined;
  /** What a runner was refused, the lock it lost by that, and taking that again: all have one timeout. */
  const episode: RefusalEpisode = { sinceMs: undefined };
  for (;;) {
    const held = await rideOut(
      () =>
        serve(redis, { ...options, base: real, standby: options.standby || failures > 0, onWait: onTrouble }),
      { signal, timeoutMs, onWait: oncePerEpisode(onTrouble), episode },
    );
    // The lock was written: the server takes writes again.
    episode.sinceMs = undefined;
    const runner = new Runner(redis, { ...options, base: path.resolve(options.base) }, held.signal, episode);
    try {
      await runner.run();
      return;
    } catch (error) {
      const reason = signal.aborted ? undefined : await interruption(error, held, runner);
      if (reason === undefined) throw error;
      if (error instanceof LockLostError) episode.sinceMs ??= error.refusedSinceMs;
      if (runner.hasCompared) failingSinceMs = undefined;
      failures = runner.hasCompared ? 1 : failures + 1;
      failingSinceMs ??= performance.now();
      if (performance.now() - failingSinceMs > timeoutMs) throw error;
      onTrouble(`${reason}: taking up ${target} again, with a comparison of everything`);
    } finally {
      // Where the server does not take it back now, it ends by itself.
      await held.release().catch(() => {});
    }
    await pause(backoffMs(failures, { firstMs: 200, mostMs: 5000 }), signal);
    signal.throwIfAborted();
  }
}

/** What interrupted a runner that is to go on; undefined for what is to end it. */
async function interruption(error: unknown, held: Held, runner: Runner): Promise<string | undefined> {
  if (isPassing(error)) return `Redis refuses for now (${messageOf(error)})`;
  if (error instanceof SubscriberLeaseLostError) return `Another process took the place of its subscriber`;
  const isDropped = error instanceof SubscriberDroppedError;
  if (!isDropped && !(error instanceof LockLostError)) return;
  if (error instanceof LockLostError && error.refusedSinceMs !== undefined)
    return 'Its lock was lost while Redis refused to renew it';
  // An operator who drops a subscriber takes nothing else away; a server that has forgotten it has forgotten the lock.
  const isHeld = isDropped && (await rideOut(() => held.extend()));
  if (isHeld) return;
  if (isDropped || (await runner.isForgotten()))
    return 'Redis has forgotten everything (FLUSHALL, or a restart without its data)';
  return 'Its lock was lost while Redis did not answer, or was broken';
}

/** A refusal is reported when it begins, not at each attempt. */
function oncePerEpisode(onTrouble: (sentence: string) => void): (refusal: unknown, sinceMs: number) => void {
  return (refusal, sinceMs) => {
    if (sinceMs === 0) onTrouble(`Redis refuses for now (${messageOf(refusal)}): waiting`);
  };
}
