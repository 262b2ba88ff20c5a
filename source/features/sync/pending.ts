import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { ancestorsOf, type Change } from './change.ts';

/** Paths waiting for a batch, each once. */
export class Pending {
  readonly #changes = new Map<string, Change>();

  get size(): number {
    return this.#changes.size;
  }

  has(changed: string): boolean {
    return this.#changes.has(changed) || ancestorsOf(changed).some((folder) => this.#changes.has(folder));
  }

  /** Two different changes of one path are the same as one that covers both. */
  add(change: Change): void {
    const before = this.#changes.get(change.path);
    const isCovered = before === undefined || before.op === change.op || change.op === 'delete';
    const isQuick = change.quick === true && (before === undefined || before.quick === true);
    this.#changes.set(change.path, {
      path: change.path,
      op: isCovered ? change.op : 'rescan',
      ...(isQuick && { quick: true }),
    });
  }

  /** Takes everything out. */
  take(): Change[] {
    const all = [...this.#changes.values()];
    this.#changes.clear();
    return all;
  }
}

/**
 * Cuts changes into batches of at most so many paths and, as their files are now, so many bytes; a larger file has a
 * batch of its own.
 */
export async function* cut(
  base: string,
  changes: readonly Change[],
  most: { readonly files: number; readonly bytes: number },
): AsyncGenerator<readonly Change[]> {
  let batch: Change[] = [];
  let bytes = 0;
  for (let from = 0; from < changes.length; from += lookedAtOnce) {
    const some = changes.slice(from, from + lookedAtOnce);
    const sizes = await Promise.all(some.map(({ path: changed }) => sizeOf(path.join(base, changed))));
    for (const [index, change] of some.entries()) {
      const size = sizes[index] ?? 0;
      if (batch.length === most.files || (batch.length > 0 && bytes + size > most.bytes)) {
        yield batch;
        batch = [];
        bytes = 0;
      }
      batch.push(change);
      bytes += size;
    }
  }
  if (batch.length > 0) yield batch;
}

const lookedAtOnce = 1000;

async function sizeOf(file: string): Promise<number> {
  const found = await lstat(file).catch(() => undefined);
  return found?.isFile() ? found.size : 0;
}

/** Whether anything asks for everything to be looked at. */
export function wantsFullScan(changes: readonly Change[]): boolean {
  return changes.some(({ path: changed, op }) => op === 'rescan' && changed === '');
}
