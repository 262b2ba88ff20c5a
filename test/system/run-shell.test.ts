import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runShell } from '../../source/system/run-shell.ts';
import { groupGone } from '../helpers/processes.ts';

let folder: string;
beforeAll(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'quarterdeck-shell-')));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a command and keeps what it prints. */
async function printed(command: string, options: Parameters<typeof runShell>[1] = {}) {
  let out = '';
  const lines: string[] = [];
  const end = await runShell(command, {
    onStdout: (bytes) => (out += Buffer.from(bytes).toString()),
    onStderr: (line) => lines.push(line),
    ...options,
  });
  return { ...end, out, lines };
}

test('input, environment and folder reach the command; output, lines and exit code come back', async () => {
  const { out, lines, code, text } = await printed('cat; pwd; echo "$WORD" >&2; printf last >&2; exit 3', {
    input: ['one ', Buffer.from('two\n')],
    env: { WORD: '$(exit 9); `x`' },
    cwd: folder,
  });
  expect(out).toBe(`one two\n${folder}\n`);
  expect(lines).toEqual(['$(exit 9); `x`', 'last']);
  expect({ code, text }).toEqual({ code: 3, text: 'exited with 3' });
});

test('a command that a signal ends is described by it', async () => {
  expect(await runShell('kill -9 $$')).toEqual({
    code: undefined,
    signal: 'SIGKILL',
    text: 'was ended by SIGKILL',
  });
});

test('a command that does not read its input ends well, and the input is read to its end', async () => {
  let pieces = 0;
  async function* input() {
    for (; pieces < 100; pieces += 1) yield Buffer.alloc(65_536);
  }
  expect(await runShell('exec <&-; exit 0', { input: input() })).toMatchObject({ code: 0 });
  expect(pieces).toBe(100);
});

test('output is taken no faster than it is handed on', async () => {
  let isBusy = false;
  let bytes = 0;
  await runShell('head -c 300000 /dev/zero', {
    async onStdout(piece) {
      expect(isBusy).toBe(false);
      isBusy = true;
      await new Promise((resolve) => setImmediate(resolve));
      isBusy = false;
      bytes += piece.byteLength;
    },
  });
  expect(bytes).toBe(300_000);
});

test('aborting ends the command and all it started, even what ignores SIGTERM', async () => {
  const stopping = new AbortController();
  let group = 0;
  const running = runShell("trap '' TERM; sleep 600 & echo $$; wait", {
    signal: stopping.signal,
    graceMs: 50,
    onStdout(bytes) {
      group = Number(Buffer.from(bytes));
      stopping.abort(new Error('enough'));
    },
  });
  await expect(running).rejects.toThrow('enough');
  await groupGone(group);
  await expect(runShell('exit 0', { signal: stopping.signal })).rejects.toThrow('enough');
});

test.each([
  ['input that fails', { input: failing() }, 'disk'],
  [
    'a reader that has gone',
    {
      onStdout() {
        throw new Error('gone');
      },
    },
    'gone',
  ],
])('%s ends the command', async (_, options, reason) => {
  await expect(runShell('echo x; sleep 600', { graceMs: 50, ...options })).rejects.toThrow(reason);
});

test('what a failed command left running is ended, too', async () => {
  const { out } = await printed('sleep 600 >/dev/null 2>&1 & echo $$; exit 1', { graceMs: 50 });
  await groupGone(Number(out));
});

test('a folder that is not there is the failure of the call', async () => {
  await expect(runShell('exit 0', { cwd: path.join(folder, 'none') })).rejects.toThrow('ENOENT');
});

// biome-ignore lint/correctness/useYield: it fails before it has anything
async function* failing(): AsyncGenerator<string> {
  throw new Error('disk');
}
