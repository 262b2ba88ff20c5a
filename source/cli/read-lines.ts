import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/**
 * The lines of a stream, without `\n` or `\r\n`, until its end or the signal.
 *
 * On the signal nothing more is taken from the pipe, and every whole line that was taken comes: whoever reads the
 * pipe next finds the one behind. Reading rests while many lines wait.
 */
export async function* linesOf(stream: Readable, signal: AbortSignal): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let lines: string[] = [];
  /** Of the line that has no end yet; joined once, or a very long one would be copied with each piece. */
  let unfinished: string[] = [];
  let isOver = signal.aborted;
  let failure: unknown;
  let wake: (() => void) | undefined;

  const take = (text: string): void => {
    const parts = text.split('\n');
    const rest = parts.pop() ?? '';
    if (parts.length > 0) {
      parts[0] = unfinished.join('') + parts[0];
      unfinished = [];
    }
    if (rest !== '') unfinished.push(rest);
    for (const part of parts) lines.push(part.endsWith('\r') ? part.slice(0, -1) : part);
    if (lines.length > mostWaiting) stream.pause();
    wake?.();
  };
  const finish = (error?: unknown): void => {
    failure = error;
    isOver = true;
    wake?.();
  };
  const onData = (chunk: Buffer | string): void =>
    take(typeof chunk === 'string' ? chunk : decoder.write(chunk));
  const onEnd = (): void => {
    take(decoder.end());
    if (unfinished.length > 0) take('\n');
    finish();
  };
  const onSignal = (): void => {
    stream.off('data', onData);
    stream.pause();
    for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) onData(chunk);
    // Reading had the stream ask for more, which must not happen: it would be lost.
    stream.destroy();
    finish();
  };

  stream.on('data', onData).on('end', onEnd).on('error', finish);
  signal.addEventListener('abort', onSignal);
  try {
    for (;;) {
      const ready = lines;
      lines = [];
      yield* ready;
      if (lines.length > 0) continue;
      if (failure !== undefined) throw failure;
      if (isOver) return;
      stream.resume();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    signal.removeEventListener('abort', onSignal);
    stream.off('data', onData).off('end', onEnd).off('error', finish);
    stream.pause();
  }
}

const mostWaiting = 1000;
