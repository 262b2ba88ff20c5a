import path from 'node:path';
import { loadOptional, messageOf } from '../../../errors.ts';
import type { Change } from '../change.ts';
import type { Watched } from './watch-tree.ts';

/** Tells of what changes in a folder and all below it where the system itself follows whole trees, as macOS does. */
export async function followByLibrary(
  base: string,
  { onChanges, onLost }: Watched,
): Promise<{ close(): Promise<void> }> {
  // A native module: only who watches pays for it.
  const { subscribe } = await loadOptional(
    '@parcel/watcher',
    'Watching a folder on this system',
    () => import('@parcel/watcher'),
  );
  const watching = await subscribe(base, (error, events) => {
    if (error) return onLost(messageOf(error));
    const changes = events.map(({ type, path: changed }) =>
      changeOf(path.relative(base, changed), type === 'delete'),
    );
    const last = new Map(changes.map((change) => [change.path, change]));
    if (last.size > 0) onChanges([...last.values()]);
  });
  return { close: () => watching.unsubscribe() };
}

/** A name that is not UTF-8 reaches us mangled: its folder is to be looked at instead. */
function changeOf(changed: string, isGone: boolean): Change {
  if (!changed.includes('\uFFFD')) return { path: changed, op: isGone ? 'delete' : 'change' };
  const parts = changed.split('/');
  const sound = parts.slice(
    0,
    parts.findIndex((part) => part.includes('\uFFFD')),
  );
  return { path: sound.join('/'), op: 'rescan' };
}
