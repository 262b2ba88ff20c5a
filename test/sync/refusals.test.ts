import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { TargetStatus } from '../../source/features/sync/status.ts';
import { errorOf, kill, run, start } from '../helpers/cli.ts';
import { freePort } from '../helpers/ports.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** What the command line says to bad folders, bad targets and bad paths, and that nothing queued is lost over it. */

let root: string;
let base: string;
let target: string;
let children: ChildProcess[] = [];
const server = await redisForThisFile();
beforeEach(async () => {
  await server.client().flushall();
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'quarterdeck-sync-')));
  base = path.join(root, 'base');
  target = path.join(root, 'target');
  mkdirSync(base);
});
afterEach(async () => {
  for (const child of children) await kill(child);
  children = [];
  rmSync(root, { recursive: true });
});

/** A runner as a process, and what it says. */
function runner(flags: readonly string[] = [], env: Record<string, string> = {}) {
  const words = ['sync', 'run', base, target, '--every', '100ms', '--json', ...flags];
  const child = start(words, { url: server.url, stdin: '', env });
  children.push(child);
  const said: string[] = [];
  const events: Record<string, number>[] = [];
  if (!child.stdout || !child.stderr) throw new Error('Expected pipes');
  createInterface(child.stderr).on('line', (line) => said.push(line));
  createInterface(child.stdout).on('line', (line) => events.push(JSON.parse(line)));
  const scanned = (): Promise<void> =>
    vi.waitFor(() => expect(events.some(({ full }) => full !== undefined)).toBe(true), 10_000);
  return { child, said, events, scanned };
}

async function status(): Promise<TargetStatus> {
  const { stdout } = await run(['sync', 'status', '--json'], { url: server.url });
  const [only] = JSON.parse(stdout) as TargetStatus[];
  if (!only) throw new Error('Nothing is synced');
  return only;
}

const tell = (...paths: string[]) => run(['sync', 'notify', '--base', base, ...paths], { url: server.url });

/** A program that stands before the real ones on PATH. */
function fake(name: string, script: string): Record<string, string> {
  const folder = path.join(root, 'bin');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(path.join(folder, name), 0o755);
  return { PATH: `${folder}:${process.env.PATH}` };
}

describe('a bad start ends with one line that says what to do', () => {
  const expectRefusal = async (
    words: readonly string[],
    { exit, env = {}, ...error }: { exit: number; code: string; message: string; hint: string; env?: object },
  ): Promise<void> => {
    const failed = await run([...words, '--json'], { url: server.url, env: { ...env } });
    expect(failed.stdout).toBe('');
    expect(failed.stderr.trim().split('\n')).toHaveLength(1);
    expect(errorOf(failed)).toEqual({
      code: error.code,
      message: expect.stringContaining(error.message),
      hint: expect.stringContaining(error.hint),
    });
    expect(failed.code).toBe(exit);
  };

  test('a base that is missing, or a file', async () => {
    const refusal = { exit: 4, code: 'SYNC_BASE', hint: 'Give the folder whose content' };
    const missing = path.join(root, 'missing');
    await expectRefusal(['sync', 'run', missing, target], { ...refusal, message: `from ${missing}: ENOENT` });
    await expectRefusal(['sync', 'watch', missing], { ...refusal, message: `from ${missing}: ENOENT` });
    writeFileSync(path.join(root, 'file'), '');
    await expectRefusal(['sync', 'run', path.join(root, 'file'), target], {
      ...refusal,
      message: 'file: it is not a folder',
    });
  });

  test('a target inside the base, or around it', async () => {
    writeFileSync(path.join(base, 'precious'), '');
    symlinkSync(base, path.join(root, 'alias'));
    for (const nested of ['base', 'base/copy/of/it', '.', 'alias/copy']) {
      await expectRefusal(['sync', 'run', base, path.join(root, nested), '--delete'], {
        exit: 2,
        code: 'SYNC_NESTED',
        message: `Cannot sync ${base} to ${path.join(root, nested)}: one lies in the other`,
        hint: 'Give a target beside the folder',
      });
    }
    expect(readdirSync(base)).toEqual(['precious']);
  });

  test('no rsync', async () => {
    await expectRefusal(['sync', 'run', base, target], {
      exit: 5,
      env: { PATH: '/nonexistent' },
      code: 'RSYNC_MISSING',
      message: 'rsync is not installed',
      hint: 'apt-get install rsync, or brew install rsync',
    });
  });

  test('a daemon without that module, and no daemon', async () => {
    const port = await freePort();
    const config = path.join(root, 'rsyncd.conf');
    writeFileSync(config, `use chroot = no\npid file = ${root}/pid\n[known]\npath = ${root}\n`);
    const daemon = spawn(
      'rsync',
      ['--daemon', '--no-detach', `--port=${port}`, '--address=127.0.0.1', `--config=${config}`],
      { stdio: 'ignore' },
    );
    children.push(daemon);
    await vi.waitFor(() => execFileSync('rsync', [`rsync://127.0.0.1:${port}/`], { stdio: 'pipe' }), 5000);
    const module = `rsync://127.0.0.1:${port}/nosuch`;
    await expectRefusal(['sync', 'run', base, module], {
      exit: 5,
      code: 'TARGET_REFUSED',
      message: `Cannot sync to ${module}: @ERROR: Unknown module 'nosuch' (rsync ended with 5)`,
      hint: `rsync --list-only ${module}`,
    });
    await kill(daemon);
    await expectRefusal(['sync', 'run', base, module], {
      exit: 5,
      code: 'TARGET_REFUSED',
      message: 'Connection refused (111) (rsync ended with 10)',
      hint: 'changes stay queued for the next start',
    });
  });

  test('a host that nobody knows, and one without rsync', async () => {
    await expectRefusal(['sync', 'run', base, 'nosuch:/srv'], {
      exit: 5,
      env: fake(
        'ssh',
        'echo "ssh: Could not resolve hostname nosuch: Name or service not known" >&2; exit 255',
      ),
      code: 'TARGET_REFUSED',
      message: 'Cannot sync to nosuch:/srv: ssh: Could not resolve hostname nosuch',
      hint: 'rsync --list-only nosuch:/srv',
    });
    await expectRefusal(['sync', 'run', base, 'bare:/srv'], {
      exit: 5,
      env: fake('ssh', 'echo "bash: line 1: rsync: command not found" >&2; exit 127'),
      code: 'TARGET_REFUSED',
      message: 'bash: line 1: rsync: command not found (rsync ended with ',
      hint: 'rsync --list-only bare:/srv',
    });
  });

  test('a path to tell of that is none below the base', async () => {
    for (const [given, reason] of [
      ['../../etc/passwd', 'it climbs with `..`'],
      ['img/../../x', 'it climbs with `..`'],
      ['/etc/passwd', 'it lies outside the base'],
      ['', 'it is empty'],
      ['x/'.repeat(5000), 'it is longer than a path can be'],
      ['x'.repeat(256), 'a name in it is longer than a name can be'],
    ] as const) {
      await expectRefusal(['sync', 'notify', 'good', given, '--base', base], {
        exit: 4,
        code: 'SYNC_PATH',
        message: `Refused to notify of \`${given.slice(0, 200)}`,
        hint: `Give paths below ${base}`,
      });
      const failed = await run(['sync', 'notify', given, '--base', base], { url: server.url });
      expect(failed.stderr).toContain(reason);
      expect(failed.stderr.length).toBeLessThan(600);
    }
    expect(await server.client().exists('topic:msgs:new_files')).toBe(0);
  });
});

test('a target that takes nothing: each path set aside with the reason, tried again, kept even when killed', async () => {
  const full = path.join(root, 'full');
  const env = fake(
    'rsync',
    `if test -e ${full}; then
  cat >/dev/null
  echo 'rsync: [receiver] write failed on "/mnt/cdn/one": No space left on device (28)' >&2
  echo 'rsync error: error in file IO (code 11) at receiver.c(380) [receiver=3.2.7]' >&2
  exit 11
fi
PATH="\${PATH#*:}" exec rsync "$@"`,
  );
  const first = runner([], env);
  await first.scanned();
  writeFileSync(full, '');
  writeFileSync(path.join(base, 'one'), '1');
  writeFileSync(path.join(base, 'two'), '2');
  await tell('one', 'two');
  const reason = expect.stringContaining('No space left on device (28)');
  await vi.waitFor(async () =>
    expect(await status()).toMatchObject({
      state: 'live',
      condition: 'failing',
      queued: 0,
      synced: 0,
      failed: 2,
      failures: expect.arrayContaining([
        { path: 'one', reason },
        { path: 'two', reason },
      ]),
    }),
  );
  expect(
    first.said.filter((line) => /^quarterdeck: Could not copy `(one|two)`: .*No space left/.test(line)),
  ).toHaveLength(2);

  await kill(first.child);
  expect((await status()).failed).toBe(2);
  rmSync(full);
  const second = runner(['--standby'], env);
  await second.scanned();
  await vi.waitFor(async () => expect(await status()).toMatchObject({ queued: 0, failed: 0, error: null }));
  expect(readdirSync(target).toSorted()).toEqual(['one', 'two']);

  const exited = once(second.child, 'exit');
  second.child.kill('SIGTERM');
  expect(await exited).toEqual([143, null]);
});

test('a base that goes away meanwhile empties nothing, and is followed again once it is back', async () => {
  writeFileSync(path.join(base, 'one'), '1');
  const { said, scanned } = runner(['--delete', '--full-every', '500ms']);
  await scanned();
  const away = path.join(root, 'away');
  execFileSync('mv', [base, away]);
  await vi.waitFor(() => expect(said.join('\n')).toMatch(/Cannot sync from .*\(SYNC_BASE\)/), 10_000);
  expect(readdirSync(target)).toEqual(['one']);
  execFileSync('mv', [away, base]);
  writeFileSync(path.join(base, 'two'), '2');
  await tell('two');
  await vi.waitFor(() => expect(readdirSync(target).toSorted()).toEqual(['one', 'two']), 10_000);
});

test('whatever is published, nothing outside the base is read or written; it is counted, and said in status', async () => {
  mkdirSync(path.join(root, 'outside', 'deep'), { recursive: true });
  writeFileSync(path.join(root, 'outside', 'secret'), 'x');
  mkdirSync(path.join(base, 'dir', 'real'), { recursive: true });
  writeFileSync(path.join(base, 'dir', 'real', 'file'), 'inside');
  symlinkSync('../../outside', path.join(base, 'dir', 'leak'));
  symlinkSync('real', path.join(base, 'dir', 'link'));
  symlinkSync('/etc/passwd', path.join(base, 'passwd'));
  writeFileSync(path.join(base, '--rsh=x'), 'a file like any other');
  const { said, events, scanned } = runner(['--delete']);
  await scanned();
  rmSync(path.join(target, '--rsh=x'));
  rmSync(path.join(target, 'dir'), { recursive: true });

  const evil = [
    '../../etc/passwd',
    '/etc/passwd',
    `${base}-sibling/x`,
    'dir/../../outside/secret',
    'dir/..',
    '',
    'a\0b',
    'passwd',
    'dir/leak',
    'dir/leak/secret',
    'dir/leak/deep/none',
    'x/'.repeat(500_000),
    `dir/${'y'.repeat(256)}`,
    '{"path":"../x","op":"delete"}',
    '{"path":"dir/leak/deep","op":"delete"}',
    '{"path":"a\\u0000b"}',
    '{"op":"rescan"}',
  ];
  const redis = server.client();
  for (const payload of evil) await redis.publish('new_files', payload);
  for (const payload of ['--rsh=x', 'dir/link/file']) await redis.publish('new_files', payload);

  await vi.waitFor(async () => expect(await status()).toMatchObject({ refused: evil.length }), 10_000);
  await vi.waitFor(() => expect(existsSync(path.join(target, '--rsh=x'))).toBe(true), 10_000);
  await vi.waitFor(
    () => expect(readFileSync(path.join(target, 'dir', 'real', 'file'), 'utf8')).toBe('inside'),
    10_000,
  );
  const refusals = said.filter((line) => line.startsWith('quarterdeck: Refused'));
  expect(refusals).toHaveLength(evil.length);
  expect(Math.max(...refusals.map(({ length }) => length))).toBeLessThan(400);
  expect(events.reduce((sum, { refused = 0 }) => sum + refused, 0)).toBe(evil.length);
  expect(readdirSync(target).toSorted()).toEqual(['--rsh=x', 'dir']);
  expect(readdirSync(path.join(target, 'dir'))).toEqual(['real']);
  expect(readdirSync(path.join(root, 'outside')).toSorted()).toEqual(['deep', 'secret']);
  const shown = await run(['sync', 'status'], { url: server.url });
  expect(shown.stdout).toContain(`${evil.length} refused`);
});
