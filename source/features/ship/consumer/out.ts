import { type BigIntStats, constants, existsSync } from 'node:fs';
import { type FileHandle, lstat, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../../errors.ts';
import { OutMovedError, OutPlaceError, OutputError, UnsafeNameError } from '../channel/errors.ts';
import { hasCode } from '../files/errno.ts';
import type { Delivery } from './delivery.ts';
import { putBlocks } from './spool.ts';

/** An open folder, and what stands for it in paths. */
type Folder = { readonly handle: FileHandle; readonly path: Buffer };
type OutFolder = Folder & { readonly key: string; readonly openedAtMs: number };
type Open = {
  readonly file: Buffer;
  readonly handle: FileHandle;
  readonly at: BigIntStats;
  size: number;
};
/** Then it is found again by its name: the directory may have been moved away, and another one be in its place. */
const heldOpenMs = 100;

type Place = { readonly parent: Folder; readonly name: Buffer };

/**
 * A directory in which shipped files are rebuilt under their names. Every part is written at the place in its file
 * where it belongs and ends the file there, so that writing it again changes nothing: together with a position that
 * is kept in Redis this makes the copies exact whenever this process may die.
 *
 * Nothing is written through a link below the directory, nor to anything but a regular file; and what was written to
 * is still what the name leads to when the part is reported as written. Each folder on the way is opened in the one
 * above it, so that nobody can put a link in its place in between.
 */
export class OutDirectory {
  readonly #directory: string;
  #open: Open | undefined;
  #folder: OutFolder | undefined;

  constructor(directory: string) {
    this.#directory = path.resolve(directory);
  }

  /**
   * Puts a part into its file.
   * @returns what is missing in front of it, in bytes: more than 0 when this consumer came after the file had begun
   * @throws {UnsafeNameError} for a name that leads out of the directory
   * @throws {OutPlaceError} when a link, a folder, a pipe or a device stands there, or no file can have the name
   * @throws {OutMovedError} when the file was removed or replaced meanwhile
   * @throws {OutputError} when the file cannot be written
   */
  async write(delivery: Delivery): Promise<number> {
    const name = delivery.rawName ?? Buffer.from(delivery.file);
    if (!isSafe(delivery.file) || !isSafe(name.toString('latin1'))) throw new UnsafeNameError(delivery.file);
    let missing = 0;
    try {
      const file = await this.#handleOf(name, delivery.file);
      missing = Math.max(0, delivery.at - file.size);
      file.size = await putBlocks(file.handle, delivery.blocks(), delivery.at, file.size);
      if (!(await this.#isStillThere(name, file.at))) throw new OutMovedError(delivery.file, this.#directory);
      if (delivery.isLast) await this.#closeFile();
    } catch (error) {
      await this.close();
      if (hasCode(error, 'ENAMETOOLONG', 'EFBIG', 'EINVAL', 'EILSEQ'))
        throw new OutPlaceError(delivery.file, messageOf(error));
      if (!(error instanceof Error && 'syscall' in error)) throw error;
      throw new OutputError(`${this.#directory}/${delivery.file}`, messageOf(error), error);
    }
    return missing;
  }

  async close(): Promise<void> {
    const folder = this.#folder;
    this.#folder = undefined;
    await this.#closeFile();
    await folder?.handle.close();
  }

  async #closeFile(): Promise<void> {
    const last = this.#open;
    this.#open = undefined;
    await last?.handle.close();
  }

  /** The file last written to stays open: parts of one file mostly come one after the other. */
  async #handleOf(file: Buffer, shown: string): Promise<Open> {
    if (this.#open?.file.equals(file)) return this.#open;
    await this.#closeFile();
    const handle = await this.#make(file).catch((error: unknown) => {
      if (hasCode(error, 'ELOOP', 'ENOTDIR')) {
        throw new OutPlaceError(shown, 'a link, or something that is no folder, stands on its way');
      }
      if (hasCode(error, 'EISDIR')) throw new OutPlaceError(shown, 'a folder of that name is there');
      if (hasCode(error, 'ENXIO', 'ENODEV')) throw new OutPlaceError(shown, 'no regular file stands there');
      throw error;
    });
    const at = await handle.stat({ bigint: true });
    if (!at.isFile()) {
      await handle.close();
      throw new OutPlaceError(shown, 'no regular file stands there');
    }
    this.#open = { file, handle, at, size: Number(at.size) };
    return this.#open;
  }

  async #make(file: Buffer): Promise<FileHandle> {
    const steps = file.toString('latin1').split('/');
    const name = Buffer.from(steps.pop() ?? '', 'latin1');
    const known = this.#folder;
    const parent = await this.#folderOf(steps);
    try {
      return await makeFile({ parent, name });
    } catch (error) {
      // The folder that was held open may have been removed: then it is made again.
      if (parent !== known || !hasCode(error, 'ENOENT')) throw error;
      await this.close();
      return await makeFile({ parent: await this.#folderOf(steps), name });
    }
  }

  /** The folder of a file, which is reached without a link from the directory on. The last one stays open. */
  async #folderOf(steps: readonly string[]): Promise<OutFolder> {
    const names = steps.filter((step) => step !== '.');
    const key = names.join('/');
    const known = this.#folder;
    if (known?.key === key && performance.now() - known.openedAtMs < heldOpenMs) return known;
    await this.close();
    await mkdir(this.#directory, { recursive: true });
    let folder = await openFolder(Buffer.from(this.#directory), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      for (const step of names) {
        const next = await enter(folder, Buffer.from(step, 'latin1'));
        await folder.handle.close();
        folder = next;
      }
    } catch (error) {
      await folder.handle.close();
      throw error;
    }
    this.#folder = { ...folder, key, openedAtMs: performance.now() };
    return this.#folder;
  }

  /** Whether the name still leads to the file that was written to. */
  async #isStillThere(file: Buffer, { dev, ino }: BigIntStats): Promise<boolean> {
    try {
      const found = await lstat(Buffer.concat([Buffer.from(`${this.#directory}/`), file]), { bigint: true });
      return found.dev === dev && found.ino === ino;
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return false;
      throw error;
    }
  }
}

/**
 * There is no openat in Node, but Linux has a name for each open file: what lies below that is in the very folder that
 * was opened. Elsewhere it is found by its path, and somebody quick enough may put a link there.
 */
const descriptors = existsSync('/proc/self/fd') ? '/proc/self/fd' : undefined;

async function openFolder(folder: Buffer, flags: number): Promise<Folder> {
  const handle = await open(folder, flags);
  return { handle, path: descriptors === undefined ? folder : Buffer.from(`${descriptors}/${handle.fd}`) };
}

function below(parent: Folder, name: Buffer): Buffer {
  return Buffer.concat([parent.path, Buffer.from('/'), name]);
}

async function enter(parent: Folder, name: Buffer): Promise<Folder> {
  const folder = below(parent, name);
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  try {
    return await openFolder(folder, flags);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  await mkdir(folder).catch((error: unknown) => {
    // Another consumer may write to the same directory.
    if (!hasCode(error, 'EEXIST')) throw error;
  });
  return await openFolder(folder, flags);
}

/** Made if it is not there, and what it holds is kept. A pipe must not hold us up. */
async function makeFile({ parent, name }: Place): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  return await open(below(parent, name), flags, 0o666);
}

/** A relative path that stays inside, whatever it is joined to. */
function isSafe(name: string): boolean {
  const steps = name.split('/');
  return (
    name !== '' &&
    !name.includes('\0') &&
    !steps.includes('..') &&
    steps.at(-1) !== '.' &&
    !steps.includes('')
  );
}
