import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Change } from './change.ts';
import { BeforeError } from './errors.ts';

/**
 * Shows a batch to a shell command before it is copied, such as one that makes thumbnails: its paths on stdin, each
 * ended by a NUL, in the base folder.
 * @throws {BeforeError} unless it exits 0
 */
export async function runBefore(
  command: string,
  changes: readonly Change[],
  { base, signal }: { readonly base: string; readonly signal: AbortSignal },
): Promise<void> {
  const child = spawn('sh', ['-c', command], { cwd: base, stdio: ['pipe', 'ignore', 'inherit'], signal });
  // It may not care to read them.
  child.stdin.on('error', () => {});
  child.stdin.end(changes.map(({ path }) => `${path}\0`).join(''));
  const [code, ended] = (await once(child, 'close')) as [number | null, string | null];
  if (code !== 0)
    throw new BeforeError(command, code === null ? `was ended by ${ended}` : `exited with ${code}`);
}
