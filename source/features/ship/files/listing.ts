import {
  type BigIntStats,
  type Dirent,
  type FSWatcher,
  lstatSync,
  realpathSync,
  statSync,
  watch,
} from 'node:fs';
import { readdir, statfs } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf } from '../../../errors.ts';
import { hasCode } from './errno.ts';
import { type FileId, fileId, stampOf } from './identity.ts';
import { bytesOf, folderOf, joinRaw, type RawPath, rawOf } from './raw-path.ts';

/** A regular file as it was last looked at. */
export type Listed = {
  readonly path: RawPath;
  /** Where it really is, when `path` is a symbolic link. */
  readonly real: RawPath | undefined;
  readonly id: FileId;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  /** Everything that changes when the file does: what was found out about it holds as long as this. */
  readonly stamp: string;
};

export type ListingOptions = {
  /** Which entries of a folder are looked at. */
  accepts(path: RawPath, isFolder: boolean): boolean;
  /** Subfolders of roots are entered. */
  readonly recursive: boolean;
  /** Something in a root is no regular file or cannot be looked at. */
  onSkipped(path: RawPath, reason: string): void;
  /** Changes in a folder are not reported by the system: it is looked at every second. */
  onBlind(folder: RawPath, reason: string): void;
};

/** `isRoot`: a folder that was given, or below one; others are looked into for some names only. */
type Folder = { readonly isRoot: boolean; id: FileId; watcher: FSWatcher | undefined };

const sliceFiles = 1000;
/** File systems that do not tell of changes made elsewhere: NFS, SMB, FUSE, 9P and the like. */
const remote = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x65735546, 0x01021997, 0x73757245, 0x5346414f,
]);

/**
 * The regular files of some folders, kept up to date by what the system tells of changes; what it does not tell is
 * found by looking at everything once in a while.
 */
export class Listing {
  readonly files = new Map<RawPath, Listed>();
  /** Some folder cannot be watched: only looking finds what changed. */
  isBlind = false;
  readonly #options: ListingOptions;
  readonly #folders = new Map<RawPath, Folder>();
  /** Of each file that is no link what the system said last: to see without building anything that nothing changed. */
  readonly #stats = new Map<RawPath, BigIntStats>();
  /** Links by where they lead: what happens there is reported there. */
  readonly #links = new Map<RawPath, RawPath>();
  /** Reported and not looked at. */
  #reported = new Set<RawPath>();
  /** Folders to be read anew. */
  #unread = new Set<RawPath>();
  #onTold: () => void = () => {};

  constructor(options: ListingOptions) {
    this.#options = options;
  }

  /** Adds a folder, which the next `look` reads; one that is not there (yet) is looked for again at every sweep. */
  async add(path: RawPath, { isRoot }: { readonly isRoot: boolean }): Promise<void> {
    const known = this.#folders.get(path);
    if (known && (known.isRoot || !isRoot)) return;
    known?.watcher?.close();
    const folder = { isRoot, id: '', watcher: undefined };
    this.#folders.set(path, folder);
    await this.#watch(path, folder);
    // Watched first and read then: what comes in between is at worst looked at twice.
    this.#unread.add(path);
  }

  /** Resolves when something was notified of, or when the time is over. */
  async changed(waitMs: number, signal: AbortSignal): Promise<void> {
    if (this.#reported.size > 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        this.#onTold = () => {};
        resolve();
      };
      const timer = setTimeout(finish, waitMs);
      signal.addEventListener('abort', finish, { once: true });
      this.#onTold = finish;
    });
  }

  /** Looks at what was notified of. Returns the paths whose file is another one than before, changed or gone. */
  async look(): Promise<Set<RawPath>> {
    const changed = new Set<RawPath>();
    const unread = this.#unread;
    this.#unread = new Set();
    for (const path of unread) {
      const folder = this.#folders.get(path);
      if (folder) for (const entry of await this.#entriesOf(path, folder)) this.#reported.add(entry);
    }
    // Folders that are found tell of what is in them.
    while (this.#reported.size > 0) {
      const reported = this.#reported;
      this.#reported = new Set();
      await this.#lookAt(reported, changed);
    }
    return changed;
  }

  /** Looks at everything. */
  async sweep(): Promise<Set<RawPath>> {
    // All folders are read below.
    this.#unread = new Set();
    const changed = await this.look();
    const missing = new Set(this.files.keys());
    // Folders found on the way are added behind.
    for (const [path, folder] of this.#folders) {
      const entries = await this.#entriesOf(path, folder);
      for (const entry of entries) missing.delete(entry);
      await this.#lookAt(entries, changed);
      await this.#watchAgain(path, folder);
    }
    for (const path of missing) {
      this.#stats.delete(path);
      if (this.files.delete(path)) changed.add(path);
    }
    return changed;
  }

  /** Looks at one path at the next `look`. */
  recheck(path: RawPath): void {
    this.#reported.add(path);
    const link = this.#links.get(path);
    if (link !== undefined) this.#reported.add(link);
    this.#onTold();
  }

  /** Looks at one path at the next `look`, and at what else is in its folder when the system does not tell what changed. */
  recheckAround(path: RawPath): void {
    this.recheck(path);
    if (this.isBlind) this.#unread.add(folderOf(path));
  }

  close(): void {
    for (const { watcher } of this.#folders.values()) watcher?.close();
    this.#folders.clear();
  }

  async #lookAt(paths: Iterable<RawPath>, changed: Set<RawPath>): Promise<void> {
    let looked = 0;
    for (const path of paths) {
      looked += 1;
      if (looked % sliceFiles === 0) await nextTurn();
      const above = this.#folders.get(folderOf(path));
      const at = above && this.#statOf(path, above);
      const isFolder = at?.isDirectory() === true;
      if (this.#folders.has(path) && !isFolder && above?.isRoot) this.#drop(path);
      if (above && isFolder) await this.#enter(path, above);
      const before = this.files.get(path);
      if (before && at && isUnchanged(at, this.#stats.get(path))) continue;
      const now = above && at && !isFolder ? this.#listed(path, at, above) : undefined;
      if (now) this.files.set(path, now);
      else this.files.delete(path);
      if (now && at?.isFile()) this.#stats.set(path, at);
      else this.#stats.delete(path);
      if (now?.real !== undefined) this.#links.set(now.real, path);
      if (before?.stamp !== now?.stamp || before?.real !== now?.real) changed.add(path);
    }
  }

  #statOf(path: RawPath, { isRoot }: Folder): BigIntStats | undefined {
    try {
      return statOf(path);
    } catch (error) {
      if (isRoot) this.#options.onSkipped(path, messageOf(error));
      return;
    }
  }

  #listed(path: RawPath, entry: BigIntStats, above: Folder): Listed | undefined {
    if (!this.#options.accepts(path, false)) return;
    const isLink = entry.isSymbolicLink();
    const at = isLink ? targetOf(path) : entry;
    if (!at?.isFile()) {
      const reason = at ? 'not a regular file' : 'a link that leads nowhere';
      // Links to folders are not followed.
      if (above.isRoot && !(isLink && at?.isDirectory())) this.#options.onSkipped(path, reason);
      return;
    }
    return {
      path,
      real: isLink ? realOf(path) : undefined,
      id: fileId(at),
      size: Number(at.size),
      mtimeMs: Number(at.mtimeMs),
      ctimeMs: Number(at.ctimeMs),
      stamp: stampOf(at),
    };
  }

  async #enter(path: RawPath, above: Folder): Promise<void> {
    if (this.#folders.has(path) || !above.isRoot) return;
    if (!this.#options.recursive) {
      this.#options.onSkipped(path, 'a directory, and --recursive was not given');
      return;
    }
    if (!this.#options.accepts(path, true)) return;
    await this.add(path, { isRoot: true });
    const folder = this.#folders.get(path);
    if (folder) for (const entry of await this.#entriesOf(path, folder)) this.recheck(entry);
    this.#unread.delete(path);
  }

  /** A folder that is none any more, with all that was below it. */
  #drop(path: RawPath): void {
    for (const [other, { watcher }] of this.#folders) {
      if (other !== path && !other.startsWith(`${path}/`)) continue;
      watcher?.close();
      this.#folders.delete(other);
    }
    for (const file of this.files.keys()) if (file.startsWith(`${path}/`)) this.recheck(file);
  }

  async #entriesOf(path: RawPath, { isRoot }: Folder): Promise<readonly RawPath[]> {
    let entries: Dirent<Buffer>[];
    try {
      entries = await readdir(bytesOf(path), { withFileTypes: true, encoding: 'buffer' });
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'ENOTDIR')) this.#options.onSkipped(path, messageOf(error));
      return [];
    }
    return entries.flatMap((entry) => {
      const at = joinRaw(path, rawOf(entry.name));
      const isKnown = isRoot && this.files.has(at);
      const isWanted = entry.isDirectory() ? isRoot : isKnown || this.#options.accepts(at, false);
      return isWanted ? [at] : [];
    });
  }

  async #watch(path: RawPath, folder: Folder): Promise<void> {
    const at = targetOf(path);
    if (!at?.isDirectory()) return;
    folder.id = fileId(at);
    try {
      if (remote.has((await statfs(bytesOf(path))).type)) {
        this.#blind(path, 'its file system tells of no changes');
        return;
      }
      const watcher = watch(bytesOf(path), { encoding: 'buffer' }, (_, name) => {
        if (Buffer.isBuffer(name)) this.recheck(joinRaw(path, rawOf(name)));
      });
      watcher.on('error', () => {
        watcher.close();
        folder.watcher = undefined;
      });
      folder.watcher = watcher;
    } catch (error) {
      this.#blind(path, messageOf(error));
    }
  }

  /** A folder of this name may be another one by now. */
  async #watchAgain(path: RawPath, folder: Folder): Promise<void> {
    const at = targetOf(path);
    if (at && folder.watcher && fileId(at) === folder.id) return;
    folder.watcher?.close();
    folder.watcher = undefined;
    if (at && !(this.isBlind && fileId(at) === folder.id)) await this.#watch(path, folder);
  }

  #blind(path: RawPath, reason: string): void {
    this.isBlind = true;
    this.#options.onBlind(path, reason);
  }
}

/** Whether the stamp is the same. */
function isUnchanged(at: BigIntStats, before: BigIntStats | undefined): boolean {
  return (
    before !== undefined &&
    at.ctimeNs === before.ctimeNs &&
    at.mtimeNs === before.mtimeNs &&
    at.size === before.size &&
    at.ino === before.ino &&
    at.birthtimeNs === before.birthtimeNs &&
    at.dev === before.dev &&
    at.mode === before.mode
  );
}

/** The entry itself, which may be a link; undefined when there is none. */
function statOf(path: RawPath): BigIntStats | undefined {
  return lstatSync(bytesOf(path), { bigint: true, throwIfNoEntry: false });
}

/** What a path leads to; undefined when that is nothing, or nothing that may be looked at. */
function targetOf(path: RawPath): BigIntStats | undefined {
  try {
    return statSync(bytesOf(path), { bigint: true, throwIfNoEntry: false });
  } catch {
    return;
  }
}

function realOf(path: RawPath): RawPath | undefined {
  try {
    return rawOf(realpathSync.native(bytesOf(path), { encoding: 'buffer' }));
  } catch {
    return;
  }
}
