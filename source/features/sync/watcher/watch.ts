import type { Client } from '../../../redis/client.ts';
import { type Published, publish, settlePublished } from '../../topic/publish.ts';
import { type Change, confine, payloadOf } from '../change.ts';
import { folderAt } from '../copy/base.ts';
import { PathRefusedError } from '../errors.ts';
import { followByLibrary } from './watch-library.ts';
import { TreeWatch } from './watch-tree.ts';

/**
 * Tells of paths that changed below a folder. Resolves once the topic keeps it.
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
    const inside = confine(given, base);
    if ('reason' in inside) throw new PathRefusedError(given, base, inside.reason);
    return payloadOf({ path: inside.path, op: 'change' });
  });
  return await publish(redis, channel, payloads);
}

export type WatchOptions = {
  readonly signal: AbortSignal;
  readonly onTold: (count: number) => void;
  readonly onTrouble: (sentence: string) => void;
};

/**
 * Publishes every change below `folder` as it happens, until aborted. When the watcher lost events it asks for a full
 * comparison instead of saying nothing.
 * @throws {BaseError} also once the folder is moved or removed
 * @throws {WatchLimitError}
 */
export async function watch(
  redis: Client,
  folder: string,
  channel: string,
  options: WatchOptions,
): Promise<void> {
  const { signal, onTold, onTrouble } = options;
  const base = await folderAt(folder);
  const failed = Promise.withResolvers<never>();
  // It may fail before or after anybody waits for it.
  failed.promise.catch(() => {});
  const tell = (changes: readonly Change[]): void => {
    publish(redis, channel, changes.map(payloadOf)).then(() => onTold(changes.length), failed.reject);
  };
  const follow = process.platform === 'linux' ? TreeWatch.open : followByLibrary;
  const watching = await follow(base, {
    onChanges: tell,
    onLost(reason) {
      onTrouble(`The watcher lost events (${reason}): asking for a full comparison`);
      tell([{ path: '', op: 'rescan' }]);
    },
    onTrouble,
    onFailed: failed.reject,
  });
  // What happened before it watched was seen by nobody.
  tell([{ path: '', op: 'rescan' }]);
  try {
    const ended = new Promise<void>((resolve) =>
      signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    if (!signal.aborted) await Promise.race([ended, failed.promise]);
  } finally {
    await watching.close();
    await settlePublished(redis);
  }
}
