import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { endGroup } from '../../system/process-group.ts';
import type { Change } from './change.ts';
import { BeforeError } from './errors.ts';

const killAfterMs = 5000;

/**
 * Shows a batch to a shell command before it is copied, such as one that makes thumbnails: its paths on stdin, each
 * ended by a NUL, in the base folder. Aborted, it ends with all it started.
 * @throws {BeforeError} unless it exits 0
 */
export async function runBefore(
  command: string,
  changes: readonly Change[],
  { base, signal }: { readonly base: string; readonly signal: AbortSignal },
): Promise<void> {
  signal.throwIfAborted();
  const child = spawn('sh', ['-c', command], {
    cwd: base,
    stdio: ['pipe', 'ignore', 'inherit'],
    // A group of its own: what the shell started would outlive it.
    detached: true,
  });
  let ending: Promise<void> | undefined;
  const stop = (): void => {
    if (child.pid !== undefined) ending ??= endGroup(child.pid, killAfterMs);
  };
  signal.addEventListener('abort', stop, { once: true });
  // It may not care to read them.
  child.stdin.on('error', () => {});
  child.stdin.end(changes.map(({ path }) => `${path}\0`).join(''));
  try {
    const [code, ended] = (await once(child, 'close')) as [number | null, string | null];
    signal.throwIfAborted();
    if (code !== 0)
      throw new BeforeError(command, code === null ? `was ended by ${ended}` : `exited with ${code}`);
  } finally {
    signal.removeEventListener('abort', stop);
    await ending;
  }
}
