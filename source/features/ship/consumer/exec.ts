import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { CommandContext } from '../../feature.ts';
import { ExecFailedError } from '../channel/errors.ts';
import type { Delivery } from './delivery.ts';
import type { LineBatch } from './line-batch.ts';

/**
 * Runs a command line for one part, with its decompressed lines as standard input; the file's name and what part of
 * it this is are in the environment. Its output goes where ours goes.
 * @throws {ExecFailedError} unless it exits with 0: the part is then not acknowledged
 */
export async function runOn(
  command: string,
  delivery: Delivery,
  context: CommandContext,
  onLines: (batch: LineBatch) => Promise<void>,
): Promise<void> {
  // env(1) adds to the environment that is inherited.
  const child = spawn('env', [...describe(delivery), 'sh', '-c', command], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const failed = once(child, 'error').then(([error]) => Promise.reject(error as Error));
  failed.catch(() => {});
  const ended = Promise.race([exited, failed]);
  const { stdin, stdout } = child;
  // Who has seen enough closes its input; that is not for us to judge, its exit code is.
  stdin.on('error', () => {});
  const printed = (async () => {
    for await (const chunk of stdout) await context.write(chunk as Buffer);
  })();
  // A reader that has gone is told when the command has ended: its output was closed, so it soon will.
  printed.catch(() => {});
  try {
    for await (const batch of delivery.lines()) {
      await onLines(batch);
      if (stdin.writable && !stdin.write(batch.bytes)) {
        await Promise.race([once(stdin, 'drain'), once(stdin, 'close'), ended]).catch(() => {});
      }
    }
  } catch (error) {
    // The end of its input would look like the end of the part.
    child.kill();
    throw error;
  }
  stdin.end();
  const [code, signal] = await ended;
  await printed;
  if (code !== 0) throw new ExecFailedError(command, delivery.file, signal ?? `exit code ${code}`);
}

function describe({ file, part, at, bytes, isLast }: Delivery): string[] {
  return [
    `QUARTERDECK_FILE=${file}`,
    `QUARTERDECK_PART=${part}`,
    `QUARTERDECK_OFFSET=${at}`,
    `QUARTERDECK_BYTES=${bytes}`,
    `QUARTERDECK_LAST=${isLast ? 1 : 0}`,
  ];
}
