import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { messageOf } from '../../../errors.ts';
import type { Client } from '../../../redis/client.ts';
import { rideOut } from '../../../redis/refusals.ts';
import { counted } from '../../../ui/format.ts';
import { requireText } from '../../../values.ts';
import { type Published, publish, settlePublished } from '../../topic/publish.ts';
import { openTopic } from '../../topic/topic.ts';
import { type Change, confine, payloadOf } from '../change.ts';
import { folderAt } from '../copy/base.ts';
import { PathRefusedError } from '../errors.ts';
import { Pending } from '../pending.ts';
import { followByLibrary } from './watch-library.ts';
import { TreeWatch } from './watch-tree.ts';

/**
 * Publishes that paths below a folder changed. Resolves once the topic keeps it.
 * @param base what the paths are relative to; those outside are refused whole
 * @throws {PathRefusedError} naming the first path that is not below the base
 */
export async function notify(
  redis: Client,
  channel: string,
  paths: readonly string[],
  { base = process.cwd() }: { readonly base?: string } = {},
): Promise<Published> {
  const payloads = paths.map((given) => {
    requireText('path', given);
    const inside = confine(given, base);
    if ('reason' in inside) throw new PathRefusedError(given, base, inside.reason);
    return payloadOf({ path: inside.path, op: 'change' });
  });
  return await publish(redis, channel, payloads);
}

export type WatchOptions = {
  readonly signal: AbortSignal;
  /** How long refusals that pass, such as of a full server, are waited for; without it, for as long as they last. */
  readonly timeoutMs?: number;
  readonly onNotified: (count: number) => void;
  readonly onTrouble: (sentence: string) => void;
};

/** How often a base behind a symlink is looked at, whether it leads elsewhere by now. */
const linkEveryMs = 1000;
/** Of more paths than these a full comparison is asked for instead. */
const mostWaiting = 50_000;
const rescan: Change = { path: '', op: 'rescan' };

/**
 * Publishes every change below `folder` as it happens, until aborted. When the watcher lost events it asks for a full
 * comparison instead of saying nothing. While the server refuses for now, what changes is kept and published afterwards.
 * A symlink that leads to another folder by now is followed.
 * @throws {BaseError} also once the folder is moved or removed
 * @throws {WatchLimitError}
 */
export async function watch(
  redis: Client,
  folder: string,
  channel: string,
  options: WatchOptions,
): Promise<void> {
  const { signal, onTrouble } = options;
  openTopic(redis, channel);
  requireText('folder', folder);
  const outbox = new Outbox(redis, channel, options);
  try {
    while (!signal.aborted) {
      const base = await folderAt(folder);
      const isLink = base !== path.resolve(folder);
      await watchFolder(base, outbox, options, isLink ? () => leadsElsewhere(folder, base) : undefined);
      if (!signal.aborted) onTrouble(`${folder} leads to another folder by now: watching that one`);
    }
  } finally {
    await outbox.close();
    await settlePublished(redis);
  }
}

/** Resolves when aborted, or when the base leads elsewhere. */
async function watchFolder(
  base: string,
  outbox: Outbox,
  { signal, onTrouble }: WatchOptions,
  isElsewhere: (() => Promise<boolean>) | undefined,
): Promise<void> {
  const failed = Promise.withResolvers<never>();
  // It may fail before or after anybody waits for it.
  failed.promise.catch(() => {});
  const follow = process.platform === 'linux' ? TreeWatch.open : followByLibrary;
  const watching = await follow(base, {
    onChanges: (changes) => outbox.add(changes),
    onLost(reason) {
      onTrouble(`The watcher lost events (${reason}): asking for a full comparison`);
      outbox.add([rescan]);
    },
    onTrouble,
    onFailed: failed.reject,
  });
  // What happened before it watched was seen by nobody.
  outbox.add([rescan]);
  const ended = new AbortController();
  try {
    await Promise.race([
      untilAborted(signal),
      failed.promise,
      outbox.failed,
      isElsewhere ? untilElsewhere(isElsewhere, ended.signal) : new Promise<never>(() => {}),
    ]);
  } finally {
    ended.abort();
    await watching.close();
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function untilElsewhere(isElsewhere: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !(await isElsewhere()))
    await wait(linkEveryMs, undefined, { signal }).catch(() => {});
}

/** A link that leads nowhere for a moment is being switched. */
async function leadsElsewhere(folder: string, base: string): Promise<boolean> {
  return await realpath(folder).then(
    (real) => real !== base,
    () => false,
  );
}

/** What is to be published: each path once, in one call at a time, kept while the server takes nothing. */
class Outbox {
  readonly #redis: Client;
  readonly #channel: string;
  readonly #options: WatchOptions;
  readonly #waiting = new Pending();
  readonly #failed = Promise.withResolvers<never>();
  #sending: Promise<void> | undefined;
  #unsent = 0;

  constructor(redis: Client, channel: string, options: WatchOptions) {
    this.#redis = redis;
    this.#channel = channel;
    this.#options = options;
    this.#failed.promise.catch(() => {});
  }

  /** Rejects when something could not be published; never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  add(changes: readonly Change[]): void {
    for (const change of changes) this.#waiting.add({ ...change, quick: true });
    if (this.#waiting.size > mostWaiting) {
      this.#waiting.take();
      this.#waiting.add(rescan);
    }
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
    });
  }

  /** Says what was not published before the end. */
  async close(): Promise<void> {
    await this.#sending;
    if (this.#unsent > 0)
      this.#options.onTrouble(
        `${counted(this.#unsent, 'change')} not published: a full comparison finds them`,
      );
  }

  async #send(): Promise<void> {
    const { signal, timeoutMs, onNotified, onTrouble } = this.#options;
    try {
      while (this.#waiting.size > 0) {
        const changes = this.#waiting.take();
        this.#unsent = changes.length;
        await rideOut(() => publish(this.#redis, this.#channel, changes.map(payloadOf)), {
          signal,
          ...(timeoutMs !== undefined && { timeoutMs }),
          onWait: (refusal, sinceMs) => {
            if (sinceMs === 0)
              onTrouble(`Redis refuses for now (${messageOf(refusal)}): what changes is kept`);
          },
        });
        this.#unsent = 0;
        onNotified(changes.length);
      }
    } catch (error) {
      this.#failed.reject(error);
    }
  }
}
