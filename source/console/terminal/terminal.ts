import { writeSync } from 'node:fs';
import process from 'node:process';
import type { WriteStream } from 'node:tty';
import { sanitise, truncate } from '../../ui/text.ts';
import { styled } from '../../ui/theme/style.ts';
import { FilteredInput, type TerminalInput } from './input-filter.ts';
import { type Output, Screen } from './screen.ts';
import { catchStrays } from './strays.ts';

/**
 * The terminal as the console takes it over and gives it back: raw input, the other screen, no cursor, and whatever
 * else prints (warnings, stray console calls) kept off it. Giving back works however the console ends.
 */
export type Terminal = {
  readonly stdin: FilteredInput;
  readonly screen: Screen;
  /** Returns what ends that. */
  onResize(listener: (columns: number, rows: number) => void): () => void;
  /** Another screen begins on it: this line stands there until its first frame. */
  begin(line: string): void;
  /** Gives the terminal back for a while, as for a suspension or another program. */
  pause(): void;
  resume(): void;
  /** Asks the terminal something, or sets a mode; `atEnd` undoes it whenever the terminal is given back. */
  send(text: string, atEnd?: string): void;
  /** Puts a name on the window; what it was called before comes back with the rest. Untrusted text is made safe. */
  title(text: string): void;
  /** Everything as it was, for good; only the first call does something. */
  restore(): void;
  /**
   * After `restore`: whether the terminal has taken everything within this time, and then also what was printed
   * meanwhile. One that stands still has not.
   */
  flushed(withinMs: number): Promise<boolean>;
};

/** No cursor, and what is too long is not wrapped. */
const shape = '\u001B[?25l\u001B[?7l';
const take = `\u001B[?1049h${shape}\u001B[2J\u001B[H`;
const pasteMarks = '\u001B[?2004h';
const pasteMarksOff = '\u001B[?2004l';
/** The title of the window put by, and brought back. */
const keepTitle = '\u001B[22;2t';
const backTitle = '\u001B[23;2t';
/** Synchronised output, paste marks and colours off; wrapping, the cursor and the first screen back. */
const giveBackScreen = '\u001B[?2026l\u001B[?2004l\u001B[0m\u001B[?7h\u001B[?25h\u001B[?1049l';

const longestTitle = 48;

export type TerminalOptions = {
  readonly stdin: TerminalInput;
  readonly stdout: WriteStream & { readonly fd: number };
  /** Lines are only added: neither another screen nor a moved cursor, a title or a mode. */
  readonly appendsOnly?: boolean;
  /** What stands on the screen until the first frame; made safe. */
  readonly greeting: string;
  /** A line that somebody printed, which would have spoilt the screen. */
  readonly onStray: (text: string) => void;
};

export function openTerminal({
  stdin,
  stdout,
  greeting,
  onStray,
  appendsOnly = false,
}: TerminalOptions): Terminal {
  const begin = (appendsOnly ? '' : take) + pasteMarks;
  const giveBackAll = appendsOnly ? pasteMarksOff : giveBackScreen;
  const strays = catchStrays(stdout, onStray);
  const output: Output = {
    write: (text) => strays.write(text),
    once: (event, listener) => stdout.once(event, listener),
  };
  setBlocking(stdout, false);
  // Raw from the first moment, or what is typed early would be echoed over the frame.
  stdin.setRawMode?.(true);
  output.write(begin + sanitise(greeting));
  // A terminal that went away makes every write fail; the hangup signal is what ends us.
  stdout.on('error', () => {});
  const input = new FilteredInput(stdin);
  const screen = new Screen(appendsOnly ? nowhere : output, sizeOf(stdout));
  const listeners = new Set<(columns: number, rows: number) => void>();
  let isResizing = false;
  const resized = (): void => {
    isResizing = true;
    setImmediate(() => {
      isResizing = false;
    });
    const { columns, rows } = sizeOf(stdout);
    screen.resize(columns, rows);
    for (const listener of listeners) listener(columns, rows);
  };
  stdout.on('resize', resized);
  // Resized there and back before we could look, the size is what it was, and Node tells nobody; but the terminal has
  // cut or moved what stood on it.
  const onSizeSignal = (): void => {
    if (!isResizing && state === 'ours') screen.repaint();
  };
  process.on('SIGWINCH', onSizeSignal);
  let state: 'ours' | 'lent' | 'restored' = 'ours';
  /** By what undoes it: what was sent last. */
  const sent = new Map<string, string>();
  const giveBack = (): string => {
    let text = '';
    for (const atEnd of sent.keys()) text += atEnd;
    return text + giveBackAll;
  };

  const release = (): void => {
    screen.hold();
    input.pauseSource();
    try {
      stdin.setRawMode?.(false);
    } catch {
      // The terminal is gone; there is nothing left to set.
    }
    output.write(giveBack());
    // Whoever has the terminal next, such as a program we run in it, expects it as it was. What still waits to be written
    // would stop us for as long as nobody reads.
    if (stdout.writableLength === 0) setBlocking(stdout, true);
    else strays.write('', () => state !== 'ours' && setBlocking(stdout, true));
  };
  // However the process ends, the terminal is not left as only we can read it.
  const onExit = (): void => {
    if (state !== 'ours') return;
    try {
      writeSync(stdout.fd, giveBack());
    } catch {
      // It stands still, or is gone.
    }
  };
  process.once('exit', onExit);

  return {
    stdin: input,
    screen,
    onResize(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    begin(line) {
      // Ink gave the keys back when it ended.
      stdin.setRawMode?.(true);
      input.ref();
      // And showed the cursor.
      output.write((appendsOnly ? '' : shape) + pasteMarks);
      screen.clear(styled({ text: sanitise(line) }));
    },
    pause() {
      if (state !== 'ours') return;
      state = 'lent';
      release();
    },
    resume() {
      if (state !== 'lent') return;
      state = 'ours';
      setBlocking(stdout, false);
      stdin.setRawMode?.(true);
      input.resumeSource();
      output.write([begin, ...sent.values()].join(''));
      resized();
      screen.release();
    },
    send(text, atEnd) {
      if (atEnd !== undefined) sent.set(atEnd, text);
      if (state === 'ours') output.write(text);
    },
    title(text) {
      if (appendsOnly) return;
      const sequence = `\u001B]2;${truncate(sanitise(text), longestTitle)}\u0007`;
      // Put by once, however often the name changes.
      const isFirst = !sent.has(backTitle);
      sent.set(backTitle, keepTitle + sequence);
      if (state === 'ours') output.write(isFirst ? keepTitle + sequence : sequence);
    },
    restore() {
      if (state === 'restored') return;
      const isOurs = state === 'ours';
      state = 'restored';
      stdout.off('resize', resized);
      process.off('SIGWINCH', onSizeSignal);
      if (isOurs) release();
      input.detach();
      stdin.unref?.();
      process.off('exit', onExit);
      strays.release();
    },
    async flushed(withinMs) {
      const deadline = Promise.withResolvers<boolean>();
      const timer = setTimeout(() => deadline.resolve(false), withinMs);
      const written = async (): Promise<boolean> => {
        await taken(stdout, '');
        const kept = strays.kept();
        if (kept === undefined) return true;
        setBlocking(process.stderr, false);
        await taken(process.stderr, kept);
        setBlocking(process.stderr, true);
        return true;
      };
      const isTaken = await Promise.race([written(), deadline.promise]);
      clearTimeout(timer);
      return isTaken;
    },
  };
}

/** Frames that nobody is to see. */
const nowhere: Output = { write: () => true, once: () => {} };

/** Resolves once the text has gone out, with all before it. */
function taken(stream: NodeJS.WritableStream, text: string): Promise<void> {
  return new Promise((resolve) => stream.write(text, () => resolve()));
}

/** Terminals whose size nobody set, as of some containers and scripts, say 0: then the size they all once had. */
function sizeOf({ columns, rows }: WriteStream): { readonly columns: number; readonly rows: number } {
  return { columns: columns || 80, rows: rows || 24 };
}

/**
 * Node makes writes to a terminal wait until it has read them: one that stands still (a frozen ssh, a laptop asleep)
 * would stop us from hearing even a signal. While the screen is ours they wait in memory instead.
 */
function setBlocking(stdout: NodeJS.WritableStream, isBlocking: boolean): void {
  const handle: unknown = '_handle' in stdout ? stdout._handle : undefined;
  if (typeof handle !== 'object' || handle === null || !('setBlocking' in handle)) return;
  if (typeof handle.setBlocking === 'function') handle.setBlocking(isBlocking);
}
