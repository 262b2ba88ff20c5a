import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type IPty, spawn } from '@lydell/node-pty';
import type { Terminal } from '@xterm/headless';
import { expect } from 'vitest';
import { makeXterm, screenLines, settle } from './xterm.ts';

/** A program in a real pseudo-terminal, and a person in front of it: press keys, look at lines. */
export type Play = {
  readonly pid: number;
  /** Everything the program wrote. */
  raw(): string;
  lines(): readonly string[];
  /** Named keys (`enter`, `esc`, `tab`, `up`, `ctrl+c`); anything else is sent as it is. */
  press(...keys: string[]): void;
  /** Answers the question on the screen, once a person can have read it: sooner nothing counts as an answer. */
  answer(key: string): Promise<void>;
  /** Resolves once the screen matches. */
  shows(pattern: string | RegExp): Promise<void>;
  hides(pattern: string | RegExp): Promise<void>;
  resize(columns: number, rows: number): void;
  /** Frames that changed the screen so far. */
  frames(): number;
  /** What the program changed about the terminal. */
  modes(): { alternate: boolean; cursorHidden: boolean; pasteMarks: boolean; wraps: boolean };
  signal(signal: NodeJS.Signals): void;
  /** Stops reading what the program writes, as a frozen ssh does. */
  stall(): void;
  /** Reads what is there once more, and stalls again. */
  sip(): Promise<void>;
  /** Closes the terminal under the program. */
  hangUp(): void;
  /** Resolves with how it ended; the screen is then as it was left. */
  ended(): Promise<{ exitCode: number; signal?: number | undefined }>;
  close(): Promise<void>;
};

export type PlayOptions = {
  readonly command?: string;
  readonly args: readonly string[];
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
};

const bytes: Readonly<Record<string, string>> = {
  enter: '\r',
  esc: '\u001B',
  tab: '\t',
  'shift+tab': '\u001B[Z',
  up: '\u001B[A',
  down: '\u001B[B',
  right: '\u001B[C',
  left: '\u001B[D',
  home: '\u001B[H',
  end: '\u001B[F',
  pageup: '\u001B[5~',
  pagedown: '\u001B[6~',
  backspace: '\u007F',
};
const deadlineMs = 50_000;
const stateHome = mkdtempSync(path.join(tmpdir(), 'quarterdeck-state-'));
process.once('exit', () => rmSync(stateHome, { recursive: true, force: true }));
const readMs = 250;

/** The built command line. */
export const cli = path.resolve('dist/cli.js');

/** Starts the console (or any program) as a person would, in a terminal of this size. */
export function startPlay(options: PlayOptions): Play {
  const { command = process.execPath, args, columns = 120, rows = 40, env = {} } = options;
  // A test runner's environment says things about colour and CI that a person's does not.
  const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, ...own } = process.env;
  const pty = spawn(command, [...args], {
    name: 'xterm-256color',
    cols: columns,
    rows,
    // What a console remembers, it remembers for this test alone.
    env: { ...own, XDG_STATE_HOME: stateHome, ...env } as Record<string, string>,
  });
  const terminal = makeXterm(columns, rows);
  let raw = '';
  let end: { exitCode: number; signal?: number | undefined } | undefined;
  const watchers = new Set<() => void>();
  const changed = (): void => {
    for (const watcher of watchers) watcher();
  };
  pty.onData((data) => {
    raw += data;
    terminal.write(data, changed);
  });
  // What the terminal answers by itself goes to the program, as in life.
  terminal.onData((data) => write(pty, data));
  const exited = Promise.withResolvers<void>();
  pty.onExit((event) => {
    end = event;
    exited.resolve();
    terminal.write('', changed);
  });

  const until = async (holds: () => boolean, what: string): Promise<void> => {
    if (holds()) return;
    const done = Promise.withResolvers<void>();
    const watcher = (): void => {
      if (holds()) done.resolve();
      else if (end)
        done.reject(new Error(`The program ended (${end.exitCode}) before ${what}:\n${raw.slice(-2000)}`));
    };
    watchers.add(watcher);
    const timer = setTimeout(
      () =>
        done.reject(new Error(`Not within ${deadlineMs} ms: ${what}\n${screenLines(terminal).join('\n')}`)),
      deadlineMs,
    );
    try {
      await done.promise;
    } finally {
      clearTimeout(timer);
      watchers.delete(watcher);
    }
  };
  const matches = (pattern: string | RegExp): boolean => {
    const text = screenLines(terminal).join('\n');
    return typeof pattern === 'string' ? text.includes(pattern) : pattern.test(text);
  };

  return {
    pid: pty.pid,
    raw: () => raw,
    lines: () => screenLines(terminal),
    press(...keys) {
      for (const key of keys) write(pty, bytes[key] ?? controlOf(key) ?? key);
    },
    async answer(key) {
      await until(() => matches(/Esc(: | for )no/), 'a question is asked');
      await new Promise((resolve) => setTimeout(resolve, readMs));
      write(pty, key);
    },
    shows: (pattern) => until(() => matches(pattern), `the screen shows ${pattern}`),
    hides: (pattern) => until(() => !matches(pattern), `the screen hides ${pattern}`),
    resize(nextColumns, nextRows) {
      terminal.resize(nextColumns, nextRows);
      pty.resize(nextColumns, nextRows);
    },
    frames: () => raw.split('\u001B[?2026h').length - 1,
    modes: () => modesOf(terminal, raw),
    signal: (signal) => process.kill(pty.pid, signal),
    stall: () => pty.pause(),
    async sip() {
      const read = Promise.withResolvers<void>();
      const stop = pty.onData(() => {
        pty.pause();
        read.resolve();
      });
      pty.resume();
      await read.promise;
      stop.dispose();
    },
    hangUp: () => (pty as IPty & { destroy(): void }).destroy(),
    async ended() {
      const timer = setTimeout(() => exited.reject(new Error('The program did not end')), deadlineMs);
      await exited.promise;
      clearTimeout(timer);
      await settle(terminal);
      return end ?? { exitCode: -1 };
    },
    async close() {
      if (!end) {
        pty.kill('SIGKILL');
        await exited.promise;
      }
      terminal.dispose();
    },
  };
}

function write(pty: IPty, data: string): void {
  try {
    pty.write(data);
  } catch {
    // It ended meanwhile.
  }
}

function controlOf(key: string): string | undefined {
  const letter = /^ctrl\+([a-z])$/.exec(key)?.[1];
  return letter && String.fromCharCode(letter.charCodeAt(0) - 96);
}

function modesOf(terminal: Terminal, raw: string) {
  return {
    alternate: terminal.buffer.active.type === 'alternate',
    cursorHidden: raw.lastIndexOf('\u001B[?25l') > raw.lastIndexOf('\u001B[?25h'),
    pasteMarks: terminal.modes.bracketedPasteMode,
    wraps: terminal.modes.wraparoundMode,
  };
}

/** The terminal is as it was before the program: the first screen, a cursor, no modes of ours. */
export function expectRestored(play: Play): void {
  expect(play.modes()).toEqual({ alternate: false, cursorHidden: false, pasteMarks: false, wraps: true });
}
