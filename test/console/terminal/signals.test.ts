import { constants } from 'node:os';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { redisForThisFile } from '../../helpers/redis-server.ts';
import { cli, expectRestored, type Play, startPlay } from '../../helpers/terminal.ts';

let play: Play | undefined;
const server = await redisForThisFile();
afterEach(() => play?.close());

/** Code that runs inside the console before anything else: how a test gets at its insides. */
const inject = (code: string): Record<string, string> => ({
  NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(code)}`,
});

async function open(
  options: { args?: string[]; command?: string; env?: Record<string, string> } = {},
): Promise<Play> {
  const opened = startPlay({ args: [cli, '--url', server.url], columns: 100, rows: 30, ...options });
  play = opened;
  await opened.shows('● live');
  expect(opened.modes().alternate).toBe(true);
  return opened;
}

describe('however it ends, the terminal is given back', () => {
  test.each(['q', 'ctrl+c'])('%s', async (key) => {
    const console = await open();
    console.press(key);
    expect(await console.ended()).toMatchObject({ exitCode: 0 });
    expectRestored(console);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGQUIT', 131],
    ['SIGABRT', 134],
    ['SIGUSR1', 138],
    ['SIGUSR2', 140],
    ['SIGALRM', 142],
    ['SIGXCPU', 152],
    ['SIGVTALRM', 154],
  ] as const)('%s', async (signal, exitCode) => {
    const console = await open();
    console.signal(signal);
    expect(await console.ended()).toMatchObject({ exitCode });
    expectRestored(console);
  });

  test('an exception nobody caught: the screen first, then what it was', async () => {
    const console = await open({
      env: inject(`process.on('SIGURG', () => { throw new Error('kaboom'); })`),
    });
    console.signal('SIGURG');
    expect(await console.ended()).toMatchObject({ exitCode: 70 });
    expectRestored(console);
    expect(console.lines().join('\n')).toContain('kaboom');
  });

  test('an exception while painting', async () => {
    const code = `process.on('SIGURG', () => { String.prototype.padEnd = Array.prototype.join = () => { throw new Error('no paint'); }; })`;
    const console = await open({ env: inject(code) });
    console.signal('SIGURG');
    console.press('?');
    const { exitCode } = await console.ended();
    expect(exitCode).toBe(70);
    expectRestored(console);
  });

  test('it cannot start: the screen is given back before it says why', async () => {
    const console = startPlay({
      args: [cli, '--embedded'],
      env: { PATH: '/nowhere', XDG_RUNTIME_DIR: server.directory },
    });
    play = console;
    const { exitCode } = await console.ended();
    expect(exitCode).not.toBe(0);
    expectRestored(console);
    expect(console.lines().join('\n')).toContain('quarterdeck:');
  });
});

test('a promise nobody waited for, and stray prints, go to the status line; the console stays', async () => {
  const code = `process.on('SIGURG', () => { Promise.reject(new Error('forgotten')); });
    process.on('SIGCHLD', () => { console.log('a stray \\u001b]0;title\\u0007 print'); });`;
  const console = await open({ env: inject(code) });
  console.signal('SIGURG');
  await console.shows('forgotten');
  console.signal('SIGCHLD');
  await console.shows('a stray ␛]0;title␇ print');
  expect(console.modes().alternate).toBe(true);
});

test('what libraries print is kept off the screen, and printed once the terminal is given back', async () => {
  const console = await open({ env: { DEBUG: 'ioredis:*', NODE_DEBUG: 'net' } });
  await console.shows('? help');
  expect(console.raw()).not.toMatch(/ioredis:|NET /);
  console.press('q');
  expect(await console.ended()).toMatchObject({ exitCode: 0 });
  expectRestored(console);
  expect(console.lines().join('\n')).toMatch(/NET |ioredis:/);
});

test('a terminal that reads nothing any more does not keep the console from ending', async () => {
  const console = await open();
  console.stall();
  for (let step = 0; step < 60; step += 1) {
    console.resize(100 + (step % 2) * 20, 30);
    // Each size is a frame of its own only if there is time to paint it.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  console.signal('SIGTERM');
  await vi.waitFor(() => expect(isRunning(console.pid)).toBe(false));
});

test('one that reads a little more meanwhile, and then nothing, does not either', async () => {
  const warns = inject(
    `setTimeout(() => { for (let n = 0; n < 200; n += 1) process.emitWarning('a stray warning'); }, 300).unref()`,
  );
  const console = await open({ env: warns });
  console.stall();
  for (let step = 0; step < 60; step += 1) {
    console.resize(100 + (step % 2) * 20, 30);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  console.signal('SIGTERM');
  // By then what could not be written waits, and the console waits for the terminal to take it.
  await new Promise((resolve) => setTimeout(resolve, 300));
  await console.sip();
  await vi.waitFor(() => expect(isRunning(console.pid)).toBe(false));
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('suspension', () => {
  const inShell = `set -m; "${process.execPath}" "${cli}" --url "$URL"; echo suspended; read -r; fg >/dev/null; echo code $?`;

  test('^Z gives the terminal back, fg takes it again and paints everything', async () => {
    const shell = await open({ command: 'bash', args: ['-c', inShell], env: { URL: server.url } });
    shell.press('ctrl+z');
    await shell.shows('suspended');
    expectRestored(shell);
    shell.press('enter');
    await shell.shows('● live');
    await shell.shows('? help');
    expect(shell.modes()).toEqual({ alternate: true, cursorHidden: true, pasteMarks: true, wraps: false });
    shell.press('q');
    await shell.shows('code 0');
    expectRestored(shell);
  });

  test('after an outside STOP and CONT the screen is whole again', async () => {
    const console = await open();
    console.signal('SIGSTOP');
    console.resize(90, 28);
    console.signal('SIGCONT');
    // It gives the terminal back and takes it again: until then the screen is the one of before.
    await vi.waitFor(() => expect(console.raw().match(/\u001B\[\?1049h/g)).toHaveLength(2));
    await vi.waitFor(() => expect(console.lines()[0]).toContain('● live'));
    await console.shows('? help');
    expect(console.modes().alternate).toBe(true);
    console.press('q');
    expect(await console.ended()).toMatchObject({ exitCode: 0 });
    expectRestored(console);
  });
});

test('^Z where no shell could wake it again: it goes on', async () => {
  const console = await open();
  console.press('ctrl+z');
  await vi.waitFor(() => expect(console.raw().match(/\u001B\[\?1049h/g)).toHaveLength(2));
  await console.shows('● live');
  console.press('q');
  expect(await console.ended()).toMatchObject({ exitCode: 0 });
  expectRestored(console);
});

test('woken while a command has the terminal, it leaves that alone', async () => {
  const console = await open();
  // Not as it is typed: that stands on the screen before there is a child to read what is typed next.
  console.press(
    ':',
    'lock run lent -- sh -c "echo in the c\'hild\'; read -r answer; echo got $answer"',
    'enter',
  );
  await console.shows('in the child');
  console.signal('SIGCONT');
  console.press('42', 'enter');
  // The console is back so soon that nobody may have seen it on the screen.
  await vi.waitFor(() => expect(console.raw()).toContain('got 42'), 10_000);
  await console.shows('● live');
  expect(console.raw().match(/\u001B\[\?1049h/g)).toHaveLength(2);
});

test('a terminal whose size is unknown is taken for 80x24', async () => {
  const console = await open({
    env: inject(
      `Object.defineProperties(process.stdout, { columns: { get: () => 0 }, rows: { get: () => 0 } });`,
    ),
  });
  await console.shows('? help');
  expect(console.lines()[23]).toContain('? help');
});

test('a terminal that cannot move its cursor gets a hint of what else there is', async () => {
  const console = startPlay({
    command: 'env',
    args: ['TERM=dumb', process.execPath, cli, '--url', server.url],
  });
  play = console;
  expect(await console.ended()).toMatchObject({ exitCode: 2 });
  expect(console.lines().join('')).toContain('TERM is `dumb`');
});

test('the terminal goes away: the console ends', async () => {
  const console = await open();
  console.hangUp();
  // By its own code, or by a second hangup when it had put things in order already and was listening no more.
  const { exitCode, signal } = await console.ended();
  expect(signal === constants.signals.SIGHUP ? 129 : exitCode).toBe(129);
});
