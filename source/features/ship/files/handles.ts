import { constants, readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { hasCode } from './errno.ts';
import { type FileId, fileId } from './identity.ts';
import { bytesOf, type RawPath } from './raw-path.ts';

/** A file that may be opened again when it is needed, for as long as it is where it was. */
export type Openable = {
  /** Where it is now; undefined when no name leads to it any more, and only an open handle does. */
  readonly path: RawPath | undefined;
  readonly id: FileId;
  /** Content that was not read yet, and that may be out of reach once the file is closed. */
  readonly isUnread?: boolean;
  /** It is where new content comes; otherwise it was put aside, and will be removed one day. */
  readonly isLive?: boolean;
};

/** The path leads to another file than the one that was asked for, or to none. */
export class FileMovedError extends Error {
  override readonly name = 'FileMovedError';
}

type Held = {
  readonly handle: Promise<FileHandle>;
  users: number;
  usedAtMs: number;
};

const mostOpen = 1024;
const fewestOpen = 8;
const restMs = 60_000;

/**
 * A bounded set of open files, so that any number can be followed: the one that was used least recently is closed for
 * the next. What was not read yet is closed later than what was, and a file without a name last of all, because it
 * cannot be opened again. When the system has no descriptor left the set is halved.
 */
export class Handles {
  readonly #held = new Map<Openable, Held>();
  #limit: number;

  constructor(limit = Math.min(mostOpen, Math.floor(descriptorLimit() / 2))) {
    this.#limit = Math.max(fewestOpen, limit);
  }

  get size(): number {
    return this.#held.size;
  }

  has(file: Openable): boolean {
    return this.#held.has(file);
  }

  /**
   * Lends the handle of a file, opening it if it is not.
   * @throws {FileMovedError} when its path leads to it no more
   */
  async use<Result>(file: Openable, act: (handle: FileHandle) => Promise<Result>): Promise<Result> {
    const held = this.#held.get(file) ?? this.#open(file);
    held.users += 1;
    held.usedAtMs = performance.now();
    // The one used last is the last of the map.
    this.#held.delete(file);
    this.#held.set(file, held);
    try {
      return await act(await held.handle);
    } catch (error) {
      if (await isRejected(held.handle)) this.#held.delete(file);
      throw error;
    } finally {
      held.users -= 1;
    }
  }

  async close(file: Openable): Promise<void> {
    const held = this.#held.get(file);
    if (!held) return;
    this.#held.delete(file);
    await shut(held);
  }

  /** A file was opened for one purpose, and is kept open for another. */
  async pass(from: Openable, to: Openable): Promise<void> {
    const held = this.#held.get(from);
    if (!held || this.#held.has(to)) return await this.close(from);
    this.#held.delete(from);
    this.#held.set(to, held);
  }

  /** Closes what was not used for a minute and can be opened again. */
  async closeResting(): Promise<void> {
    const now = performance.now();
    for (const [file, { users, usedAtMs }] of [...this.#held]) {
      if (users === 0 && lossOf(file) === 0 && now - usedAtMs > restMs) await this.close(file);
    }
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#held.keys()].map((file) => this.close(file)));
  }

  #open(file: Openable): Held {
    return { handle: this.#opened(file), users: 0, usedAtMs: 0 };
  }

  async #opened(file: Openable): Promise<FileHandle> {
    for (;;) {
      await this.#makeRoom(this.#limit - 1);
      if (file.path === undefined) throw new FileMovedError('No name leads to it any more');
      try {
        return await openAs(file.path, file.id);
      } catch (error) {
        if (!hasCode(error, 'EMFILE', 'ENFILE') || this.#limit === fewestOpen) throw error;
        this.#limit = Math.max(fewestOpen, Math.floor(Math.min(this.#limit, this.#held.size) / 2));
      }
    }
  }

  async #makeRoom(most: number): Promise<void> {
    if (this.#held.size <= most) return;
    for (const least of [0, 1, 2, 3]) {
      for (const [file, { users }] of this.#held) {
        if (users > 0 || lossOf(file) > least) continue;
        await this.close(file);
        if (this.#held.size <= most) return;
      }
    }
  }
}

/** What is lost when it is closed: nothing, perhaps something soon, or certainly something. */
function lossOf({ path, isUnread = false, isLive = false }: Openable): number {
  if (path === undefined) return 3;
  return isUnread ? (isLive ? 1 : 2) : 0;
}

async function openAs(path: RawPath, id: FileId): Promise<FileHandle> {
  // A pipe of that name must not hold us up.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const handle = await open(bytesOf(path), flags).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw new FileMovedError('Its path leads nowhere');
    throw error;
  });
  try {
    if (fileId(await handle.stat({ bigint: true })) !== id) {
      throw new FileMovedError('Its path leads to another file');
    }
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function shut({ handle }: Held): Promise<void> {
  const opened = await handle.catch(() => undefined);
  await opened?.close();
}

async function isRejected(promise: Promise<unknown>): Promise<boolean> {
  return await promise.then(
    () => false,
    () => true,
  );
}

/** How many files this process may open; Node raises the soft limit to the hard one when it starts. */
function descriptorLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
    return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft) || 256;
  } catch {
    return 256;
  }
}
