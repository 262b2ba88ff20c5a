import { runShell } from '../../../system/run-shell.ts';
import type { Change } from '../change.ts';
import { BeforeError } from '../errors.ts';

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
  const paths = changes.map(({ path }) => `${path}\0`).join('');
  const { code, text } = await runShell(command, { cwd: base, signal, input: [paths] });
  if (code !== 0) throw new BeforeError(command, text);
}
