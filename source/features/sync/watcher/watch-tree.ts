import { type Dirent, type FSWatcher, type Stats, watch } from 'node:fs';
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { messageOf } from '../../../errors.ts';
import { ancestorsOf, type Change } from '../change.ts';
import { BaseError, WatchLimitError } from '../errors.ts';

export type Watched = {
  /** Below the base, each path once. */
  readonly onChanges: (changes: readonly Change[]) => void;
  /** Anything may have changed unseen. */
  readonly onLost: (reason: string) => void;
  readonly onTrouble: (sentence: string) => void;
  /** Nothing is reported any more. */
  readonly onFailed: (error: unknown) => void;
};

type Folder = { readonly watcher: FSWatcher; readonly within: Map<string, Folder> };

/** How long changes are collected before they are reported. */
const settleMs = 20;

/**
 * Tells of what changes in a folder and all below it, on Linux: a watch of inotify's for each folder, by Node.
 *
 * A folder that appears is watched first, with all it holds, and reported then, as one to be compared whole: what was put
 * into it before it was watched is copied, and what was removed from it by then, or went with another folder of its
 * name, is removed. A renamed folder is watched anew under its name. (@parcel/watcher 2.6 leaves
 * out the folders that `mkdir -p`, `cp -r` and `tar x` make within a new one, and those within a renamed one.)
 *
 * The kernel's queue of events may overflow, which Node does not tell. It then holds as many as it can, and Node reads
 * all of them in one turn of its loop, so a turn with nearly as many is taken for an overflow.
 */
export class TreeWatch {
  readonly #base: string;
  readonly #watched: Watched;
  readonly #root = new Map<string, Folder>();
  readonly #mostInTurn: number;
  readonly #identity: Stats;
  /** Path -> whether an entry of that name came or went; otherwise only its content changed. */
  #dirty = new Map<string, boolean>();
  /** Names that are not UTF-8, so that no message can name them, by their folder. */
  #unnamed = new Map<string, Buffer[]>();
  #settling: Promise<void> | undefined;
  #inTurn = 0;
  #isOverrun = false;
  #isClosed = false;

  private constructor(base: string, identity: Stats, mostInTurn: number, watched: Watched) {
    this.#base = base;
    this.#identity = identity;
    this.#mostInTurn = mostInTurn;
    this.#watched = watched;
  }

  /** @throws {WatchLimitError} */
  static async open(base: string, watched: Watched): Promise<TreeWatch> {
    const limit = await readFile('/proc/sys/fs/inotify/max_queued_events', 'utf8').catch(() => '');
    const tree = new TreeWatch(base, await stat(base), (Number(limit) || 16_384) / 2, watched);
    try {
      await tree.#enter('', tree.#root);
    } catch (error) {
      tree.close();
      throw error;
    }
    return tree;
  }

  close(): void {
    this.#isClosed = true;
    leave(this.#root, '');
  }

  /** Watches a folder and all in it. One that is gone meanwhile was reported, or will be, by the folder above. */
  async #enter(at: string, above: Map<string, Folder>): Promise<void> {
    if (this.#isClosed) return;
    const absolute = path.join(this.#base, at);
    const within = new Map<string, Folder>();
    let entries: Dirent[];
    try {
      // Watched first, then read: what comes in between is at worst reported twice.
      const watcher = watch(absolute, { encoding: 'buffer' }, (type, name) => this.#note(at, type, name));
      watcher.on('error', this.#watched.onFailed);
      leave(above, path.basename(at));
      above.set(path.basename(at), { watcher, within });
      entries = await readdir(absolute, { withFileTypes: true });
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'ENOSPC' || code === 'EMFILE') throw new WatchLimitError(absolute, error);
      if (code !== 'ENOENT' && code !== 'ENOTDIR')
        this.#watched.onTrouble(`Cannot watch ${absolute}: ${messageOf(error)}`);
      return;
    }
    const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.includes('\uFFFD'));
    await Promise.all(folders.map(({ name }) => this.#enter(path.join(at, name), within)));
  }

  #note(at: string, type: string, entry: Buffer | null): void {
    if (this.#inTurn === 0) setImmediate(() => (this.#inTurn = 0));
    this.#inTurn += 1;
    this.#isOverrun ||= this.#inTurn >= this.#mostInTurn;
    if (entry === null) return;
    const name = entry.toString();
    if (Buffer.from(name).equals(entry)) {
      const changed = path.join(at, name);
      this.#dirty.set(changed, type === 'rename' || this.#dirty.get(changed) === true);
    } else {
      const others = this.#unnamed.get(at);
      if (others) others.push(entry);
      else this.#unnamed.set(at, [entry]);
    }
    this.#settling ??= this.#settle();
  }

  async #settle(): Promise<void> {
    try {
      while (this.#dirty.size + this.#unnamed.size > 0 && !this.#isClosed) {
        await wait(settleMs);
        const [dirty, unnamed] = [this.#dirty, this.#unnamed];
        this.#dirty = new Map();
        this.#unnamed = new Map();
        if (dirty.get(path.basename(this.#base)) === true) await this.#checkBase();
        if (this.#isOverrun) await this.#lookAgain();
        else await this.#tell(dirty, unnamed);
      }
    } catch (error) {
      this.#watched.onFailed(error);
    } finally {
      this.#settling = undefined;
    }
  }

  async #tell(dirty: ReadonlyMap<string, boolean>, unnamed: ReadonlyMap<string, Buffer[]>): Promise<void> {
    const seen = await Promise.all(
      [...dirty].map(async ([changed, isEntry]) => ({
        changed,
        isEntry,
        found: await lstat(path.join(this.#base, changed)).catch(() => undefined),
      })),
    );
    const changes: Change[] = [];
    const moved = new Set<string>();
    const fresh: { readonly changed: string; readonly above: Map<string, Folder> }[] = [];
    // Folders come before what is in them.
    for (const { changed, isEntry, found } of seen.sort((a, b) => (a.changed < b.changed ? -1 : 1))) {
      // Whoever does a folder does what is in it; its own end is reported as of an entry of its name, too.
      if (ancestorsOf(changed).some((folder) => moved.has(folder))) continue;
      if (!isEntry) {
        if (found) changes.push({ path: changed, op: 'change' });
        continue;
      }
      const above = this.#within(path.dirname(changed));
      if (above) leave(above, path.basename(changed));
      if (found?.isDirectory() && above) fresh.push({ changed, above });
      if (!found || found.isDirectory()) moved.add(changed);
      const op = found?.isDirectory() ? 'rescan' : 'change';
      changes.push({ path: changed, op: found ? op : 'delete' });
    }
    await Promise.all(fresh.map(({ changed, above }) => this.#enter(changed, above)));
    for (const [at, names] of unnamed) changes.push(await this.#changeOf(at, names));
    if (changes.length > 0 && !this.#isClosed) this.#watched.onChanges(changes);
  }

  /** What to look at because of names that cannot be reported: the folder's entries, or all below it. */
  async #changeOf(at: string, names: readonly Buffer[]): Promise<Change> {
    const folder = Buffer.from(`${path.join(this.#base, at)}/`);
    const found = await Promise.all(
      names.map((name) => lstat(Buffer.concat([folder, name])).catch(() => undefined)),
    );
    return { path: at, op: found.some((entry) => entry?.isDirectory()) ? 'rescan' : 'entries' };
  }

  #within(at: string): Map<string, Folder> | undefined {
    const parts = at === '.' ? [''] : ['', ...at.split('/')];
    return parts.reduce<Map<string, Folder> | undefined>(
      (above, name) => above?.get(name)?.within,
      this.#root,
    );
  }

  async #lookAgain(): Promise<void> {
    this.#isOverrun = false;
    await this.#enter('', this.#root);
    this.#watched.onLost('too many events at once');
  }

  /** Its watch stays with a folder that is moved away, or covered by a mount. */
  async #checkBase(): Promise<void> {
    const now = await stat(this.#base).catch(() => undefined);
    if (now?.ino !== this.#identity.ino || now.dev !== this.#identity.dev)
      throw new BaseError(this.#base, 'it was moved, removed or covered');
  }
}

/** Ends watching a folder and all in it. */
function leave(above: Map<string, Folder>, name: string): void {
  const folder = above.get(name);
  if (!folder) return;
  above.delete(name);
  folder.watcher.close();
  for (const each of folder.within.keys()) leave(folder.within, each);
}
