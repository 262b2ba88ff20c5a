import { nearestFolders, type Plan } from './plan.ts';
import { type Copied, type Rsync, runRsync } from './rsync.ts';

/** What rsync is asked to do for a batch and for a full comparison. A file shows up at the target only when whole. */

/**
 * A batch shows up at once, and what was half copied when the connection broke is gone on with. rsync protects the
 * folder it keeps that in from deletion: whatever removes does without it, and so clears what was left of files that
 * never became whole.
 */
const delayed = ['--delay-updates', '--partial-dir=.quarterdeck-partial'] as const;
const fromList = ['--from0', '--files-from=-'] as const;
const nothing: Copied = { files: 0, bytes: 0, deleted: 0, failed: [] };

/** Copies what changed, folders with all they hold, then removes in the swept folders what is gone. */
export async function copyBatch(
  rsync: Rsync,
  { changed, swept, listed }: Pick<Plan, 'changed' | 'swept' | 'listed'>,
  { deletes }: { readonly deletes: boolean },
): Promise<Copied> {
  const first =
    changed.length === 0
      ? nothing
      : await runRsync(rsync, [...delayed, ...fromList, '--recursive'], changed.map(listedName));
  // Some are gone by now: what rsync missed of them, the folder they were in shows.
  const named = first.failed.filter((each) => each !== undefined);
  const lost = await nearestFolders(rsync.base, named);
  const failed = first.failed.filter((each) => each === undefined || !lost.has(each));
  const lostIn = [...lost.values()];
  const folders = new Set(deletes ? [...swept, ...listed, ...lostIn] : listed);
  const there = await nearestFolders(rsync.base, [...folders]);
  for (const [gone, folder] of there) folders.delete(gone) && folders.add(folder);
  if (folders.size === 0) return { ...first, failed };
  // Without recursion, but with a slash behind each name: those folders' own entries are compared, no deeper ones.
  const second = await runRsync(
    rsync,
    [...fromList, '--no-recursive', '--dirs', ...(deletes ? ['--delete', '--force'] : delayed)],
    [...folders].map((name) => `${listedName(name)}/`),
  );
  return {
    files: first.files + second.files,
    bytes: first.bytes + second.bytes,
    deleted: second.deleted,
    failed: [...failed, ...second.failed],
  };
}

/**
 * Compares everything; with `deletes`, removes what the base does not have.
 * @param onPath told of each path that differed
 */
export async function copyAll(
  rsync: Rsync,
  {
    deletes,
    onPath,
  }: { readonly deletes: boolean; readonly onPath?: ((changed: string) => void) | undefined },
): Promise<Copied> {
  return await runRsync(rsync, deletes ? ['--delete', '--force'] : [], undefined, onPath);
}

/** A line of `--files-from` that begins with `#` or `;` is a comment, also where NULs end the lines. */
function listedName(name: string): string {
  return name === '' ? '.' : `./${name}`;
}
