import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { FileRecord } from '../channel/ledger.ts';
import { beginsAs, isKnownAs, type OpenFile, openFile } from './open-file.ts';

/**
 * Finds where a file went that used to be at `file`: under another name in its directory, known by its inode, or as a
 * copy that begins the same and has what comes after. Undefined if it is not there.
 */
export async function findRotated(file: Buffer, record: FileRecord): Promise<OpenFile | undefined> {
  if (record.position === 0) return;
  const directory = path.dirname(file.toString('latin1'));
  const copies: { readonly path: Buffer; readonly mtimeMs: number }[] = [];
  for (const name of await readdir(Buffer.from(directory, 'latin1'), { encoding: 'buffer' })) {
    const at = Buffer.concat([Buffer.from(`${directory}/`, 'latin1'), name]);
    const found = await stat(at, { bigint: true }).catch(() => undefined);
    if (!found?.isFile() || Number(found.size) < record.position) continue;
    if (`${found.dev}:${found.ino}` === record.inode) {
      const same = await opened(at, (open) => isKnownAs(open, record));
      if (same) return same;
    } else if (!at.equals(file)) {
      copies.push({ path: at, mtimeMs: Number(found.mtimeMs) });
    }
  }
  for (const { path } of copies.sort((a, b) => b.mtimeMs - a.mtimeMs)) {
    const copy = await opened(path, (open) => beginsAs(open.read, record.head));
    if (copy) return copy;
  }
}

/** The open file if it passes, else undefined and closed. */
async function opened(
  file: Buffer,
  passes: (open: OpenFile) => Promise<boolean>,
): Promise<OpenFile | undefined> {
  const open = await openFile(file).catch(() => undefined);
  if (!open) return;
  if (await passes(open)) return open;
  await open.close();
}
