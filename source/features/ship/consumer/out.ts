import { type FileHandle, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../../errors.ts';
import { OutputError, UnsafeNameError } from '../channel/errors.ts';
import type { Delivery } from './delivery.ts';
import { putBlocks } from './spool.ts';

/**
 * A directory in which shipped files are rebuilt under their names. Every part is written at the place in its file
 * where it belongs and ends the file there, so that writing it again changes nothing: together with a position that
 * is kept in Redis this makes the copies exact whenever this process may die.
 */
export class OutDirectory {
  readonly #directory: string;
  #open: { readonly file: Buffer; readonly handle: FileHandle } | undefined;

  constructor(directory: string) {
    this.#directory = path.resolve(directory);
  }

  /**
   * Puts a part into its file.
   * @returns what is missing in front of it, in bytes: more than 0 when this consumer came after the file had begun
   * @throws {UnsafeNameError} for a name that leads out of the directory
   * @throws {OutputError} when the file cannot be written
   */
  async write(delivery: Delivery): Promise<number> {
    const name = delivery.rawName ?? Buffer.from(delivery.file);
    if (!isSafe(delivery.file) || !isSafe(name.toString('latin1'))) throw new UnsafeNameError(delivery.file);
    const file = Buffer.concat([Buffer.from(`${this.#directory}/`), name]);
    let missing = 0;
    try {
      const handle = await this.#handleOf(file);
      missing = Math.max(0, delivery.at - (await handle.stat()).size);
      await putBlocks(handle, delivery.blocks(), delivery.at);
      if (delivery.isLast) await this.close();
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error)) throw error;
      throw new OutputError(file.toString(), messageOf(error), error);
    }
    return missing;
  }

  async close(): Promise<void> {
    const last = this.#open;
    this.#open = undefined;
    await last?.handle.close();
  }

  /** The file last written to stays open: parts of one file mostly come one after the other. */
  async #handleOf(file: Buffer): Promise<FileHandle> {
    if (this.#open?.file.equals(file)) return this.#open.handle;
    await this.close();
    await mkdir(file.subarray(0, file.lastIndexOf('/')), { recursive: true });
    // Made if it is not there, and what it holds is kept.
    await (await open(file, 'a')).close();
    const handle = await open(file, 'r+');
    this.#open = { file, handle };
    return handle;
  }
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
