import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../../errors.ts';
import { BaseError } from '../errors.ts';

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
