import process from 'node:process';
import type { Writable } from 'node:stream';
import type { WriteStream } from 'node:tty';
import { safeLines } from '../ui/text.ts';

/**
 * Takes stderr for what we say ourselves, and returns it. What a library or Node prints there (warnings, or whatever
 * DEBUG and NODE_DEBUG ask of them) could hold a password, would stand among lines that programs read, and is not made
 * safe: it is shown with `--debug` only, made safe. A warning of our own is always shown.
 */
export function takeStderr({ isDebug }: { readonly isDebug: boolean }): WriteStream {
  const { stderr } = process;
  const write = stderr.write.bind(stderr);
  const own: WriteStream = Object.create(stderr, { write: { value: write } });
  Object.assign(stderr, {
    write(chunk: unknown, ...more: readonly unknown[]): boolean {
      const text = chunk instanceof Uint8Array ? Buffer.from(chunk).toString() : String(chunk);
      if (isDebug) write(joined(text.replace(/\n$/, '').split('\n')));
      const callback = more.at(-1);
      if (typeof callback === 'function') process.nextTick(callback);
      return true;
    },
  });
  process.removeAllListeners('warning');
  process.on('warning', ({ name, message }) => {
    if (isDebug || name === 'QuarterdeckWarning') writeWarning(own, message);
  });
  return own;
}

export function writeWarning(stderr: Writable, text: string): void {
  stderr.write(joined([`quarterdeck: ${text}`]));
}

function joined(lines: readonly string[]): string {
  return safeLines(lines)
    .map((line) => `${line}\n`)
    .join('');
}
