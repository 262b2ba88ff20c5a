import { setTimeout as wait } from 'node:timers/promises';
import { QuarterdeckError } from '../../../errors.ts';
import { pause } from '../../../redis/backoff.ts';
import type { Client } from '../../../redis/client.ts';
import { isPassing, type RefusalEpisode } from '../../../redis/refusals.ts';
import { counted, formatDuration } from '../../../ui/format.ts';
import { Subscription } from '../../topic/subscriber/subscription.ts';
import { dropSubscriber, topicStatus } from '../../topic/topic.ts';
import { type Change, cutPath, type Refused } from '../change.ts';
import { type Copied, nothingCopied } from '../copy/copied.ts';
import { copyAll, copyBatch, type Removal } from '../copy/copy.ts';
import { hasTargetMarker, type Rsync, silentSeconds } from '../copy/execute.ts';
import { plan } from '../copy/plan.ts';
import { lost as lostAttributes } from '../copy/preservation.ts';
import {
  BeforeError,
  RsyncError,
  RsyncMissingError,
  TargetMarkerError,
  TargetRefusedError,
} from '../errors.ts';
import { targetName } from '../keys.ts';
import type { RunnerOptions } from '../options.ts';
import { cut, wantsFullScan } from '../pending.ts';
import type { Halt } from '../record.ts';
import { markerHint, missingMarker } from '../target-marker.ts';
import { lookAtBase } from './base-watch.ts';
import { FailedPaths } from './failed-paths.ts';
import { Inbox } from './inbox.ts';
import { MissedChanges } from './missed-changes.ts';
import { runBefore } from './pre-copy-hook.ts';
import { Removals } from './removals.ts';
import { longestBackoffMs } from './retries.ts';
import { TargetMemory } from './target-memory.ts';

/** How often a halted target looks whether it may go on. */
const haltedLookMs = 1000;

/**
 * Serves one target for as long as its lock is held. The order: look at the base, a batch, a full comparison when one is
 * due, then wait for changes.
 */
export class Runner {
  readonly #redis: Client;
  readonly #options: RunnerOptions;
  readonly #signal: AbortSignal;
  /** Aborted with what ended the subscription, such as that somebody dropped it. */
  readonly #deaf = new AbortController();
  readonly #inbox: Inbox;
  readonly #memory: TargetMemory;
  readonly #removals: Removals;
  readonly #failed: FailedPaths;
  #rsync: Rsync;
  #batches = 0;
  #fulls = 0;
  #needsFull = true;
  /** The server had lost the subscriber, which was registered again. */
  #wasForgotten = false;
  /** How long the last batch took. */
  #copyMs = 0;
  /** So many paths go into a batch: fewer after one that failed for a reason that may be one file's. */
  #batchFiles: number;

  /** @param options `base` is absolute; a symlink on the way to it is followed wherever it leads */
  constructor(redis: Client, options: RunnerOptions, held: AbortSignal, episode: RefusalEpisode) {
    const {
      base,
      target,
      targetMarker,
      batchFiles,
      signal,
      preserve = [],
      silentAfterMs,
      onTrouble,
    } = options;
    this.#redis = redis;
    this.#options = options;
    this.#signal = AbortSignal.any([signal, held, this.#deaf.signal]);
    this.#inbox = new Inbox(base, this.#signal);
    this.#rsync = {
      base,
      destination: target,
      signal: this.#signal,
      targetMarker,
      preserve,
      ...(silentAfterMs !== undefined && { silentAfterMs }),
      onSilent: (sinceMs) =>
        onTrouble(
          `rsync to ${target} has printed nothing for ${formatDuration(sinceMs)}: it copies something large, or the target does not answer; after ${silentSeconds} s without a byte it is tried again`,
        ),
    };
    this.#memory = new TargetMemory(redis, options, { signal: this.#signal, episode });
    this.#removals = new Removals(this.#memory, options, {
      areEndsSure: () => this.#areEndsSure(),
      needFull: () => {
        this.#needsFull = true;
      },
    });
    this.#failed = new FailedPaths(redis, this.#memory, options, (paths) => {
      if (!this.#signal.aborted) this.#inbox.add(paths.map((path) => ({ path, op: 'change' })));
    });
    this.#batchFiles = batchFiles;
  }

  /** Whether everything was compared at least once. */
  get hasCompared(): boolean {
    return this.#fulls > 0;
  }

  /** Whether the server has lost what this runner once wrote there. */
  async isForgotten(): Promise<boolean> {
    if (this.#wasForgotten) return true;
    if (!this.hasCompared) return false;
    const { channel, base, target } = this.#options;
    const { subscribers } = await this.#memory.ride(() => topicStatus(this.#redis, channel));
    return !subscribers.some(({ name }) => name === targetName(base, target));
  }

  async run(): Promise<void> {
    const { channel, base, target, listen, fullEveryMs, everyMs, batchFiles } = this.#options;
    await this.#memory.load();
    await this.#failed.load();
    this.#inbox.add(this.#failed.paths().map((path) => ({ path, op: 'change' })));
    await this.#untilDone('look at the base', async () => void (await this.#areEndsSure()));
    const subscription = await Subscription.open(this.#redis, channel, {
      as: targetName(base, target),
      from: 'now',
      standby: true,
      signal: this.#signal,
      listen,
      // Redis has lost changes, with the subscriber or without: only a comparison finds them.
      onTrouble: ({ code, message }) => {
        if (code === 'SUBSCRIBER_REGISTERED_AGAIN') this.#wasForgotten = true;
        if (code === 'SUBSCRIBER_REGISTERED_AGAIN' || code === 'MESSAGES_FORGOTTEN') this.#needsFull = true;
        this.#options.onTrouble(message);
      },
    });
    let stopHearing: (() => void) | undefined;
    let taking: Promise<void> | undefined;
    let fullAtMs = 0;
    try {
      stopHearing = await this.#inbox.hear(listen(), channel);
      await this.#inbox.catchUp(subscription);
      taking = this.#inbox.follow(subscription).catch((error: unknown) => this.#deaf.abort(error));
      while (!this.#signal.aborted) {
        await this.#untilDone('look for what an operator said', () => this.#removals.takeResumption());
        await this.#untilDone('batch', () => this.#batch(subscription));
        if (this.#inbox.takeGap()) this.#needsFull = true;
        if (this.#needsFull || performance.now() >= fullAtMs) {
          await this.#untilDone('full comparison', () => this.#full());
          if (!this.#needsFull) fullAtMs = performance.now() + fullEveryMs * (0.75 + Math.random() * 0.5);
        }
        if (isOfEnds(this.#memory.record.halted)) {
          await pause(haltedLookMs, this.#signal);
          continue;
        }
        const isWaiting = this.#memory.record.halted !== null || this.#needsFull;
        await this.#inbox.gathered({
          // What copying takes is part of the period, so that the first change of a batch arrives about `everyMs` later.
          everyMs: Math.max(everyMs - this.#copyMs, everyMs / 4),
          // A trickle of changes is not to keep rsync running for more than half of the time.
          quietMs: Math.max(this.#copyMs, everyMs / 8),
          mostPaths: batchFiles,
          untilMs: isWaiting ? performance.now() + haltedLookMs : fullAtMs,
        });
      }
    } finally {
      stopHearing?.();
      await subscription.close().catch(() => {});
      await taking;
    }
    this.#options.signal.throwIfAborted();
    this.#signal.throwIfAborted();
  }

  /** Whether both are what they were. */
  async #areEndsSure(): Promise<boolean> {
    return (await this.#isBaseSure()) && (await this.#isTargetSure());
  }

  /**
   * Looks whether the target holds its marker. While it does not, nothing at all is copied, and everything waits.
   * @throws {TargetMarkerError} about one that was never filled
   * @throws {RsyncError} where it cannot be found out
   */
  async #isTargetSure(): Promise<boolean> {
    const { target, targetMarker, onTrouble } = this.#options;
    const { halted, lastFullAt, known = 0 } = this.#memory.record;
    if (targetMarker === undefined || (await hasTargetMarker(this.#rsync))) {
      if (halted?.reason !== 'target-missing') return true;
      if (targetMarker !== undefined) onTrouble(`${target} holds its marker again: everything is compared`);
      this.#needsFull = true;
      await this.#memory.remember({ halted: null });
      return true;
    }
    if (lastFullAt === null) throw new TargetMarkerError(target, targetMarker);
    const message = `${missingMarker(target, targetMarker)}. ${markerHint(target, targetMarker)}`;
    const none = { would: 0, of: known, most: 0, sample: [] };
    await this.#removals.halt({ reason: 'target-missing', message, ...none });
    this.#needsFull = true;
    return false;
  }

  /**
   * Looks whether the base is the folder that the target was filled from. While it is not, nothing at all is copied, and
   * everything waits.
   * @throws {BaseError | NestedError}
   */
  async #isBaseSure(): Promise<boolean> {
    const { base, target, deletes, onTrouble } = this.#options;
    // Another folder that copied into this target led elsewhere of its own.
    const known =
      this.#memory.record.base === base ? this.#memory.record : { ...this.#memory.record, real: null };
    const looked = await lookAtBase(base, { target, deletes, known });
    if (looked.mismatch !== undefined) {
      const message = `${base} is not the folder that ${target} was filled from: ${looked.mismatch}. Nothing is copied or removed until it is back, or is taken for the base from now on`;
      await this.#removals.halt({
        reason: 'base-replaced',
        message,
        would: 0,
        of: known.known ?? 0,
        most: 0,
        sample: [],
      });
      this.#needsFull = true;
      return false;
    }
    if (looked.switchedFrom !== undefined) {
      onTrouble(
        `${base} leads to ${looked.real} now, no longer to ${looked.switchedFrom}: everything is compared`,
      );
      this.#needsFull = true;
    }
    const { marker, place } = looked.identity;
    this.#rsync = { ...this.#rsync, base: looked.real, knownBase: deletes ? { marker, place } : undefined };
    this.#inbox.base = looked.real;
    if (this.#memory.record.base !== base) await this.#takeOver(looked.real);
    const isBack = this.#memory.record.halted?.reason === 'base-replaced';
    if (isBack)
      onTrouble(`${base} is the folder that ${target} was filled from again: everything is compared`);
    const news = { base, ...looked.identity, ...(isBack && { halted: null }) };
    const isNews =
      JSON.stringify({ ...this.#memory.record, ...news }) !== JSON.stringify(this.#memory.record);
    if (isNews) await this.#memory.remember(news);
    return true;
  }

  /** The subscriber was named by the real folder before, which another runner would hold back messages for. */
  async #takeOver(real: string): Promise<void> {
    const { channel, target } = this.#options;
    if (this.#memory.record.base !== real) return;
    await dropSubscriber(this.#redis, channel, targetName(real, target)).catch(() => {});
  }

  async #batch(subscription: Subscription): Promise<void> {
    const { onTrouble, everyMs, batchFiles, batchBytes } = this.#options;
    if (!this.#inbox.isEmpty && !(await this.#areEndsSure())) return;
    const startedAtMs = performance.now();
    const taken = this.#inbox.takenId;
    let left: readonly Change[] = this.#inbox.takeChanges();
    const isEmpty = left.length === 0;
    try {
      if (isEmpty && this.#inbox.hasRefused) await this.#copy([]);
      while (left.length > 0) {
        const some = await nextPart(this.#rsync.base, left, { files: this.#batchFiles, bytes: batchBytes });
        try {
          await this.#copy(some);
          this.#batchFiles = Math.min(batchFiles, this.#batchFiles * 2);
        } catch (error) {
          if (!isOfItems(error)) throw error;
          if (some.length > 1) {
            this.#batchFiles = Math.ceil(some.length / 2);
            onTrouble(
              `The batch failed; the first ${this.#batchFiles} of ${some.length} paths are tried alone: ${error.message} (${error.code})`,
            );
            await pause(Math.min(everyMs, 1000), this.#signal);
            this.#signal.throwIfAborted();
            continue;
          }
          await this.#setAside(some, error);
        }
        left = left.slice(some.length);
      }
    } catch (error) {
      // What was reported meanwhile is newer: it stays as it is.
      this.#inbox.add(left.filter(({ path }) => !this.#inbox.pending.has(path)));
      throw error;
    }
    if (!isEmpty) this.#copyMs = performance.now() - startedAtMs;
    subscription.ack(taken);
  }

  /** One path fails whatever it is copied with: it is not to hold up the others. */
  async #setAside(changes: readonly Change[], error: QuarterdeckError): Promise<void> {
    const failed = changes.map(({ path }) => ({ path, reason: error.message }));
    await this.#finish(changes, { ...nothingCopied, failed }, performance.now(), []);
  }

  async #copy(changes: readonly Change[]): Promise<void> {
    const startedAtMs = performance.now();
    const { before, deletes } = this.#options;
    if (wantsFullScan(changes)) this.#needsFull = true;
    const { base } = this.#rsync;
    const named = changes.filter(({ path, op }) => path !== '' || op !== 'rescan');
    const todo = await plan(base, named);
    const isEmpty = todo.changed.size + todo.swept.length + todo.listed.length === 0;
    if (before !== undefined && !isEmpty) await runBefore(before, changes, { base, signal: this.#signal });
    const mayRemove =
      deletes && this.#memory.record.halted === null
        ? (some: Removal) => this.#removals.mayBatch(some)
        : undefined;
    const copied = isEmpty ? nothingCopied : await copyBatch(this.#rsync, todo, mayRemove);
    await this.#finish(changes, copied, startedAtMs, todo.refused);
  }

  async #finish(
    changes: readonly Change[],
    copied: Copied,
    startedAtMs: number,
    outside: readonly Refused[],
  ): Promise<void> {
    const refused = [...this.#inbox.takeRefused(), ...outside];
    for (const each of refused)
      this.#options.onTrouble(`Refused \`${cutPath(each.refused)}\`: ${each.reason}`);
    await this.#failed.note(
      changes.map(({ path }) => path),
      copied,
    );
    this.#batches += 1;
    const { known } = this.#memory.record;
    const now = known === undefined ? undefined : Math.max(0, known + copied.created - copied.deletedFiles);
    await this.#memory.remember({
      // A batch that found everything done already is no news.
      ...(copied.files + copied.deleted > 0 && {
        lastBatchAt: Date.now(),
        lastFiles: copied.files,
        lastBytes: copied.bytes,
      }),
      ...(known !== undefined && now !== undefined && this.#removals.counted(known, now)),
      synced: this.#memory.record.synced + copied.files,
      refused: this.#memory.record.refused + refused.length,
      error: null,
    });
    await this.#options.onEvent({
      batch: this.#batches,
      files: copied.files,
      bytes: copied.bytes,
      deleted: copied.deleted,
      failed: copied.failed.length,
      refused: refused.length,
      durationMs: Math.round(performance.now() - startedAtMs),
    });
  }

  async #full(): Promise<void> {
    const { deletes, onTrouble, everyMs } = this.#options;
    if (!(await this.#areEndsSure())) return;
    const startedAtMs = performance.now();
    this.#needsFull = false;
    const isFirst = this.#memory.record.lastFullAt === null;
    const missing = new MissedChanges(this.#inbox.pending);
    let counts: Removal['whole'];
    let copied: Copied & { readonly isRemoved: boolean };
    try {
      copied = await copyAll(this.#rsync, {
        mayRemove: deletes
          ? async (removal) => {
              counts = removal.whole;
              return await this.#removals.mayWhole(removal);
            }
          : undefined,
        ...(!isFirst && { onPath: (changed: string) => missing.note(changed) }),
      });
    } catch (error) {
      this.#needsFull = true;
      throw error;
    }
    // What changed while it ran was found by it and reported by an event, which may still be on its way.
    await wait(Math.min(everyMs, 500), undefined, { signal: this.#signal }).catch(() => {});
    const missed = missing.count();
    // What it did not complain of is as it should be.
    const named = copied.failed.filter(({ path }) => path !== undefined);
    await this.#failed.note(this.#failed.paths(), { ...copied, failed: named });
    for (const { reason } of copied.failed.filter(({ path }) => path === undefined))
      this.#failed.reportOnce(reason);
    if (copied.leftOut !== this.#memory.record.leftOut && copied.leftOut > 0)
      onTrouble(`Not copied, for they lead out of the base: ${counted(copied.leftOut, 'symlink')}`);
    this.#fulls += 1;
    const known = counts && Math.max(0, counts.atTarget + copied.created - copied.deletedFiles);
    await this.#memory.remember({
      lastFullAt: Date.now(),
      synced: this.#memory.record.synced + copied.files,
      missedByEvents: this.#memory.record.missedByEvents + missed,
      leftOut: copied.leftOut,
      ...(counts && known !== undefined && this.#removals.counted(counts.atTarget, known)),
      error: null,
    });
    await this.#options.onEvent({
      full: this.#fulls,
      files: copied.files,
      deleted: copied.deleted,
      failed: copied.failed.length,
      leftOut: copied.leftOut,
      missedByEvents: missed,
      durationMs: Math.round(performance.now() - startedAtMs),
    });
    if (this.#fulls === 1) await this.#lookForLost();
  }

  /** Says once what of the files is not kept at the target, unless it was asked for. */
  async #lookForLost(): Promise<void> {
    const { target, onTrouble } = this.#options;
    const notKept = await lostAttributes(this.#rsync).catch((error: unknown) => {
      if (error instanceof RsyncError) return null;
      throw error;
    });
    if (notKept !== null && notKept !== '')
      onTrouble(`Not kept at ${target}: ${notKept}. \`--preserve\` keeps them`);
    await this.#memory.remember({ notKept });
  }

  /** Does it again, with back-off, until it succeeds: what is queued stays queued. */
  async #untilDone(what: string, act: () => Promise<void>): Promise<void> {
    for (let attempt = 0; !this.#signal.aborted; attempt += 1) {
      try {
        await act();
        return;
      } catch (error) {
        if (this.#signal.aborted) return;
        if (!isMendable(error)) throw error;
        // A target that was there once comes back; one that never was is more likely a mistake.
        const isNew = this.#memory.record.lastFullAt === null;
        if (isNew && error instanceof RsyncError && error.isRefusal) {
          await this.#memory.remember({ error: error.message });
          throw new TargetRefusedError(this.#options.target, error);
        }
        // Whatever the failed run left at the target, a full comparison clears.
        this.#needsFull = true;
        const waitMs = Math.min(this.#options.everyMs * 2 ** attempt, longestBackoffMs);
        this.#options.onTrouble(
          `The ${what} failed, again in ${Math.ceil(waitMs / 1000)}s: ${error.message} (${error.code}). ${error.hint}`,
        );
        await this.#memory.remember({ error: error.message });
        await wait(waitMs, undefined, { signal: this.#signal }).catch(() => {});
      }
    }
  }
}

/** Whether it may be one path's fault: the others are tried without it. */
function isOfItems(error: unknown): error is BeforeError | RsyncError {
  return error instanceof BeforeError || (error instanceof RsyncError && error.sort !== 'connection');
}

/** Nothing at all is copied. */
function isOfEnds(halted: Halt | null): boolean {
  return halted?.reason === 'base-replaced' || halted?.reason === 'target-missing';
}

/** What may be otherwise in a while. What the server refuses for now is not for here: the lock may lapse meanwhile. */
function isMendable(error: unknown): error is QuarterdeckError {
  if (error instanceof RsyncMissingError || error instanceof TargetMarkerError) return false;
  return QuarterdeckError.is(error) && !isPassing(error);
}

async function nextPart(
  base: string,
  changes: readonly Change[],
  most: { readonly files: number; readonly bytes: number },
): Promise<readonly Change[]> {
  for await (const some of cut(base, changes, most)) return some;
  return [];
}
