import { messageOf } from '../../../errors.ts';
import { runShell } from '../../../system/run-shell.ts';
import type { Change } from '../change.ts';
import { BeforeError } from '../errors.ts';
import type { BeforeCopy } from '../options.ts';

/**
 * Shows a batch to a shell command or a function before it is copied, such as one that makes thumbnails. A command gets
 * its paths on stdin, each ended by a NUL, in the base folder; aborted, it ends with all it started.
 * @throws {BeforeError} unless it exits 0, or returns
 */
export async function runBefore(
  hook: string | BeforeCopy,
  changes: readonly Change[],
  { base, signal }: { readonly base: string; readonly signal: AbortSignal },
): Promise<void> {
  const paths = changes.map(({ path }) => path);
  if (typeof hook === 'function') {
    try {
      await hook(paths, { base, signal });
    } catch (error) {
      signal.throwIfAborted();
      throw new BeforeError('The function `before`', `refused the batch: ${messageOf(error)}`, {
        cause: error,
      });
    }
    return;
  }
  const input = [paths.map((path) => `${path}\0`).join('')];
  const { code, text } = await runShell(hook, { cwd: base, signal, input });
  if (code !== 0) throw new BeforeError(`\`${hook}\``, text);
}
