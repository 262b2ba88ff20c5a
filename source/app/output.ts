import type { Writable } from 'node:stream';

/**
 * stdout as scripts need it: each item is flushed before the next is made, and a reader that closed early (`| head`)
 * ends the run quietly.
 */
export type Output = {
  /** Resolves when the stream took it; never rejects, a closed reader aborts `closed` instead. */
  write(bytes: Uint8Array | string): Promise<void>;
  /** Aborted once the reader has gone. */
  readonly closed: AbortSignal;
  readonly isTerminal: boolean;
};

export function makeOutput(stream: Writable & { isTTY?: boolean }): Output {
  const controller = new AbortController();
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    controller.abort();
  });
  return {
    write(bytes) {
      if (controller.signal.aborted || bytes.length === 0) return Promise.resolve();
      return new Promise((resolve) => {
        // The callback hears of a closed reader before the error event does.
        stream.write(bytes, (error) => {
          if (error && 'code' in error && error.code === 'EPIPE') controller.abort();
          resolve();
        });
      });
    },
    closed: controller.signal,
    isTerminal: stream.isTTY === true,
  };
}
