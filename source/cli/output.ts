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
};

export class OutputError extends QuarterdeckError {
  constructor(cause: Error) {
    super('data', 'OUTPUT_FAILED', `Cannot write to stdout: ${cause.message}`, {
      cause,
      hint: 'Make room there, then run it again; what was not printed does not count as read',
    });
  }
}

/** How long a reader that does not read is waited for once the run is to end. */
const timeoutMs = 2000;

/** @param ended aborted by the signal that is to end the run: a reader that stands still must not keep it from that */
export function makeOutput(stream: Writable, ended?: AbortSignal): Output {
  const controller = new AbortController();
  const closed = controller.signal;
  let writing = 0;
  const giveUp = (): void => {
    setTimeout(() => writing > 0 && controller.abort(), timeoutMs).unref();
  };
  if (ended?.aborted) giveUp();
  else ended?.addEventListener('abort', giveUp, { once: true });
  // Reported by each write that fails, before this event is; unheard it would end the process.
  stream.on('error', () => {});
  return {
    async write(bytes) {
      if (closed.aborted || bytes.length === 0) return;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const stop = (): void => resolve();
      closed.addEventListener('abort', stop, { once: true });
      writing += 1;
      stream.write(bytes, (error) => {
        const isGone = error && 'code' in error && error.code === 'EPIPE';
        if (isGone) controller.abort();
        if (error && !isGone) reject(new OutputError(error));
        else resolve();
      });
      try {
        await promise;
      } finally {
        writing -= 1;
        closed.removeEventListener('abort', stop);
      }
    },
    closed,
  };
}
