import { lstat, readdir, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Change, Refused } from '../change.ts';

/** What one batch does: `changed` are copied, folders with all they hold; in each of `swept` what is gone is removed. */
export type Plan = {
  readonly changed: readonly string[];
  /** Folders that lost something, `''` for the base. */
  readonly swept: readonly string[];
  /** Folders whose own entries are copied and, where they are gone, removed. */
  readonly listed: readonly string[];
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

  /** Two different things said of one path are the same as one that covers both. */
  add({ path: changed, op }: Change): void {
    const before = this.#changes.get(changed);
    const isCovered = before === undefined || before === op || op === 'delete';
    this.#changes.set(changed, isCovered ? op : 'rescan');
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
  for (let from = 0; from < changes.length; from += lookedAtOnce) {
    const some = changes.slice(from, from + lookedAtOnce);
    const sizes = await Promise.all(some.map(({ path: changed }) => sizeOf(path.join(base, changed))));
    for (const [index, change] of some.entries()) {
      const size = sizes[index] ?? 0;
      if (batch.length === most.files || (batch.length > 0 && bytes + size > most.bytes)) {
        yield batch;
        batch = [];
        bytes = 0;
      }
      batch.push(change);
      bytes += size;
    }
  }
  if (batch.length > 0) yield batch;
}

const lookedAtOnce = 1000;

async function sizeOf(file: string): Promise<number> {
  const found = await lstat(file).catch(() => undefined);
  return found?.isFile() ? found.size : 0;
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
  const places = placesIn(root);
  const found = await Promise.all(changes.map((change) => look(root, places, change)));
  const changed = new Map<string, number>();
  const swept = new Set<string>();
  const listed = new Set<string>();
  const refused: Refused[] = [];
  let deleted = 0;
  for (const each of found) {
    if ('refused' in each) refused.push(each);
    else if ('gone' in each) {
      swept.add(each.gone);
      deleted += 1;
    } else if ('listed' in each) listed.add(each.listed);
    else {
      changed.set(each.real, each.bytes);
      for (const folder of each.swept) swept.add(folder);
    }
  }
  return { ...folded(changed), swept: [...swept], listed: [...listed], deleted, refused };
}

type Found =
  | Refused
  /** The nearest folder still there. */
  | { readonly gone: string }
  | { readonly listed: string }
  | { readonly real: string; readonly bytes: number; readonly swept: readonly string[] };

async function look(root: string, places: Places, { path: said, op }: Change): Promise<Found> {
  const place = await placeOf(root, places, said);
  if (place === undefined)
    return { refused: said, reason: 'a symlink among its folders leads out of the base' };
  const { real, folder } = place;
  const found = await lstat(path.join(root, real)).catch(() => undefined);
  if (!found) return { gone: folder };
  if (found.isSymbolicLink() && (await leadsOut(root, real)))
    return { refused: said, reason: 'it is a symlink that leads out of the base' };
  if (!found.isDirectory()) return { real, bytes: found.isFile() ? found.size : 0, swept: [] };
  if (op === 'entries') return { listed: real };
  // Gone and there again: what it held before was told by nobody.
  return { real, bytes: 0, swept: op === 'change' ? [] : await foldersIn(root, real) };
}

/** The folder and all folders below it. */
async function foldersIn(root: string, real: string): Promise<string[]> {
  const entries = await readdir(path.join(root, real), { withFileTypes: true, recursive: true }).catch(
    () => [],
  );
  const below = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
  return [real, ...below];
}

/** Leaves out what lies below a folder that is copied whole. */
function folded(changed: ReadonlyMap<string, number>): { changed: string[]; bytes: number } {
  const kept = [...changed].filter(([said]) => !ancestorsOf(said).some((folder) => changed.has(folder)));
  return { changed: kept.map(([said]) => said), bytes: kept.reduce((sum, [, bytes]) => sum + bytes, 0) };
}

/** `a/b/c` -> `a/b`, `a`, `''`; nothing for the base itself. */
export function ancestorsOf(said: string): string[] {
  if (said === '') return [];
  const parts = said.split('/');
  return parts.map((_, index) => parts.slice(0, index).join('/')).reverse();
}

/** Those of the paths that are gone by now, each with the nearest folder above it that is there. */
export async function nearestFolders(
  base: string,
  paths: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const kindOf = (at: string) => lstat(path.join(base, at)).catch(() => undefined);
  const found = await Promise.all(
    paths.map(async (said): Promise<[string, string][]> => {
      if (await kindOf(said)) return [];
      for (const above of ancestorsOf(said)) {
        if ((await kindOf(above))?.isDirectory()) return [[said, above]];
      }
      return [];
    }),
  );
  return new Map(found.flat());
}

type Places = (folder: string) => Promise<string | undefined>;

/** The real path of each folder, asked for once. */
function placesIn(root: string): Places {
  const known = new Map<string, Promise<string | undefined>>();
  return (folder) => {
    const place = known.get(folder) ?? realpath(path.join(root, folder)).catch(() => undefined);
    known.set(folder, place);
    return place;
  };
}

/**
 * Where it really is, relative to the base: rsync would copy a symlink among its folders as a folder. With it the
 * nearest folder above that exists. Undefined if that lies outside by way of a symlink.
 */
async function placeOf(
  root: string,
  places: Places,
  said: string,
): Promise<{ real: string; folder: string } | undefined> {
  for (const above of ancestorsOf(said)) {
    const found = await places(above);
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
