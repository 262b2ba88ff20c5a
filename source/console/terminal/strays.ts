import process from 'node:process';
import type { WriteStream } from 'node:tty';
import { sanitise } from '../../ui/text.ts';

/**
 * What others print while the screen is ours: libraries under DEBUG and NODE_DEBUG, warnings, a forgotten console.log.
 * It would be painted over the frame and stay there. It is kept, and printed once the terminal is given back.
 */
export type Strays = {
  /** Writes to the terminal, as only the screen may. */
  write(text: string, onTaken?: () => void): boolean;
  /** Lets everybody print again. */
  release(): void;
  /** What was kept, to be printed once the terminal is given back; undefined when there was nothing. */
  kept(): string | undefined;
};

const mostLines = 200;
const consoleNames = ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const;

/** @param onStray called with what somebody meant for people to see: a console call, a warning */
export function catchStrays(stdout: WriteStream, onStray: (text: string) => void): Strays {
  let lines: string[] = [];
  let count = 0;
  const keep = (text: string): void => {
    const all = text.split('\n').filter((line) => line !== '');
    count += all.length;
    lines = [...lines, ...all].slice(-mostLines);
  };
  const write = stdout.write.bind(stdout);
  // What goes elsewhere, such as into a file, spoils nothing.
  const streams = [stdout, ...(process.stderr.isTTY ? [process.stderr] : [])];
  const releases = streams.map((stream) => intercept(stream, keep));

  const originals = consoleNames.map((name) => [name, console[name]] as const);
  for (const name of consoleNames)
    console[name] = (...words: unknown[]) => {
      const text = words.map(String).join(' ');
      keep(text);
      onStray(text);
    };
  const before = process.listeners('warning');
  process.removeAllListeners('warning');
  const onWarning = (warning: Error): void => {
    // Node's own notices about young APIs are nothing an operator can act on.
    if (/^(Experimental|Deprecation)Warning$/.test(warning.name)) return;
    keep(warning.message);
    onStray(warning.message);
  };
  process.on('warning', onWarning);

  return {
    write: (text, onTaken) => write(text, onTaken),
    release() {
      for (const release of releases) release();
      for (const [name, original] of originals) console[name] = original;
      process.off('warning', onWarning);
      for (const listener of before) process.on('warning', listener);
    },
    kept() {
      if (count === 0) return;
      const left = count > lines.length ? `, the last ${lines.length}` : '';
      const printed = lines.map((line) => `  ${sanitise(line)}\n`).join('');
      return `quarterdeck: printed meanwhile (${count} lines${left}):\n${printed}`;
    },
  };
}

/** Hands what is written to the stream to `keep`; returns what ends that. */
function intercept(stream: NodeJS.WriteStream, keep: (text: string) => void): () => void {
  const original = stream.write;
  stream.write = ((chunk: Uint8Array | string, ...rest: unknown[]): boolean => {
    keep(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
    const done = rest.at(-1);
    if (typeof done === 'function') queueMicrotask(() => done());
    return true;
  }) as typeof stream.write;
  return () => {
    stream.write = original;
  };
}
