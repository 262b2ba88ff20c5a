import type { Writable } from 'node:stream';
import { QuarterdeckError } from '../errors.ts';

/**
 * stdout as scripts need it: each item is flushed before the next is made, and a reader that closed early (`| head`)
 * ends the run quietly.
 */
export type Output = {
  /**
   * Resolves when the stream took it; a closed reader aborts `closed` instead.
   * @throws {OutputError} when it cannot be written for another reason, such as a full disk
   */
  write(bytes: Uint8Array | string): Promise<void>;
  /** Aborted once the reader has gone. */
  readonly closed: AbortSignal;
  readonly isTerminal: boolean;
};

export class OutputError extends QuarterdeckError {
  constructor(cause: Error) {
    super('data', 'OUTPUT_FAILED', `Cannot write to stdout: ${cause.message}`, {
      cause,
      hint: 'Make room there, then run it again; what was not printed does not count as read',
    });
  }
}

export function makeOutput(stream: Writable & { isTTY?: boolean }): Output {
  const controller = new AbortController();
  // Told by each write that fails, before this event is; unheard it would end the process.
  stream.on('error', () => {});
  return {
    write(bytes) {
      if (controller.signal.aborted || bytes.length === 0) return Promise.resolve();
      return new Promise((resolve, reject) => {
        stream.write(bytes, (error) => {
          const isGone = error && 'code' in error && error.code === 'EPIPE';
          if (isGone) controller.abort();
          if (error && !isGone) reject(new OutputError(error));
          else resolve();
        });
      });
    },
    closed: controller.signal,
    isTerminal: stream.isTTY === true,
  };
}
