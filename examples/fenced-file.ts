import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * A file that refuses an older fence. A file system cannot compare and write in one step, so every fence writes a
 * file of its own, `FILE.FENCE`, and the highest one is the content: a late write by a stale holder changes nothing.
 */

/** False: refused, because somebody with a higher fence has written. */
export function saveFenced(file: string, content: string, fence: number): boolean {
  const own = versionOf(file, fence);
  if (newest(file) > own) return false;
  writeFileSync(`${own}.tmp`, content);
  renameSync(`${own}.tmp`, own);
  for (const version of versions(file)) if (version < newest(file)) rmSync(version, { force: true });
  return newest(file) === own;
}

export const readFenced = (file: string): string => readFileSync(newest(file), 'utf8');

const versionOf = (file: string, fence: number): string => `${file}.${String(fence).padStart(16, '0')}`;
const newest = (file: string): string => versions(file).at(-1) ?? '';

function versions(file: string): string[] {
  const names = readdirSync(path.dirname(file)).filter((name) => /\.\d{16}$/.test(name));
  const own = names.filter((name) => name.slice(0, -17) === path.basename(file));
  return own.toSorted().map((name) => path.join(path.dirname(file), name));
}
