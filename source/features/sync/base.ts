import { realpath, stat } from 'node:fs/promises';
import { messageOf } from '../../errors.ts';
import { BaseError } from './errors.ts';

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
