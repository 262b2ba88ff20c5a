import { runShell } from '../../../system/run-shell.ts';
import type { CommandContext } from '../../feature.ts';
import { ExecFailedError } from '../channel/errors.ts';
import type { Delivery } from './delivery.ts';
import type { LineBatch } from './line-batch.ts';

/**
 * Runs a command line for one part, with its decompressed lines as standard input; the file's name and what part of
 * it this is are in the environment. Its output goes where ours goes. The context's signal ends it with all it started.
 * @throws {ExecFailedError} unless it exits with 0: the part is then not acknowledged
 */
export async function runOn(
  command: string,
  delivery: Delivery,
  context: CommandContext,
  onLines: (batch: LineBatch) => Promise<void>,
): Promise<void> {
  const { code, signal } = await runShell(command, {
    env: describe(delivery),
    input: linesOf(delivery, onLines),
    signal: context.signal,
    onStdout: (bytes) => context.write(bytes),
  });
  if (code !== 0) throw new ExecFailedError(command, delivery.file, signal ?? `exit code ${code}`);
}

async function* linesOf(
  delivery: Delivery,
  onLines: (batch: LineBatch) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  for await (const batch of delivery.lines()) {
    await onLines(batch);
    yield batch.bytes;
  }
}

function describe({ file, part, at, bytes, isLast }: Delivery): Record<string, string> {
  return {
    QUARTERDECK_FILE: file,
    QUARTERDECK_PART: String(part),
    QUARTERDECK_OFFSET: String(at),
    QUARTERDECK_BYTES: String(bytes),
    QUARTERDECK_LAST: isLast ? '1' : '0',
  };
}
