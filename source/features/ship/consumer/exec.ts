import { backoffMs, pause } from '../../../redis/backoff.ts';
import { runShell } from '../../../system/run-shell.ts';
import type { CommandContext } from '../../feature.ts';
import { ExecFailedError } from '../channel/errors.ts';
import type { Delivery, Refusal } from './delivery.ts';
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
  onLines: (batch: LineBatch, delivery: Delivery) => Promise<void>,
): Promise<void> {
  const { code, signal } = await runShell(command, {
    env: describe(delivery),
    input: linesOf(delivery, onLines),
    signal: context.signal,
    onStdout: (bytes) => context.write(bytes),
  });
  if (code !== 0) throw new ExecFailedError(command, delivery.file, signal ?? `exit code ${code}`);
}

/** A command refused a part as often as it was asked to take it. */
export class PartRefusedError extends Error implements Refusal {
  override readonly name = 'PartRefusedError';
  readonly reason: string;
  readonly tries: number;

  constructor({ message }: ExecFailedError, tries: number) {
    super(message);
    this.reason = message;
    this.tries = tries;
  }
}

/**
 * The same, and again when it fails: `retries` times, 0.2 s apart and twice as long each time, up to 30 s.
 * @throws {ExecFailedError} when it fails and `retries` is not given
 * @throws {PartRefusedError} when it failed every time
 */
export async function runWithRetries(
  command: string,
  delivery: Delivery,
  context: CommandContext,
  {
    retries,
    onLines,
  }: {
    readonly retries: number | undefined;
    readonly onLines: (batch: LineBatch, delivery: Delivery) => Promise<void>;
  },
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await runOn(command, attempt === 1 ? delivery : delivery.again(), context, onLines);
      return;
    } catch (error) {
      if (retries === undefined || !(error instanceof ExecFailedError)) throw error;
      if (attempt > retries) throw new PartRefusedError(error, attempt);
      const waitMs = backoffMs(attempt, { firstMs: 200, mostMs: 30_000 });
      context.warn(`${delivery.part}: ${error.message}; again in ${(waitMs / 1000).toFixed(1)}s`);
      await pause(waitMs, context.signal);
      context.signal.throwIfAborted();
    }
  }
}

async function* linesOf(
  delivery: Delivery,
  onLines: (batch: LineBatch, delivery: Delivery) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  for await (const batch of delivery.lines()) {
    await onLines(batch, delivery);
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
