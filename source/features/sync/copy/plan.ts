import { lstat, readdir, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import { ancestorsOf, type Change, type Refused } from '../change.ts';

/** How a file is found to have changed: by its size and time, or, where somebody named it, by its content. */
type Comparison = 'quick' | 'content';

/** What one batch does: `changed` are copied, folders with all they hold; in each of `swept` what is gone is removed. */
export type Plan = {
  readonly changed: ReadonlyMap<string, Comparison>;
  /** Folders that lost something, `''` for the base. */
  readonly swept: readonly string[];
  /** Folders whose own entries are copied and, where they are gone, removed. */
  readonly listed: readonly string[];
  readonly refused: readonly Refused[];
};

/**
 * Looks at each path as it is now and decides what to do. A path that is gone sweeps its nearest folder still there;
 * one whose folders lead out of the base through a symlink, or that is such a symlink itself, is refused.
 */
export async function plan(base: string, changes: readonly Change[]): Promise<Plan> {
  const root = await realpath(base);
  const places = placesIn(root);
  const found = await Promise.all(changes.map((change) => look(root, places, change)));
  const changed = new Map<string, Comparison>();
  const swept = new Set<string>();
  const listed = new Set<string>();
  const refused: Refused[] = [];
  for (const each of found) {
    if ('refused' in each) refused.push(each);
    else if ('gone' in each) swept.add(each.gone);
    else if ('listed' in each) listed.add(each.listed);
    else {
      if (changed.get(each.real) !== 'content') changed.set(each.real, each.comparison);
      for (const folder of each.swept) swept.add(folder);
    }
  }
  return { changed: folded(changed), swept: [...swept], listed: [...listed], refused };
}

type Found =
  | Refused
  /** The nearest folder still there. */
  | { readonly gone: string }
  | { readonly listed: string }
  | { readonly real: string; readonly comparison: Comparison; readonly swept: readonly string[] };

async function look(root: string, places: Places, { path: said, op, quick }: Change): Promise<Found> {
  const place = await placeOf(root, places, said);
  if (place === undefined)
    return { refused: said, reason: 'a symlink among its folders leads out of the base' };
  const { real, folder } = place;
  const found = await lstat(path.join(root, real)).catch(() => undefined);
  if (!found) return { gone: folder };
  if (found.isSymbolicLink() && (await leadsOut(root, real)))
    return { refused: said, reason: 'it is a symlink that leads out of the base' };
  const comparison = quick ? 'quick' : 'content';
  if (!found.isDirectory()) return { real, comparison, swept: [] };
  if (op === 'entries') return { listed: real };
  // Gone and there again: what it held before was reported by nobody.
  return { real, comparison, swept: op === 'change' ? [] : await foldersIn(root, real) };
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

/** Leaves out what lies below a folder that is copied whole, unless it is looked at more closely than the folder is. */
function folded(changed: ReadonlyMap<string, Comparison>): ReadonlyMap<string, Comparison> {
  const isCovered = (said: string, comparison: Comparison): boolean =>
    ancestorsOf(said).some((folder) => {
      const above = changed.get(folder);
      return above !== undefined && (above === 'content' || comparison === 'quick');
    });
  return new Map([...changed].filter(([said, comparison]) => !isCovered(said, comparison)));
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
