import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, open, opendir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../../errors.ts';
import { BaseError } from '../errors.ts';

/**
 * The folder that a target is filled from, and how it is distinguished from another one in its place.
 *
 * Before anything is removed from a target, the base must be the folder that the target was filled from: a disk that is
 * not mounted leaves an empty folder behind, and every file of the target would seem to be gone. Its identity is a small
 * file with a random id, which the first run with `--delete` writes. Where none can be written, it is the inode of the
 * folder, whether something is mounted there, and some of its entries.
 */

/** Never copied, and never removed from a target. */
export const markerName = '.quarterdeck-base';

/** Where a base is read-only. */
export type Place = {
  readonly inode: number;
  readonly isMount: boolean;
  /** Some names at its top; one of them must still be there. */
  readonly entries: string[];
};

const rememberedEntries = 16;
const largestMarkerBytes = 4096;

/**
 * The real path of a folder.
 * @throws {BaseError} if there is none, or it is something else
 */
export async function folderAt(given: string): Promise<string> {
  try {
    const real = await realpath(given);
    if ((await stat(real)).isDirectory()) return real;
  } catch (error) {
    throw new BaseError(given, messageOf(error), error);
  }
  throw new BaseError(given, 'it is not a folder');
}

/** Whether a local target lies in the folder or around it, symlinks seen through as far as it exists. */
export async function isNested(base: string, target: string): Promise<boolean> {
  // `host:path` and `rsync://` lie elsewhere; a colon behind a slash is part of a name.
  if (/^[^/]*:/.test(target)) return false;
  const real = await realOf(path.resolve(target));
  return isWithin(base, real) || isWithin(real, base);
}

/** The id in the marker of a folder; undefined without one. A marker that cannot be read is one with an id of its own. */
export async function readMarker(folder: string): Promise<string | undefined> {
  let file: Awaited<ReturnType<typeof open>> | undefined;
  try {
    file = await open(
      path.join(folder, markerName),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    const found = await file.stat();
    if (!found.isFile() || found.size > largestMarkerBytes) return 'unreadable';
    const [first = ''] = (await file.readFile('utf8')).split('\n');
    return first.trim() || 'unreadable';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : 'unreadable';
  } finally {
    await file?.close();
  }
}

/** Gives the folder a marker, or finds the one that somebody else has just written; undefined where none can be. */
export async function writeMarker(folder: string): Promise<string | undefined> {
  const id = randomUUID();
  try {
    const file = await open(path.join(folder, markerName), 'wx', 0o644);
    try {
      await file.writeFile(`${id}\n${explanation}`);
    } finally {
      await file.close();
    }
  } catch {
    // Not writable, or another runner of this base was faster.
  }
  return await readMarker(folder);
}

const explanation = `
By this file \`quarterdeck sync run --delete\` recognises this folder: while it is missing, nothing is removed from the
targets that were filled from here. It is not copied. Copies of this folder should not carry it along.
`;

/** Whether nothing but the marker is in it. */
export async function isEmpty(folder: string): Promise<boolean> {
  for await (const { name } of await opendir(folder)) if (name !== markerName) return false;
  return true;
}

export async function placeOf(folder: string): Promise<Place> {
  const [own, above] = await Promise.all([stat(folder), stat(path.dirname(folder))]);
  const entries: string[] = [];
  for await (const { name } of await opendir(folder)) {
    if (name !== markerName && !name.includes('\uFFFD')) entries.push(name);
    if (entries.length === rememberedEntries) break;
  }
  return { inode: own.ino, isMount: own.dev !== above.dev, entries };
}

/** Whether the folder is the one that was remembered, as far as can be known without a marker. */
export async function isAt(folder: string, place: Place): Promise<boolean> {
  return (await placeOf(folder)).isMount === place.isMount && (await holdsSome(folder, place));
}

/** Whether it is the same folder and something of what was in it is there. */
export async function holdsSome(folder: string, { inode, entries }: Place): Promise<boolean> {
  if ((await stat(folder)).ino !== inode) return false;
  const found = await Promise.all(
    entries.map((name) =>
      access(path.join(folder, name)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

async function realOf(absolute: string): Promise<string> {
  const parent = path.dirname(absolute);
  return await realpath(absolute).catch(async () =>
    parent === absolute ? absolute : path.join(await realOf(parent), path.basename(absolute)),
  );
}

function isWithin(folder: string, other: string): boolean {
  const between = path.relative(folder, other);
  return between !== '..' && !between.startsWith('../');
}
