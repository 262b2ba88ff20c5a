import type { Entry } from './execute.ts';

/** What a run did. */
export type Copied = {
  readonly files: number;
  readonly bytes: number;
  /** Of everything but folders: what was not at the target before. */
  readonly created: number;
  /** Entries, folders included. */
  readonly deleted: number;
  readonly deletedFiles: number;
  /** Symlinks that lead out of the base: never copied. */
  readonly leftOut: number;
  readonly failed: readonly Failure[];
  /** Complaints that concern no file, such as the times of a folder that belongs to somebody else. */
  readonly warnings: readonly string[];
};

export type Failure = {
  /** Undefined where rsync did not say which. */
  readonly path: string | undefined;
  readonly reason: string;
};

export const nothingCopied: Copied = {
  files: 0,
  bytes: 0,
  created: 0,
  deleted: 0,
  deletedFiles: 0,
  leftOut: 0,
  failed: [],
  warnings: [],
};

export function together(one: Copied, other: Copied): Copied {
  return {
    files: one.files + other.files,
    bytes: one.bytes + other.bytes,
    created: one.created + other.created,
    deleted: one.deleted + other.deleted,
    deletedFiles: one.deletedFiles + other.deletedFiles,
    leftOut: one.leftOut + other.leftOut,
    failed: [...one.failed, ...other.failed],
    warnings: [...one.warnings, ...other.warnings],
  };
}

/** With an entry more that a run listed; with one less, where `times` is -1. */
export function withEntry(copied: Copied, { kind, bytes, isDeletion, isCreation }: Entry, times = 1): Copied {
  const isFile = kind === 'file' && !isDeletion;
  return {
    ...copied,
    files: copied.files + (isFile ? times : 0),
    bytes: copied.bytes + (isFile ? bytes * times : 0),
    created: copied.created + (isCreation && kind !== 'folder' ? times : 0),
    deleted: copied.deleted + (isDeletion ? times : 0),
    deletedFiles: copied.deletedFiles + (isDeletion && kind !== 'folder' ? times : 0),
  };
}
