import type { BigIntStats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../../errors.ts';
import { NamesClashError, PathMissingError, PathUnreadableError, PrefixError } from '../channel/errors.ts';
import { hasCode } from './errno.ts';
import { baseOf, bytesOf, joinRaw, type RawPath, rawOf } from './raw-path.ts';
import { type Named, printable, Selection, type SelectionOptions } from './selection.ts';

/** A file to ship: where it is, and the name it travels under. */
export type Source = {
  readonly path: Buffer;
  /** Relative to the PATH given; bytes that are not UTF-8 are written `%XX`. */
  readonly name: string;
  /** The name as it is on disk, where that is another one. */
  readonly rawName?: Buffer | undefined;
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
  /** What is there and cannot be shipped. */
  readonly failed: readonly string[];
};

export type SourceOptions = SelectionOptions & {
  /** Into subdirectories too. */
  readonly recursive?: boolean | undefined;
};

/** What was given to be shipped, made absolute. */
export type Root = { readonly path: RawPath; readonly isFolder: boolean };

/** @throws {PrefixError} for a prefix with which no consumer could write a file */
export function checkPrefix(prefix: string): void {
  const isOdd = prefix.startsWith('/') || prefix.includes('\0') || prefix.split('/').includes('..');
  if (isOdd) throw new PrefixError(prefix);
}

/**
 * @throws {PathMissingError | PathUnreadableError}
 * @param mayBeAway a file that is not there now, because it is about to be rotated, is no mistake
 */
export async function rootsOf(
  paths: readonly string[],
  mayBeAway: (path: RawPath) => boolean = () => false,
): Promise<readonly Root[]> {
  const roots = paths.map(async (given): Promise<Root> => {
    const absolute = rawOf(path.resolve(given));
    try {
      const at = await stat(bytesOf(absolute));
      if (!at.isDirectory() && !at.isFile()) {
        throw new PathUnreadableError(given, 'it is neither a file nor a directory');
      }
      return { path: absolute, isFolder: at.isDirectory() };
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) {
        if (mayBeAway(absolute)) return { path: absolute, isFolder: false };
        throw new PathMissingError(given, error);
      }
      if (error instanceof Error && 'syscall' in error) {
        throw new PathUnreadableError(given, messageOf(error), error);
      }
      throw error;
    }
  });
  return await Promise.all(roots);
}

/** A path below a root, relative to it; a file that was given itself is its own name. */
export function relativeTo({ path, isFolder }: Root, file: RawPath): RawPath | undefined {
  if (!isFolder) return file === path ? baseOf(file) : undefined;
  const above = path === '/' ? '/' : `${path}/`;
  return file.startsWith(above) ? (file.slice(above.length) as RawPath) : undefined;
}

/**
 * The regular files behind the given paths, sorted by name. Links to files are followed, links to directories are not.
 * Two that would travel under one name are reported, and neither is shipped.
 * @throws {PathMissingError | PathUnreadableError} about a given path; what lies below is reported beside the files
 * @throws {PrefixError}
 */
export async function findSources(
  paths: readonly string[],
  { recursive = false, ...options }: SourceOptions = {},
): Promise<Sources> {
  const selection = new Selection(options);
  checkPrefix(selection.prefix);
  const found = new Map<string, Source>();
  const clashing = new Map<string, string>();
  const skipped: string[] = [];
  const failed: string[] = [];

  const add = (file: RawPath, { name, rawName }: Named, at: BigIntStats): void => {
    const other = found.get(name);
    const here = bytesOf(file);
    if (other?.path.equals(here)) return;
    if (other) {
      clashing.set(name, new NamesClashError(name, other.path.toString(), here.toString()).message);
      return;
    }
    found.set(name, {
      path: here,
      name,
      bytes: Number(at.size),
      inode: `${at.dev}:${at.ino}`,
      mtimeMs: Number(at.mtimeMs),
      ctimeMs: Number(at.ctimeMs),
      ...(rawName && { rawName }),
    });
  };

  const walk = async (directory: RawPath, relative: RawPath): Promise<void> => {
    for (const entry of await readdir(bytesOf(directory), { withFileTypes: true, encoding: 'buffer' })) {
      const file = joinRaw(directory, rawOf(entry.name));
      const name = relative === '' ? rawOf(entry.name) : joinRaw(relative, rawOf(entry.name));
      const shown = printable(bytesOf(name));
      try {
        if (entry.isDirectory()) {
          if (!selection.enters(name)) continue;
          if (recursive) await walk(file, name);
          else skipped.push(`${shown}: a directory, and --recursive was not given`);
          continue;
        }
        if (!selection.takes(name)) continue;
        const at = await stat(bytesOf(file), { bigint: true });
        if (at.isFile()) add(file, selection.nameOf(name), at);
        else skipped.push(`${shown}: not a regular file`);
      } catch (error) {
        // A link that leads nowhere, or a file that was removed meanwhile.
        const list = hasCode(error, 'ENOENT') ? skipped : failed;
        list.push(`${shown}: ${messageOf(error)}`);
      }
    }
  };

  for (const { path: file, isFolder } of await rootsOf(paths)) {
    try {
      if (isFolder) await walk(file, '' as RawPath);
      else add(file, selection.nameOf(baseOf(file)), await stat(bytesOf(file), { bigint: true }));
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error)) throw error;
      throw new PathUnreadableError(bytesOf(file).toString(), messageOf(error), error);
    }
  }
  for (const [name, message] of clashing) {
    found.delete(name);
    failed.push(message);
  }
  const files = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { files, skipped, failed };
}

/** The same words for the same command line: what was shipped before a restart is known by them. */
export function sourcesInWords(
  paths: readonly string[],
  { prefix = '', recursive = false, include = [], exclude = [] }: SourceOptions,
): string {
  const globs = include.length + exclude.length > 0 ? [[include, exclude]] : [];
  return JSON.stringify([paths.map((each) => path.resolve(each)).sort(), prefix, recursive, ...globs]);
}
