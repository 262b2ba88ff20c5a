import path from 'node:path';
import { RsyncError } from '../errors.ts';
import { type Copied, type Failure, nothingCopied, together } from './copied.ts';
import type { Entry, Rsync } from './execute.ts';
import { nearestFolders, type Plan } from './plan.ts';
import { type Differences, differences, doneBefore, runRsync } from './rsync.ts';

/** What rsync is asked to do for a batch and for a full comparison. A file shows up at the target only when whole. */

/** What a run would remove, asked of before it may. */
export type Removal = {
  /** Everything but folders. */
  readonly files: number;
  readonly folders: number;
  /** Some of the paths. */
  readonly sample: readonly string[];
  /** Of a full comparison: what the target holds now, what would be new there, and what the base holds; no folders. */
  readonly whole:
    | { readonly atTarget: number; readonly created: number; readonly atBase: number }
    | undefined;
};

/** Whether that much may be removed. Undefined in place of it: nothing is removed at all. */
export type MayRemove = ((removal: Removal) => Promise<boolean>) | undefined;

/**
 * A batch shows up at once, and what was half copied when the connection broke is gone on with. rsync protects the
 * folder it keeps that in from deletion: whatever removes does without it, and so clears what was left of files that
 * never became whole.
 */
const partialFolder = '.quarterdeck-partial';
const delayed = ['--delay-updates', `--partial-dir=${partialFolder}`] as const;
const fromList = ['--from0', '--files-from=-'] as const;
const entriesOnly = ['--no-recursive', '--dirs'] as const;
const removing = ['--delete', '--force'] as const;

/**
 * Copies what changed, folders with all they hold, then removes in the swept folders what is gone. On a full target it
 * removes first and copies what fits, the smallest files first.
 */
export async function copyBatch(rsync: Rsync, plan: Plan, mayRemove: MayRemove): Promise<Copied> {
  try {
    const first = await copyChanged(rsync, plan);
    return together(
      first.copied,
      await sweep(rsync, [...plan.swept, ...first.lostIn], plan.listed, mayRemove),
    );
  } catch (error) {
    if (!isOfFiles(error)) throw error;
    const names = [...plan.changed.keys()];
    await clearPartials(rsync, names);
    const swept = await sweep(rsync, plan.swept, plan.listed, mayRemove);
    const wanted = await differences(rsync, [...fromList, '--recursive'], names.map(listedName));
    const before = together(doneBefore(error, wanted), swept);
    return together(before, await copyWhatFits(rsync, wanted.entries, error));
  }
}

/** Somebody who names a path knows that it changed: there, contents are compared; elsewhere size and time. */
async function copyChanged(
  rsync: Rsync,
  { changed }: Plan,
): Promise<{ copied: Copied; lostIn: readonly string[] }> {
  const names = [...changed.keys()];
  let copied = nothingCopied;
  for (const [some, words] of [
    [names.filter((name) => changed.get(name) === 'quick'), []],
    [names.filter((name) => changed.get(name) === 'content'), ['--checksum']],
  ] as const) {
    if (some.length === 0) continue;
    const list = some.map(listedName);
    copied = together(
      copied,
      await runRsync(rsync, [...delayed, ...fromList, '--recursive', ...words], list),
    );
  }
  // Some are gone by now: what rsync missed of them, the folder they were in shows.
  const named = copied.failed.flatMap(({ path: failed }) => failed ?? []);
  const lost = await nearestFolders(rsync.base, named);
  const failed = copied.failed.filter(({ path: name }) => name === undefined || !lost.has(name));
  return { copied: { ...copied, failed }, lostIn: [...lost.values()] };
}

/** Compares the entries of folders, no deeper ones: `swept` lost some, of `listed` the new ones are copied as well. */
async function sweep(
  rsync: Rsync,
  swept: readonly string[],
  listed: readonly string[],
  mayRemove: MayRemove,
): Promise<Copied> {
  const folders = async (some: readonly string[]): Promise<string[]> => {
    const there = await nearestFolders(rsync.base, some);
    return [...new Set(some.map((name) => there.get(name) ?? name))].map((name) => `${listedName(name)}/`);
  };
  const all = mayRemove ? await folders([...swept, ...listed]) : [];
  if (mayRemove && all.length > 0) {
    const words = [...fromList, ...entriesOnly, ...removing];
    // Without recursion, but with a slash behind each name: those folders' own entries are compared.
    const removal = removalIn(await differences(rsync, words, all));
    if (removal.files + removal.folders > 0 && (await mayRemove(removal)))
      return await runRsync(rsync, [...words, atMost(removal)], all);
  }
  const some = await folders(listed);
  if (some.length === 0) return nothingCopied;
  return await runRsync(rsync, [...fromList, ...entriesOnly, ...delayed], some);
}

/**
 * Compares everything; where it may, removes what the base does not have.
 * @param onPath called with each path that differed
 * @returns with how many files, links and the like the base holds
 */
export async function copyAll(
  rsync: Rsync,
  { mayRemove, onPath }: { readonly mayRemove: MayRemove; readonly onPath?: (changed: string) => void },
): Promise<Copied & { readonly isRemoved: boolean }> {
  const words: string[] = [];
  let isRemoved = false;
  if (mayRemove) {
    const planned = await differences(rsync, removing, undefined);
    const removal = removalIn(planned);
    const { filesAtBase: atBase, sum } = planned;
    const whole = { atTarget: atBase - sum.created + removal.files, created: sum.created, atBase };
    isRemoved = await mayRemove({ ...removal, whole });
    if (isRemoved) words.push(...removing, atMost(removal));
  }
  try {
    return { ...(await runRsync(rsync, words, undefined, onPath)), isRemoved };
  } catch (error) {
    if (!isOfFiles(error)) throw error;
    const unwritten = ['--existing', '--ignore-existing'];
    const removed = isRemoved ? await runRsync(rsync, [...words, ...unwritten], undefined) : nothingCopied;
    const wanted = await differences(rsync, [], undefined);
    const { entries } = wanted;
    const before = together(doneBefore(error, wanted), removed);
    await clearPartials(
      rsync,
      entries.map(({ path: name }) => name),
    );
    return { ...together(before, await copyWhatFits(rsync, entries, error)), isRemoved };
  }
}

/** So many paths in a row fail alone, all for one reason: the others will, too. */
const mostAlike = 5;

/**
 * Copies what can be copied of what differs, when one file ended a whole run: names without folders' contents, the
 * smallest first, halved where they fail. A file that fails alone is set aside; where the target is full, so are all
 * larger ones. Takes O(log n) runs for each path that fails.
 */
async function copyWhatFits(rsync: Rsync, wanted: readonly Entry[], first: RsyncError): Promise<Copied> {
  const failed: Failure[] = [];
  let reason = first.detail;
  let alike = 0;
  const waiting = [wanted.toSorted((one, other) => one.bytes - other.bytes)];
  const giveUp = (entries: readonly Entry[]): void => {
    failed.push(...entries.map(({ path: name }) => ({ path: name, reason })));
  };
  for (let group = waiting.pop(); group !== undefined; group = waiting.pop()) {
    try {
      if (group.length > 0)
        await runRsync(
          rsync,
          [...fromList, ...entriesOnly],
          group.map(({ path: name }) => listedName(name)),
        ).then((copied) => failed.push(...copied.failed));
      alike = 0;
    } catch (error) {
      if (!isOfFiles(error)) throw error;
      reason = error.detail;
      const named = group.find(({ path: name }) => isNamed(error, name));
      if (group.length === 1 || named) {
        alike += 1;
        giveUp(named ? [named] : group);
        if (named && group.length > 1) waiting.push(group.filter((entry) => entry !== named));
        const isHopeless = error.sort === 'space' ? group.length === 1 : alike >= mostAlike;
        if (isHopeless) giveUp(waiting.splice(0).flat());
      } else {
        const half = Math.ceil(group.length / 2);
        waiting.push(group.slice(half), group.slice(0, half));
      }
    }
  }
  const failing = new Set(failed.map(({ path: name }) => name));
  const done = wanted.filter(({ path: name, isDeletion }) => !isDeletion && !failing.has(name));
  const files = done.filter(({ kind }) => kind === 'file');
  return {
    ...nothingCopied,
    files: files.length,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    created: done.filter(({ kind, isCreation }) => isCreation && kind !== 'folder').length,
    failed,
  };
}

/** Whether the failure of a run names this one file as its reason; a full target is nobody's fault. */
function isNamed({ sort, about }: RsyncError, name: string): boolean {
  return sort === 'files' && about !== undefined && (about === name || about.endsWith(`/${name}`));
}

/** What was half written takes room at a full target, and rsync protects it from its own deletions. */
async function clearPartials(rsync: Rsync, names: readonly string[]): Promise<void> {
  const folders = [...new Set(names.map((name) => path.posix.dirname(name)))];
  const list = folders.map((name) => `${listedName(name === '.' ? '' : name)}/`);
  const only = [`--filter=R ${partialFolder}/***`, '--filter=P *', '--existing', '--ignore-existing'];
  await runRsync(rsync, [...fromList, ...entriesOnly, ...removing, ...only], list).catch((error: unknown) => {
    // A daemon may refuse it: the next removal clears them.
    if (!(error instanceof RsyncError)) throw error;
  });
}

function isOfFiles(error: unknown): error is RsyncError {
  return error instanceof RsyncError && error.sort !== 'connection';
}

const mostSampled = 10;

function removalIn({ entries, sum }: Differences): Removal {
  const removed = entries.filter(({ isDeletion }) => isDeletion);
  const files = removed.filter(({ kind }) => kind !== 'folder');
  return {
    files: sum.deletedFiles,
    folders: sum.deleted - sum.deletedFiles,
    sample: (files.length > 0 ? files : removed).slice(0, mostSampled).map(({ path: name }) => name),
    whole: undefined,
  };
}

/** Should more be gone by now than was counted, rsync stops there: a later batch or comparison counts it. */
function atMost({ files, folders }: Removal): string {
  return `--max-delete=${files + folders}`;
}

/** A line of `--files-from` that begins with `#` or `;` is a comment, also where NULs end the lines. */
function listedName(name: string): string {
  return name === '' ? '.' : `./${name}`;
}
