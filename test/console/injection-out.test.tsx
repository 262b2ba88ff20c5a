import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { Box, render } from 'ink';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { complete, offersFor, splitWords } from '../../source/commands/palette.ts';
import { type AnyCommand, parseInput } from '../../source/commands/run-command.ts';
import { type Config, readConfig } from '../../source/config.ts';
import { openConsoleLog } from '../../source/console/console-log.ts';
import { makePalette, type PaletteMode } from '../../source/console/input/palette-control.ts';
import { watchNotify } from '../../source/console/notify.ts';
import { paceStore } from '../../source/console/paced-store.ts';
import { type ClipboardOptions, makeClipboard } from '../../source/console/session/clipboard.ts';
import { currentFrame } from '../../source/console/session/current-frame.ts';
import { openHistory } from '../../source/console/session/history.ts';
import { lookCommands } from '../../source/console/session/look-commands.ts';
import { Screen } from '../../source/console/terminal/screen.ts';
import { openTerminal } from '../../source/console/terminal/terminal.ts';
import { lineOf } from '../../source/console/time/reading.ts';
import { startRecorder } from '../../source/console/time/recorder.ts';
import { openRecording } from '../../source/console/time/recording.ts';
import { startTranscript } from '../../source/console/transcript/transcript.ts';
import { PaletteView } from '../../source/console/view/overlays.tsx';
import { frameText } from '../../source/frames/frame-file.ts';
import type { OpenNeed } from '../../source/need.ts';
import { changeScreen, changeSlice, type Mode, makeStore, type Store } from '../../source/store/store.ts';
import { changeList, type Listed } from '../../source/ui/list.ts';
import { makeFeature, type Notes } from '../helpers/feature.ts';
import { foreignSequences, payloads, unsafeLines } from '../helpers/injections.ts';

/** What leaves the console by another way than its frames: nothing in it steers whatever it comes to. */

const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-out-'));
afterAll(() => rmSync(directory, { recursive: true }));
afterEach(() => vi.useRealTimers());

const names = payloads.map((payload) => `a${payload}z`);
const feature = makeFeature();
const config = readConfig({}, { USER: 'tester', HOME: directory, XDG_CONFIG_HOME: '/nonexistent' });

function needOf(text: string, index: number): OpenNeed {
  return {
    id: `notes.odd ${text} ${index}`,
    feature: 'notes',
    kind: 'odd',
    name: text,
    severity: index % 2 === 0 ? 'bad' : 'warn',
    words: `${text} is odd`,
    sinceMs: 1,
    row: undefined,
    ack: undefined,
  };
}

function storeWith(rows: readonly string[], needs: readonly OpenNeed[] = []): Store {
  const slice: Notes = { ...(feature.initial(config) as Notes), rows };
  const store = makeStore({
    slices: { notes: slice },
    focus: 'notes',
    columns: 80,
    rows: 24,
    connection: { name: 'live', sinceMs: 1, attempt: 1, url: 'redis://here', kind: 'standalone' },
  });
  store.setState({ needs });
  return store;
}

const choose = (store: Store, selected: string): void =>
  changeSlice(store, 'notes', (slice) => changeList(slice as Listed, { selected }));

/** Each of them by itself, so that a failure names it. */
const expectSafe = (name: string, text: string): void =>
  expect({ name, unsafe: unsafeLines(text) }).toEqual({ name, unsafe: [] });

test('rows that are copied as a name, as text and as JSON: by the terminal, by tmux and by a program', async () => {
  const store = storeWith(names);
  const sent: string[] = [];
  const given = path.join(directory, 'copied');
  const socket = path.join(directory, 'tmux');
  const tmux = (...args: string[]): string =>
    execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], { encoding: 'utf8' });
  const copyBy = (clipboard: ClipboardOptions['config']['clipboard']) => {
    const { copy } = lookCommands({
      looking: { store, features: [feature], lines: () => [], background: () => 'dark' },
      clipboard: makeClipboard({
        config: { clipboard, terminal: {} },
        send: (sequence) => sent.push(sequence),
        save: (text) => text,
      }),
      appearance: { background: 'dark', show() {} } as never,
      repaint() {},
      shareWith: () => undefined,
    });
    const command = copy as AnyCommand;
    return async (what: string): Promise<unknown> => {
      const input = parseInput('copy', command, { words: [what], flags: {}, commandLine: [] });
      return await command.run({ config } as never, input);
    };
  };
  const byTerminal = copyBy('osc52');
  const byTmux = copyBy('tmux');
  const byProgram = copyBy(['sh', '-c', 'cat >> "$1"; echo >> "$1"', 'sh', given]);
  tmux('new-session', '-d', '-x', '80', '-y', '24', 'sleep 120');
  vi.stubEnv('TMUX', `${socket},1,0`);
  try {
    for (const [index, name] of names.entries()) {
      choose(store, name);
      for (const what of ['name', 'text', 'json']) {
        sent.length = 0;
        await byTerminal(what);
        const [, encoded = '', rest] = /^\u001B\]52;c;([\w+/=]*)\u0007(.*)$/s.exec(sent.join('')) ?? [];
        expect({ name, rest }).toEqual({ name, rest: '' });
        const text = Buffer.from(encoded, 'base64').toString();
        expectSafe(name, text);
        expect(text).not.toContain('\n');
        if (what === 'json') expect(JSON.parse(text).name.toWellFormed()).toBe(name.toWellFormed());
        // Programs take their time to start: a few of each kind.
        if (index % 40 !== 0) continue;
        await byProgram(what);
        await byTmux(what);
        expectSafe(name, tmux('show-buffer'));
      }
    }
  } finally {
    vi.unstubAllEnvs();
    tmux('kill-server');
  }
  const taken = readFileSync(given, 'utf8');
  expect(taken.trimEnd().split('\n')).toHaveLength(3 * Math.ceil(names.length / 40));
  expect(unsafeLines(taken)).toEqual([]);
});

test('a frame that is saved as JSON, with what the pane lists', () => {
  const store = storeWith(names);
  const frame = currentFrame({ store, features: [feature], lines: () => [], background: () => 'dark' });
  const json = frameText('json', frame);
  expect(unsafeLines(json)).toEqual([]);
  const { items } = JSON.parse(json) as { items: readonly { name: string }[] };
  expect(items.map(({ name }) => name.toWellFormed())).toEqual(names.map((name) => name.toWellFormed()));
});

test('the palette offers names and lines of before, paints them safely and takes them whole', () => {
  let written = '';
  const output = {
    write(text: string): boolean {
      written += text;
      return true;
    },
    once() {},
  };
  const screen = new Screen(output, { columns: 80, rows: 24 });
  const area = { left: 0, top: 0, columns: 80, rows: 24 };
  const view = (mode: Mode) => (
    <Box width={80} height={24}>
      {mode.name === 'palette' && <PaletteView mode={mode} area={area} />}
    </Box>
  );
  const store = storeWith([]);
  const palette = makePalette({
    store,
    features: [feature],
    config,
    table: () => new Map(feature.commands.map((command) => [`notes ${command.verb}`, command])),
    history: { lines: () => names.slice(0, 50).map((name) => `notes wipe ${name}`), add: () => undefined },
    run: async () => {},
    press() {},
    quit() {},
  });
  const instance = render(null, {
    stdout: screen as unknown as NodeJS.WriteStream,
    debug: true,
    interactive: true,
    patchConsole: false,
  });
  const mode = (): PaletteMode => store.getState().screen.mode as PaletteMode;
  const painted = (): string => {
    written = '';
    // Whole, not only what differs.
    screen.resize(80, 24);
    instance.rerender(view(mode()));
    expect(written).toContain('┏━');
    return written;
  };
  for (const name of names) {
    changeSlice(store, 'notes', (slice) => ({ ...(slice as Notes), rows: [name] }));
    palette.open('notes wipe ');
    expect(mode().offers, JSON.stringify(name)).toHaveLength(1);
    expectSafe(name, painted());
    palette.press('tab', mode());
    // As it is: another name would be another thing.
    if (name.isWellFormed()) expect(splitWords(mode().line.text.trimEnd())).toEqual(['notes', 'wipe', name]);
    expectSafe(name, painted());
  }
  palette.open('');
  palette.press('ctrl+r', mode());
  for (let index = 0; index < 50; index += 1) {
    expect(mode().offers).toHaveLength(50);
    expectSafe(mode().offers[mode().choice]?.word ?? '', painted());
    palette.press('down', mode());
  }
  instance.unmount();
});

test('lines of before: the file they are kept in, and what is read from it', () => {
  const state = path.join(directory, 'state', 'quarterdeck');
  const history = openHistory(state, 'here');
  // What may hold a secret is not kept.
  const lines = names.filter((name) => !/passwd|secret|token/.test(name)).map((name) => `chat read ${name}`);
  for (const line of lines) expect(history.add(line)).toBeUndefined();
  expect(unsafeLines(readFileSync(path.join(state, 'history'), 'utf8'))).toEqual([]);
  expect(openHistory(state, 'here').lines()).toEqual(lines);
});

test('the file of --log', () => {
  const file = path.join(directory, 'console.log');
  const log = openConsoleLog(file, config, (error) => expect(error).toBeUndefined());
  for (const name of names) {
    log.write({ event: 'start', pid: 1, servers: [name], columns: 80, rows: 24 });
    log.write({ event: 'failure', feature: 'notes', durationMs: 1, error: name });
    log.write({ event: 'key', mode: 'browse', key: name });
    log.write({ event: 'act', command: name });
    log.write({ event: 'error', error: name });
  }
  log.close();
  const text = readFileSync(file, 'utf8');
  expect(unsafeLines(text)).toEqual([]);
  const lines = text.trimEnd().split('\n');
  expect(lines).toHaveLength(5 * names.length);
  for (const line of lines) JSON.parse(line);
});

test('a recording, and what is read from it again', async () => {
  const file = path.join(directory, 'console.rec');
  const needs = names.map((name, index) => ({
    ...needOf(name, index),
    ack: { by: name, note: name, atMs: 1, untilMs: 2, severity: 'bad' as const },
  }));
  const store = storeWith(names, needs);
  store.setState({ freshness: { notes: { name: 'failed', error: names.join('') } } });
  const state = store.getState();
  const recorder = startRecorder(file, {
    state,
    context: { name: names.join(''), production: true },
    onFailure: (text) => expect(text).toBe(''),
  });
  let before: typeof state | undefined;
  for (const note of names) {
    const { line } = await lineOf(state, { atMs: 1, note, before, turn });
    recorder.add(line);
    before = state;
  }
  await recorder.end();
  expect(unsafeLines(readFileSync(file, 'utf8'))).toEqual([]);
  const recording = openRecording(file);
  expect(recording.warnings).toEqual([]);
  expect((recording.first.slices.notes as Notes).rows).toEqual(names);
  expect(recording.first.needs.map(({ name }) => name)).toEqual(names);
  recording.close();
});

function terminalFor(written: string[]) {
  const stdout = Object.assign(new PassThrough(), { columns: 80, rows: 24, fd: 1, isTTY: true });
  stdout.on('data', (chunk: Buffer) => written.push(chunk.toString()));
  return openTerminal({
    stdin: new PassThrough() as never,
    stdout: stdout as never,
    greeting: ` quarterdeck   ${names.join('')}`,
    onStray() {},
  });
}

test('the title of the window, and what stands there until the first frame', async () => {
  const written: string[] = [];
  const terminal = terminalFor(written);
  await turn();
  // The greeting and the sequences before it.
  expect(unsafeLines(written.join(''))).toEqual([]);
  for (const name of names) {
    written.length = 0;
    terminal.title(name);
    await turn();
    const [, title = '', rest] = /\u001B\]2;([^\u0007]*)\u0007(.*)$/s.exec(written.join('')) ?? [];
    expect({ name, rest }).toEqual({ name, rest: '' });
    expect(title.length).toBeGreaterThan(0);
    expectSafe(name, title);
  }
  terminal.restore();
});

test('notifications by the terminal, and to a program', async () => {
  vi.useFakeTimers();
  const given = path.join(directory, 'notified');
  const program = ['sh', '-c', 'cat >> "$1"', 'sh', given];
  const bodies: string[] = [];
  const failures: string[] = [];
  for (const [index, name] of names.entries()) {
    const store = storeWith([]);
    const ways = [
      'bell' as const,
      'osc9' as const,
      'osc777' as const,
      ...(index % 40 === 0 ? [program] : []),
    ];
    const stop = watchNotify({
      store,
      config: { ...config, notify: { bad: ways, warn: ways, atMost: 1 } } as Config,
      terminal: { title() {}, send: (text) => bodies.push(text) },
      onFailure: (text) => failures.push(text),
    });
    vi.advanceTimersByTime(6000);
    store.setState({ needs: [needOf(name, index)] });
    vi.advanceTimersByTime(10);
    stop();
  }
  vi.useRealTimers();
  expect(bodies).toHaveLength(3 * names.length);
  for (const body of bodies.filter((text) => text !== '\u0007')) {
    const [, text = '', rest] =
      /^\u001B\](?:9|777;notify;quarterdeck);([^;\u0007]*)\u0007(.*)$/s.exec(body) ?? [];
    expect({ body, rest }).toEqual({ body, rest: '' });
    expect(text).toContain('a');
    expect(unsafeLines(text)).toEqual([]);
  }
  const wanted = Math.ceil(names.length / 40);
  const lines = (): string[] =>
    readFileSync(given, { encoding: 'utf8', flag: 'a+' }).split('\n').slice(0, -1);
  await vi.waitFor(() => expect(lines()).toHaveLength(wanted), 20_000);
  for (const line of lines()) {
    expect(JSON.parse(line)).toMatchObject({ feature: 'notes' });
    expect(unsafeLines(line)).toEqual([]);
  }
  expect(failures).toEqual([]);
});

test('the transcript for a screen reader', () => {
  let written = '';
  const store = storeWith(names, [needOf('first', 0)]);
  const shown = paceStore(store, 10_000);
  const transcript = startTranscript({
    shown,
    features: [feature],
    config,
    table: () => new Map(),
    views: () => names.map((name) => ({ name, arrangement: { kind: 'all' as const } })),
    write: (text) => {
      written += text;
    },
  });
  const says = (name: string, change: () => void): void => {
    written = '';
    change();
    shown.publish();
    expect({ name, isSaid: written !== '' }).toEqual({ name, isSaid: true });
    expectSafe(name, written);
  };
  const mode = (next: Mode): void => changeScreen(store, { mode: next });
  const line = (text: string) => ({ text, cursor: 0, history: [], historyIndex: 0, draft: '' });
  for (const [index, name] of names.entries()) {
    const need = { ...needOf(name, index), ack: { ...ackOf(name) } };
    says(name, () => choose(store, names[(index + 1) % names.length] ?? ''));
    says(name, () => changeScreen(store, { status: { text: name, tone: 'bad' } }));
    says(name, () =>
      mode({ name: 'output', title: name, lines: [name], scroll: undefined, isRunning: false }),
    );
    store.setState({ needs: [need] });
    says(name, () => mode({ name: 'needs', selected: need.id }));
    says(name, () =>
      mode({
        name: 'related',
        of: name,
        things: [{ noun: name, name, by: name, row: undefined, place: undefined }],
        choice: 0,
      }),
    );
    says(name, () =>
      mode({
        name: 'palette',
        line: line(name),
        choice: 0,
        offers: [
          { word: 'x', summary: '' },
          { word: name, summary: name },
        ],
        usage: undefined,
        isHistory: false,
      }),
    );
    says(name, () => mode({ ...(store.getState().screen.mode as PaletteMode), choice: 1 }));
    says(name, () => mode({ ...(store.getState().screen.mode as PaletteMode), line: line(name + name) }));
    says(name, () => mode({ name: 'views', choice: 0 }));
    mode({ name: 'browse' });
    shown.publish();
  }
  transcript.stop();
  shown.stop();
});

function ackOf(text: string) {
  return { by: text, note: text, atMs: 1, untilMs: 2e12, severity: 'bad' as const };
}

test('what the palette takes from an offer is the name, whatever it holds', () => {
  const [command] = feature.commands.filter(({ verb }) => verb === 'wipe');
  const table = new Map([['notes wipe', command as AnyCommand]]);
  for (const name of names.filter((one) => one.isWellFormed())) {
    const { offers } = offersFor('notes wipe ', table, [feature], { names: () => [name] });
    const taken = offers[0] && complete('notes wipe ', offers[0]);
    expect(splitWords(taken?.trimEnd() ?? '')).toEqual(['notes', 'wipe', name]);
  }
});

test('foreign sequences are seen', () => {
  expect(foreignSequences('\u001B]52;c;eA==\u0007')).not.toEqual([]);
  expect(unsafeLines('a\u00ADb\na\u061Cb\na\uFE0Fb\na\u{E0041}b\nadmin')).toHaveLength(5);
});
