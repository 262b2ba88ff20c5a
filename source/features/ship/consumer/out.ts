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
  #open: { readonly file: Buffer; readonly handle: FileHandle; readonly at: BigIntStats } | undefined;

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
      const { handle, at } = await this.#handleOf(name, delivery.file);
      missing = Math.max(0, delivery.at - (await handle.stat()).size);
      await putBlocks(handle, delivery.blocks(), delivery.at);
      if (!(await this.#isStillThere(name, at))) {
        await this.close();
        throw new OutMovedError(delivery.file, this.#directory);
      }
      if (delivery.isLast) await this.close();
    } catch (error) {
      if (hasCode(error, 'ENAMETOOLONG', 'EFBIG', 'EINVAL', 'EILSEQ'))
        throw new OutPlaceError(delivery.file, messageOf(error));
      if (!(error instanceof Error && 'syscall' in error)) throw error;
      throw new OutputError(`${this.#directory}/${delivery.file}`, messageOf(error), error);
    }
    return missing;
  }

  async close(): Promise<void> {
    const last = this.#open;
    this.#open = undefined;
    await last?.handle.close();
  }

  /** The file last written to stays open: parts of one file mostly come one after the other. */
  async #handleOf(
    file: Buffer,
    shown: string,
  ): Promise<{ readonly handle: FileHandle; readonly at: BigIntStats }> {
    if (this.#open?.file.equals(file)) return this.#open;
    await this.close();
    await mkdir(this.#directory, { recursive: true });
    const handle = await this.#inPlace(file, { makes: true }, (place) => openFile(place)).catch((error) => {
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
    this.#open = { file, handle, at };
    return this.#open;
  }

  async #isStillThere(file: Buffer, { dev, ino }: BigIntStats): Promise<boolean> {
    try {
      const found = await this.#inPlace(file, { makes: false }, ({ parent, name }) =>
        lstat(below(parent, name), { bigint: true }),
      );
      return found.dev === dev && found.ino === ino && found.nlink > 0n;
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return false;
      throw error;
    }
  }

  /** Does something in the folder of a file, which is reached without a link from the directory on. */
  async #inPlace<Result>(
    file: Buffer,
    { makes }: { readonly makes: boolean },
    act: (place: Place) => Promise<Result>,
  ): Promise<Result> {
    const steps = file.toString('latin1').split('/');
    const name = Buffer.from(steps.pop() ?? '', 'latin1');
    let parent = await openFolder(Buffer.from(this.#directory), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      for (const step of steps) {
        if (step === '.') continue;
        const next = await enter(parent, Buffer.from(step, 'latin1'), makes);
        await parent.handle.close();
        parent = next;
      }
      return await act({ parent, name });
    } finally {
      await parent.handle.close();
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

async function enter(parent: Folder, name: Buffer, makes: boolean): Promise<Folder> {
  const folder = below(parent, name);
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  try {
    return await openFolder(folder, flags);
  } catch (error) {
    if (!makes || !hasCode(error, 'ENOENT')) throw error;
  }
  await mkdir(folder).catch((error: unknown) => {
    // Another consumer may write to the same directory.
    if (!hasCode(error, 'EEXIST')) throw error;
  });
  return await openFolder(folder, flags);
}

/** Made if it is not there, and what it holds is kept. A pipe must not hold us up. */
async function openFile({ parent, name }: Place): Promise<FileHandle> {
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
