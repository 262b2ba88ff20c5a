import { setTimeout as wait } from 'node:timers/promises';
import { QuarterdeckError } from '../../../errors.ts';
import type { Client } from '../../../redis/client.ts';
import { Subscription } from '../../topic/subscription.ts';
import type { Change } from '../change.ts';
import { folderAt, isNested } from '../copy/base.ts';
import { copyAll, copyBatch } from '../copy/copy.ts';
import { cut, plan, wantsFullScan } from '../copy/plan.ts';
import type { Copied, Rsync } from '../copy/rsync.ts';
import { cutPath, NestedError, RsyncError, TargetRefusedError } from '../errors.ts';
import { targetName } from '../keys.ts';
import type { RunnerOptions } from '../options.ts';
import { readRecord, type TargetRecord, unused, writeRecord } from '../status.ts';
import { failuresOf } from './failures.ts';
import { Inbox } from './inbox.ts';
import { Untold } from './missed-changes.ts';
import { runBefore } from './pre-copy-hook.ts';
import { longestBackoffMs, Retries } from './retries.ts';
import { serve } from './target-lock.ts';

/**
 * Keeps a target equal to a folder: changes are told on a durable topic, gathered into batches, and copied by rsync.
 *
 * A message is acknowledged after rsync ended well with its path, or after the path was set aside among the failed,
 * which are tried again. Each target of a base is a subscriber of its own, served by one process at a time, by a lock.
 * What events missed (a watcher that overflowed, a message published while nobody kept it, a gap of retention) a full
 * comparison finds: at the start, after a gap, and every `fullEveryMs`, jittered from 3/4 to 5/4 of it. It tells how
 * much it found, because that says whether events can be relied on.
 *
 * Plain PUBLISH on the channel is heard too, as programs without our topic do it; such a message is lost while no
 * runner listens.
 *
 * Not promised: a consistent state of several files at one moment, or anything when two bases write to one target.
 *
 * Runs until `signal` is aborted.
 * @throws {BaseError | NestedError | RsyncMissingError | TargetInUseError | TargetRefusedError}
 */
export async function runSync(redis: Client, options: RunnerOptions): Promise<void> {
  const base = await folderAt(options.base);
  if (await isNested(base, options.target)) throw new NestedError(base, options.target);
  await using held = await serve(redis, { ...options, base, onWait: options.onTrouble });
  await new Runner(redis, { ...options, base }, held.signal).run();
}

class Runner {
  readonly #redis: Client;
  readonly #options: RunnerOptions;
  readonly #signal: AbortSignal;
  /** Aborted with what ended the subscription, such as that somebody dropped it. */
  readonly #deaf = new AbortController();
  readonly #rsync: Rsync;
  readonly #inbox: Inbox;
  #batches = 0;
  #fulls = 0;
  #needsFull = true;
  /** How long the last batch took. */
  #copyMs = 0;
  readonly #retries: Retries;
  #record: TargetRecord;

  constructor(redis: Client, options: RunnerOptions, held: AbortSignal) {
    this.#redis = redis;
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, held, this.#deaf.signal]);
    this.#inbox = new Inbox(options.base, this.#signal);
    this.#rsync = { base: options.base, destination: options.target, signal: this.#signal };
    this.#retries = new Retries(failuresOf(redis, options.channel, options.target), {
      everyMs: options.everyMs,
      onDue: (paths) => {
        if (!this.#signal.aborted) this.#inbox.add(paths.map((path) => ({ path, op: 'change' })));
      },
    });
    this.#record = unused(options.base);
  }

  async run(): Promise<void> {
    const { channel, base, target, listen, fullEveryMs, everyMs, batchFiles } = this.#options;
    this.#record = (await readRecord(this.#redis, channel, target)) ?? this.#record;
    await this.#retries.resume();
    const subscription = await Subscription.open(this.#redis, channel, {
      as: targetName(base, target),
      from: 'now',
      standby: true,
      signal: this.#signal,
      listener: listen(),
    });
    let stopHearing: (() => void) | undefined;
    let taking: Promise<void> | undefined;
    let fullAtMs = 0;
    try {
      stopHearing = await this.#inbox.hear(listen(), channel);
      await this.#inbox.catchUp(subscription);
      taking = this.#inbox.follow(subscription).catch((error: unknown) => this.#deaf.abort(error));
      while (!this.#signal.aborted) {
        await this.#untilDone('batch', () => this.#batch(subscription));
        if (this.#inbox.takeGap()) this.#needsFull = true;
        if (this.#needsFull || performance.now() >= fullAtMs) {
          await this.#untilDone('full comparison', () => this.#full());
          fullAtMs = performance.now() + fullEveryMs * (0.75 + Math.random() * 0.5);
        }
        await this.#inbox.gathered({
          // What copying takes is part of the period, so that the first change of a batch arrives about `everyMs` later.
          everyMs: Math.max(everyMs - this.#copyMs, everyMs / 4),
          // A trickle of changes is not to keep rsync running for more than half of the time.
          quietMs: Math.max(this.#copyMs, everyMs / 8),
          mostPaths: batchFiles,
          untilMs: fullAtMs,
        });
      }
    } finally {
      stopHearing?.();
      await subscription.close();
      await taking;
    }
    this.#options.signal.throwIfAborted();
    this.#signal.throwIfAborted();
  }

  async #batch(subscription: Subscription): Promise<void> {
    const startedAtMs = performance.now();
    const taken = this.#inbox.takenId;
    const changes = this.#inbox.takeChanges();
    const { base, batchFiles, batchBytes } = this.#options;
    try {
      for await (const some of cut(base, changes, { files: batchFiles, bytes: batchBytes })) {
        await this.#copy(some);
      }
      if (changes.length === 0 && this.#inbox.hasRefused) await this.#copy([]);
    } catch (error) {
      // What was said meanwhile is newer: it stays as it is.
      this.#inbox.add(changes.filter(({ path }) => !this.#inbox.pending.has(path)));
      throw error;
    }
    if (changes.length > 0) this.#copyMs = performance.now() - startedAtMs;
    if (taken > 0) subscription.ack(taken);
  }

  async #copy(changes: readonly Change[]): Promise<void> {
    const startedAtMs = performance.now();
    const { base, before, deletes, onEvent, onTrouble } = this.#options;
    if (wantsFullScan(changes)) this.#needsFull = true;
    await folderAt(base);
    const named = changes.filter(({ path, op }) => path !== '' || op !== 'rescan');
    const { refused, ...todo } = await plan(base, named);
    const isEmpty = todo.changed.length + todo.swept.length + todo.listed.length === 0;
    const allRefused = [...this.#inbox.takeRefused(), ...refused];
    for (const each of allRefused) onTrouble(`Refused \`${cutPath(each.refused)}\`: ${each.reason}`);
    if (before !== undefined && !isEmpty) await runBefore(before, changes, { base, signal: this.#signal });
    const copied = isEmpty ? undefined : await copyBatch(this.#rsync, todo, { deletes });
    const paths = changes.map(({ path }) => path);
    await this.#retries.note(paths, copied?.failed ?? []);
    this.#batches += 1;
    await this.#remember({
      // A batch that found everything done already is no news.
      ...(copied &&
        copied.files + copied.deleted > 0 && {
          lastBatchAt: Date.now(),
          lastFiles: copied.files,
          lastBytes: copied.bytes,
        }),
      synced: this.#record.synced + (copied?.files ?? 0),
      refused: this.#record.refused + allRefused.length,
      error: null,
    });
    await onEvent({
      batch: this.#batches,
      files: copied?.files ?? 0,
      bytes: copied?.bytes ?? 0,
      deleted: copied?.deleted ?? 0,
      failed: copied?.failed.length ?? 0,
      refused: allRefused.length,
      durationMs: Math.round(performance.now() - startedAtMs),
    });
  }

  async #full(): Promise<void> {
    const startedAtMs = performance.now();
    this.#needsFull = false;
    const isFirst = this.#record.lastFullAt === null;
    const untold = new Untold(this.#inbox.pending);
    let copied: Copied;
    try {
      // Gone while we ran, such as unmounted: with `--delete` nothing would be left of the target.
      await folderAt(this.#options.base);
      copied = await copyAll(this.#rsync, {
        deletes: this.#options.deletes,
        onPath: isFirst ? undefined : (changed) => untold.note(changed),
      });
    } catch (error) {
      this.#needsFull = true;
      throw error;
    }
    // What changed while it ran was found by it and told by an event, which may still be on its way.
    await wait(Math.min(this.#options.everyMs, 500), undefined, { signal: this.#signal }).catch(() => {});
    const missed = untold.count();
    await this.#retries.note([], copied.failed);
    if (copied.failed.length > 0) {
      this.#options.onTrouble(
        `Paths the full comparison could not copy: ${copied.failed.length}; tried again`,
      );
    }
    this.#fulls += 1;
    await this.#remember({
      lastFullAt: Date.now(),
      synced: this.#record.synced + copied.files,
      missedByEvents: this.#record.missedByEvents + missed,
      error: null,
    });
    const durationMs = Math.round(performance.now() - startedAtMs);
    await this.#options.onEvent({
      full: this.#fulls,
      files: copied.files,
      missedByEvents: missed,
      durationMs,
    });
  }

  /** Does it again, with back-off, until it succeeds: what is queued stays queued. */
  async #untilDone(what: string, act: () => Promise<void>): Promise<void> {
    for (let attempt = 0; !this.#signal.aborted; attempt += 1) {
      try {
        await act();
        return;
      } catch (error) {
        if (this.#signal.aborted) return;
        if (!(error instanceof QuarterdeckError) || error.code === 'RSYNC_MISSING') throw error;
        // A target that was there once comes back; one that never was is more likely a mistake.
        const isNew = this.#record.lastFullAt === null;
        if (isNew && error instanceof RsyncError && error.isRefusal) {
          await this.#remember({ error: error.message });
          throw new TargetRefusedError(this.#options.target, error);
        }
        // Whatever the failed run left at the target, a full comparison clears.
        this.#needsFull = true;
        const waitMs = Math.min(this.#options.everyMs * 2 ** attempt, longestBackoffMs);
        this.#options.onTrouble(
          `The ${what} failed, again in ${Math.ceil(waitMs / 1000)}s: ${error.message} (${error.code}). ${error.hint}`,
        );
        await this.#remember({ error: error.message });
        await wait(waitMs, undefined, { signal: this.#signal }).catch(() => {});
      }
    }
  }

  async #remember(news: Partial<TargetRecord>): Promise<void> {
    this.#record = { ...this.#record, ...news };
    await writeRecord(this.#redis, this.#options.channel, this.#options.target, this.#record);
  }
}
