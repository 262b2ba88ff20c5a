import { isUtf8 } from 'node:buffer';
import type { BigIntStats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../../errors.ts';
import { NamesClashError, PathMissingError, PathUnreadableError } from '../channel/errors.ts';

/** A file to ship: where it is, and the name it travels under. */
export type Source = {
  readonly path: Buffer;
  /** Relative to the PATH given; bytes that are not UTF-8 are written `%XX`. */
  readonly name: string;
  /** The name as it is on disk, where that is not UTF-8. */
  readonly rawName?: Buffer;
  readonly bytes: number;
  /** Device and inode. */
  readonly inode: string;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
};

export type Sources = {
  readonly files: readonly Source[];
  /** What is there and is not meant to be shipped, each with its reason. */
  readonly skipped: readonly string[];
  /** What is there and could not be looked at. */
  readonly failed: readonly string[];
};

export type SourceOptions = {
  /** Into subdirectories too. */
  readonly recursive?: boolean;
  /** Put before every name. */
  readonly prefix?: string;
};

/**
 * The regular files behind the given paths, sorted by name. Links to files are followed, links to directories are not.
 * @throws {PathMissingError | PathUnreadableError} about a given path; what lies below is told beside the files
 * @throws {NamesClashError} when two would travel under one name
 */
export async function findSources(
  paths: readonly string[],
  { recursive = false, prefix = '' }: SourceOptions = {},
): Promise<Sources> {
  const found = new Map<string, Source>();
  const skipped: string[] = [];
  const failed: string[] = [];

  const add = (file: Buffer, relative: Buffer, at: BigIntStats): void => {
    const name = prefix + printable(relative);
    const other = found.get(name);
    if (other?.path.equals(file)) return;
    if (other) throw new NamesClashError(name, other.path.toString(), file.toString());
    const rawName = isUtf8(relative) ? {} : { rawName: Buffer.concat([Buffer.from(prefix), relative]) };
    found.set(name, {
      path: file,
      name,
      bytes: Number(at.size),
      inode: `${at.dev}:${at.ino}`,
      mtimeMs: Number(at.mtimeMs),
      ctimeMs: Number(at.ctimeMs),
      ...rawName,
    });
  };

  const walk = async (directory: Buffer, relative: Buffer): Promise<void> => {
    for (const entry of await readdir(directory, { withFileTypes: true, encoding: 'buffer' })) {
      const file = joined(directory, entry.name);
      const name = relative.length === 0 ? entry.name : joined(relative, entry.name);
      if (entry.isDirectory() && !recursive) {
        skipped.push(`${printable(name)}: a directory, and --recursive was not given`);
        continue;
      }
      try {
        if (entry.isDirectory()) {
          await walk(file, name);
          continue;
        }
        const at = await stat(file, { bigint: true });
        if (at.isFile()) add(file, name, at);
        else skipped.push(`${printable(name)}: not a regular file`);
      } catch (error) {
        if (error instanceof NamesClashError) throw error;
        // A link that leads nowhere, or a file that was removed meanwhile.
        const list = hasCode(error, 'ENOENT') ? skipped : failed;
        list.push(`${printable(name)}: ${messageOf(error)}`);
      }
    }
  };

  for (const given of paths) {
    const file = Buffer.from(path.resolve(given));
    try {
      const at = await stat(file, { bigint: true });
      if (at.isDirectory()) await walk(file, Buffer.alloc(0));
      else if (at.isFile()) add(file, Buffer.from(path.basename(given)), at);
      else throw new PathUnreadableError(given, 'it is neither a file nor a directory');
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) throw new PathMissingError(given, error);
      if (error instanceof Error && 'syscall' in error) {
        throw new PathUnreadableError(given, messageOf(error), error);
      }
      throw error;
    }
  }
  const files = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { files, skipped, failed };
}

/** The same words for the same command line: what was shipped before a restart is known by them. */
export function sourcesInWords(
  paths: readonly string[],
  { prefix = '', recursive = false }: SourceOptions,
): string {
  return JSON.stringify([paths.map((each) => path.resolve(each)).sort(), prefix, recursive]);
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** Text that is UTF-8 whatever the bytes are. */
function printable(name: Buffer): string {
  if (isUtf8(name)) return name.toString();
  let text = '';
  for (let start = 0; start < name.length; ) {
    let end = Math.min(start + 4, name.length);
    while (end > start && !isUtf8(name.subarray(start, end))) end -= 1;
    if (end === start) {
      text += `%${(name[start] ?? 0).toString(16).toUpperCase().padStart(2, '0')}`;
      start += 1;
    } else {
      text += name.subarray(start, end).toString();
      start = end;
    }
  }
  return text;
}

function joined(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, Buffer.from('/'), name]);
}
