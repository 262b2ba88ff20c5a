import type { WriteStream } from 'node:tty';
import { FilteredInput, type TerminalInput } from './input-filter.ts';
import { Screen } from './screen.ts';

/**
 * The terminal as the console takes it over and gives it back: raw input, the other screen, no cursor, and whatever
 * else prints (warnings, stray console calls) kept off it. Giving back works however the console ends.
 */
export type Terminal = {
  readonly stdin: FilteredInput;
  readonly screen: Screen;
  onResize(listener: (columns: number, rows: number) => void): void;
  /** Gives the terminal back for a while, as for a suspension or another program. */
  pause(): void;
  resume(): void;
  /** Everything as it was, for good; only the first call does something. */
  restore(): void;
};

const take = '\u001B[?1049h\u001B[?25l\u001B[?7l\u001B[2J\u001B[H';
const pasteMarks = '\u001B[?2004h';
/** Synchronised output, paste marks and colours off; wrapping, the cursor and the first screen back. */
const giveBack = '\u001B[?2026l\u001B[?2004l\u001B[0m\u001B[?7h\u001B[?25h\u001B[?1049l';

export type TerminalOptions = {
  readonly stdin: TerminalInput;
  readonly stdout: WriteStream;
  /** What stands on the screen until the first frame. */
  readonly greeting: string;
  /** A line that somebody printed, which would have spoilt the screen. */
  readonly onStray: (text: string) => void;
};

export function openTerminal({ stdin, stdout, greeting, onStray }: TerminalOptions): Terminal {
  // Raw from the first moment, or what is typed early would be echoed over the frame.
  stdin.setRawMode?.(true);
  stdout.write(take + pasteMarks + greeting);
  // A terminal that went away makes every write fail; the hangup signal is what ends us.
  stdout.on('error', () => {});
  const input = new FilteredInput(stdin);
  const screen = new Screen(stdout, sizeOf(stdout));
  const listeners = new Set<(columns: number, rows: number) => void>();
  const resized = (): void => {
    const { columns, rows } = sizeOf(stdout);
    screen.resize(columns, rows);
    for (const listener of listeners) listener(columns, rows);
  };
  stdout.on('resize', resized);
  const releaseConsole = catchStrays(onStray);
  let state: 'ours' | 'lent' | 'restored' = 'ours';

  const release = (): void => {
    screen.hold();
    input.pauseSource();
    try {
      stdin.setRawMode?.(false);
    } catch {
      // The terminal is gone; there is nothing left to set.
    }
    stdout.write(giveBack);
  };

  return {
    stdin: input,
    screen,
    onResize: (listener) => listeners.add(listener),
    pause() {
      if (state !== 'ours') return;
      state = 'lent';
      release();
    },
    resume() {
      if (state !== 'lent') return;
      state = 'ours';
      stdin.setRawMode?.(true);
      input.resumeSource();
      stdout.write(take + pasteMarks);
      resized();
      screen.release();
    },
    restore() {
      if (state === 'restored') return;
      const isOurs = state === 'ours';
      state = 'restored';
      stdout.off('resize', resized);
      releaseConsole();
      if (isOurs) release();
      input.detach();
      stdin.unref?.();
    },
  };
}

/** Terminals that nobody told their size, as of some containers and scripts, say 0: then the size they all once had. */
function sizeOf({ columns, rows }: WriteStream): { readonly columns: number; readonly rows: number } {
  return { columns: columns || 80, rows: rows || 24 };
}

const consoleNames = ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const;

function catchStrays(onStray: (text: string) => void): () => void {
  const originals = consoleNames.map((name) => [name, console[name]] as const);
  for (const name of consoleNames)
    console[name] = (...words: unknown[]) => onStray(words.map(String).join(' '));
  const before = process.listeners('warning');
  process.removeAllListeners('warning');
  const onWarning = (warning: Error): void => {
    // Node's own notices about young APIs are nothing an operator can act on.
    if (!/^(Experimental|Deprecation)Warning$/.test(warning.name)) onStray(warning.message);
  };
  process.on('warning', onWarning);
  return () => {
    for (const [name, original] of originals) console[name] = original;
    process.off('warning', onWarning);
    for (const listener of before) process.on('warning', listener);
  };
}
