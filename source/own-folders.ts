import { lstatSync, mkdirSync, readlinkSync, type Stats } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { type ErrorOptionsWithHint, messageOf, QuarterdeckError } from './errors.ts';

/**
 * Folders that only this user may read or write: the compile cache, collected gzip files, recordings, the private
 * server. Others on the machine may know their names and make them first, so each is made by us or looked at before
 * it is used, as ssh and gpg do.
 */

/** A folder of ours is not safe to use, or cannot be made. */
export class FolderError extends QuarterdeckError {
  readonly folder: string;

  constructor(folder: string, reason: string, options: ErrorOptionsWithHint = {}) {
    super('data', 'FOLDER_UNSAFE', `Cannot use the folder ${folder}: ${reason}`, options);
    this.folder = folder;
  }
}

/**
 * Makes the folder with mode 0700, and what is missing above it; or checks the one that is there: no link, owned by
 * this user, closed to others, and in no folder where somebody else could replace it.
 * @returns the same path
 * @throws {FolderError} naming what is wrong with it
 */
export function ownFolder(folder: string): string {
  const resolved = path.resolve(folder);
  if (found(resolved)) {
    checkFolder(folder);
    return folder;
  }
  // First: nothing is made behind a link of somebody else.
  const unsafe = unsafeAbove(path.dirname(resolved));
  if (unsafe !== undefined) throw new FolderError(folder, unsafe);
  try {
    mkdirSync(resolved, { recursive: true, mode: 0o700 });
  } catch (error) {
    // Something that is no folder stands there: said below, in our words.
    if (!isCode(error, 'EEXIST')) throw new FolderError(folder, messageOf(error), { cause: error });
  }
  checkFolder(folder);
  return folder;
}

/**
 * Whether what lies in this folder can only have been written by this user. False where there is none.
 */
export function isOwnFolder(folder: string): boolean {
  try {
    checkFolder(folder);
    return true;
  } catch {
    return false;
  }
}

function checkFolder(folder: string): void {
  const resolved = path.resolve(folder);
  const stats = lstatSync(resolved);
  if (stats.isSymbolicLink()) {
    throw new FolderError(folder, 'it is a link', { hint: 'Name the folder that it leads to' });
  }
  if (!stats.isDirectory()) throw new FolderError(folder, 'it is no folder');
  const uid = process.getuid?.();
  // Windows knows neither owners nor modes.
  if (uid === undefined) return;
  if (stats.uid !== uid) {
    throw new FolderError(folder, `it belongs to user ${stats.uid}, not to you (${uid})`, {
      hint: 'Choose another one, or have that one removed: what lies in it may be read or changed by its owner',
    });
  }
  if ((stats.mode & 0o077) !== 0) {
    throw new FolderError(folder, `others may read or write it (mode ${modeOf(stats)})`, {
      hint: `Close it with \`chmod 700 ${folder}\`, after a look at what lies in it`,
    });
  }
  const unsafe = unsafeAbove(path.dirname(resolved));
  if (unsafe !== undefined) throw new FolderError(folder, unsafe);
}

/**
 * Why somebody else could put another folder in the place of one below, by its path or by a link on that; undefined if
 * nobody could. What is missing of it is not looked at.
 */
function unsafeAbove(folder: string): string | undefined {
  const uid = process.getuid?.();
  if (uid === undefined) return;
  let at: string = path.parse(folder).root;
  let left = folder.split(path.sep).filter((part) => part !== '');
  for (let links = 0; ; ) {
    const stats = found(at);
    if (!stats) return;
    if (stats.uid !== 0 && stats.uid !== uid) {
      return `${at} above it belongs to user ${stats.uid}${stats.isSymbolicLink() ? ', and is a link' : ''}`;
    }
    if (stats.isSymbolicLink()) {
      links += 1;
      if (links > mostLinks) return `${at} above it is a link that leads to itself`;
      const target = path.resolve(path.dirname(at), readlinkSync(at));
      at = path.parse(target).root;
      left = [...target.split(path.sep).filter((part) => part !== ''), ...left];
      continue;
    }
    const isOpen = (stats.mode & 0o002) !== 0;
    const isSticky = (stats.mode & 0o1000) !== 0;
    if (isOpen && !isSticky) return `everybody may write ${at} above it (mode ${modeOf(stats)})`;
    const [next, ...rest] = left;
    if (next === undefined || !stats.isDirectory()) return;
    at = path.join(at, next);
    left = rest;
  }
}

/** As many as Linux follows. */
const mostLinks = 40;

/** Undefined as well where it may not be looked at: what is to be made there then fails, with the reason. */
function found(file: string): Stats | undefined {
  try {
    return lstatSync(file);
  } catch {
    return;
  }
}

function modeOf({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

/** Runs this while new files and folders are closed to others: for processes of ours that are started in it. */
export function withPrivateUmask<Result>(run: () => Result): Result {
  const before = process.umask(0o077);
  try {
    return run();
  } finally {
    process.umask(before);
  }
}

export function cacheHome(env: NodeJS.ProcessEnv): string {
  return absolute(env.XDG_CACHE_HOME) ?? path.join(userHome(env), '.cache');
}

export function stateHome(env: NodeJS.ProcessEnv): string {
  return absolute(env.XDG_STATE_HOME) ?? path.join(userHome(env), '.local', 'state');
}

export function configHome(env: NodeJS.ProcessEnv): string {
  return absolute(env.XDG_CONFIG_HOME) ?? path.join(userHome(env), '.config');
}

/** The XDG rules: a path that is not absolute is to be ignored. */
function absolute(folder: string | undefined): string | undefined {
  return folder !== undefined && path.isAbsolute(folder) ? folder : undefined;
}

/** Containers run as users that the machine knows nothing of: those have no home. */
function userHome(env: NodeJS.ProcessEnv): string {
  if (env.HOME) return env.HOME;
  try {
    return homedir();
  } catch {
    return path.parse(process.execPath).root;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
