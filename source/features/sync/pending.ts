import { lstat, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Change, Refused } from './change.ts';

/** What one batch does: `changed` are copied, folders with all they hold; in each of `swept` what is gone is removed. */
export type Plan = {
  readonly changed: readonly string[];
  /** Folders that lost something, `''` for the base. */
  readonly swept: readonly string[];
  readonly deleted: number;
  readonly bytes: number;
  readonly refused: readonly Refused[];
};

/** Paths waiting for a batch: each once, children folded under a folder that is copied whole. */
export class Pending {
  readonly #changes = new Map<string, Change['op']>();

  get size(): number {
    return this.#changes.size;
  }

  has(changed: string): boolean {
    return this.#changes.has(changed) || ancestorsOf(changed).some((folder) => this.#changes.has(folder));
  }

  add({ path: changed, op }: Change): void {
    this.#changes.set(changed, op);
  }

  /** Takes everything out. */
  take(): Change[] {
    const all = [...this.#changes].map(([changed, op]): Change => ({ path: changed, op }));
    this.#changes.clear();
    return all;
  }
}

/**
 * Cuts changes into batches of at most so many paths and, as their files are now, so many bytes; a larger file has a
 * batch of its own.
 */
export async function* cut(
  base: string,
  changes: readonly Change[],
  most: { readonly files: number; readonly bytes: number },
): AsyncGenerator<readonly Change[]> {
  let batch: Change[] = [];
  let bytes = 0;
  for (const change of changes) {
    const found = await lstat(path.join(base, change.path)).catch(() => undefined);
    const size = found?.isFile() ? found.size : 0;
    if (batch.length === most.files || (batch.length > 0 && bytes + size > most.bytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(change);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** Whether anything asks for everything to be looked at. */
export function wantsFullScan(changes: readonly Change[]): boolean {
  return changes.some(({ path: changed, op }) => op === 'rescan' && changed === '');
}

/**
 * Looks at each path as it is now and decides what to do. A path that is gone sweeps its nearest folder still there;
 * one whose folders lead out of the base through a symlink, or that is such a symlink itself, is refused.
 */
export async function plan(base: string, changes: readonly Change[]): Promise<Plan> {
  const root = await realpath(base);
  const changed = new Map<string, number>();
  const swept = new Set<string>();
  const refused: Refused[] = [];
  let deleted = 0;

  for (const { path: said, op } of changes) {
    const place = await placeOf(root, said);
    if (place === undefined) {
      refused.push({ refused: said, reason: 'a symlink among its folders leads out of the base' });
      continue;
    }
    const { real, folder } = place;
    const found = await lstat(path.join(root, real)).catch(() => undefined);
    if (!found) {
      swept.add(folder);
      deleted += 1;
    } else if (found.isSymbolicLink() && (await leadsOut(root, real))) {
      refused.push({ refused: said, reason: 'it is a symlink that leads out of the base' });
    } else {
      changed.set(real, found.isFile() ? found.size : 0);
      if (op === 'rescan' && found.isDirectory()) swept.add(real);
    }
  }
  return { ...folded(changed), swept: [...swept], deleted, refused };
}

/** Leaves out what lies below a folder that is copied whole. */
function folded(changed: ReadonlyMap<string, number>): { changed: string[]; bytes: number } {
  const kept = [...changed].filter(([said]) => !ancestorsOf(said).some((folder) => changed.has(folder)));
  return { changed: kept.map(([said]) => said), bytes: kept.reduce((sum, [, bytes]) => sum + bytes, 0) };
}

/** `a/b/c` -> `a/b`, `a`, `''`; nothing for the base itself. */
function ancestorsOf(said: string): string[] {
  if (said === '') return [];
  const parts = said.split('/');
  return parts.map((_, index) => parts.slice(0, index).join('/')).reverse();
}

/**
 * Where it really is, relative to the base: rsync would copy a symlink among its folders as a folder. With it the
 * nearest folder above that exists. Undefined if that lies outside by way of a symlink.
 */
async function placeOf(root: string, said: string): Promise<{ real: string; folder: string } | undefined> {
  for (const above of ancestorsOf(said)) {
    const found = await realpath(path.join(root, above)).catch(() => undefined);
    if (found === undefined) continue;
    if (!isInside(root, found)) return;
    const folder = path.relative(root, found);
    return { real: path.join(folder, said.slice(above === '' ? 0 : above.length + 1)), folder };
  }
  return { real: said, folder: '' };
}

async function leadsOut(root: string, said: string): Promise<boolean> {
  const target = await readlink(path.join(root, said));
  const pointed = path.resolve(path.dirname(path.join(root, said)), target);
  return path.isAbsolute(target) || !isInside(root, pointed);
}

function isInside(root: string, real: string): boolean {
  return real === root || real.startsWith(root === '/' ? '/' : `${root}/`);
}
