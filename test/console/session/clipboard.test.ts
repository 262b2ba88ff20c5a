import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { CopyError, makeClipboard } from '../../../source/console/session/clipboard.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-copy-'));
afterAll(() => rmSync(directory, { recursive: true }));

function clipboard(way: 'auto' | 'osc52' | 'tmux' | 'off' | readonly string[], terminal = {}) {
  const sent: string[] = [];
  const saved: string[] = [];
  const { copy } = makeClipboard({
    config: { clipboard: way, terminal },
    send: (sequence) => sent.push(sequence),
    save(text) {
      saved.push(text);
      return '/state/frames/x.txt';
    },
  });
  return { copy, sent, saved };
}

test('the terminal is sent the text, and nobody claims that it arrived', async () => {
  const { copy, sent } = clipboard('auto');
  expect(await copy('orders/audit é')).toBe('Sent 15 B to the terminal (it does not confirm)');
  expect(sent).toEqual([`\u001B]52;c;${Buffer.from('orders/audit é').toString('base64')}\u0007`]);
});

test('what is too long goes to a file, whole', async () => {
  const { copy, sent, saved } = clipboard('auto');
  const most = 'x'.repeat(56_244);
  expect(await copy(most)).toMatch(/^Sent 54.9K/);
  expect(await copy(`${most}yyy`)).toBe('Too long to copy (54.9K): saved as /state/frames/x.txt');
  expect(sent).toHaveLength(1);
  expect(saved).toEqual([`${most}yyy`]);
});

test('a program of the user gets the text as its stdin, without a shell', async () => {
  const program = path.join(directory, 'clip');
  writeFileSync(program, '#!/bin/sh\ncat > "$1"\n');
  chmodSync(program, 0o700);
  const file = path.join(directory, 'a;b $(c)');
  expect(await clipboard([program, file]).copy('$(whoami)')).toBe(`Copied 9 B with ${program}`);
  expect(readFileSync(file, 'utf8')).toBe('$(whoami)');
});

test('and no password of a database', async () => {
  vi.stubEnv('PGPASSWORD', 's3cret');
  const file = path.join(directory, 'environment');
  await clipboard(['sh', '-c', 'env > "$0"', file]).copy('x');
  vi.unstubAllEnvs();
  const environment = readFileSync(file, 'utf8');
  expect(environment).toContain('PATH=');
  expect(environment).not.toContain('s3cret');
});

test.each([
  [['/nonexistent/clip'], /Not copied: \/nonexistent\/clip cannot be run/],
  [['sh', '-c', 'echo no display >&2; exit 3'], /Not copied: sh exited 3: no display/],
  // Its complaint arrives after its end.
  [['sh', '-c', '{ sleep 0.3; echo no display >&2; } & exit 3'], /Not copied: sh exited 3: no display/],
  ['off', /copying is off/],
] as const)('with %j it says why it did not', async (way, message) => {
  await expect(clipboard(way).copy('x')).rejects.toThrow(message);
  await expect(clipboard(way).copy('x')).rejects.toThrow(CopyError);
});

describe('in tmux', () => {
  const socket = path.join(directory, 'tmux');
  const tmux = (...args: string[]): string =>
    execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], { encoding: 'utf8' });
  beforeAll(() => void tmux('new-session', '-d', '-x', '80', '-y', '24', 'sleep 60'));
  afterAll(() => void tmux('kill-server'));
  afterEach(() => vi.unstubAllEnvs());

  test.each([
    ['external', 'off'],
    ['external', 'on'],
    ['on', 'off'],
    ['on', 'on'],
    ['off', 'off'],
  ])('its buffer has the text with set-clipboard %s and allow-passthrough %s', async (set, pass) => {
    tmux('set-option', '-g', 'set-clipboard', set);
    // Older ones do not know it, and let everything pass.
    spawnSync('tmux', ['-S', socket, 'set-option', '-g', 'allow-passthrough', pass]);
    const TMUX = `${socket},1,0`;
    vi.stubEnv('TMUX', TMUX);
    const { copy, sent } = clipboard('auto', { TMUX });
    const text = `orders/audit ${set} ${pass} ${'x'.repeat(100_000)}`;
    expect(await copy(text)).toMatch(/^Copied 9\d\.\dK into the buffer of tmux/);
    expect(tmux('show-buffer')).toBe(text);
    expect(sent).toEqual([]);
  });

  test('that is gone the terminal is sent the text instead', async () => {
    const TMUX = `${path.join(directory, 'nobody')},1,0`;
    vi.stubEnv('TMUX', TMUX);
    expect(await clipboard('auto', { TMUX }).copy('x')).toMatch(/^Sent 1 B to the terminal/);
    await expect(clipboard('tmux', { TMUX }).copy('x')).rejects.toThrow(/Not copied: tmux exited 1/);
  });
});
