import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RunnerOptions } from '../../source/features/sync/options.ts';
import { status } from '../../source/features/sync/status.ts';
import { markerHint } from '../../source/features/sync/target-marker.ts';
import { notify } from '../../source/features/sync/watcher/watch.ts';
import { errorOf, run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { startRunner } from './start-runner.ts';

/** Nothing is copied to, or removed from, what is left of a target whose disk is not mounted. */

const marker = '.mounted';
let root: string;
let base: string;
let target: string;
let running: { stop(): Promise<void> }[] = [];
const server = await redisForThisFile();
beforeEach(async () => {
  await server.client().flushall();
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'quarterdeck-sync-')));
  base = path.join(root, 'base');
  target = path.join(root, 'target');
  for (const folder of [base, target]) mkdirSync(folder);
  writeFileSync(path.join(base, 'one'), '1');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const each of running) await each.stop();
  running = [];
  spawnSync('sh', ['-c', 'umount -l "$1"/* 2>/dev/null', 'sh', root]);
  rmSync(root, { recursive: true });
});

const sh = (script: string, ...words: string[]): void =>
  void execFileSync('sh', ['-c', script, 'sh', ...words]);
const put = (folder: string, name: string): void => writeFileSync(path.join(folder, name), name);
const tell = (...paths: string[]): Promise<unknown> => notify(server.client(), 'new_files', paths, { base });
function sync(options: Partial<RunnerOptions> = {}) {
  const runner = startRunner(server.client(), {
    ...{ base, target, targetMarker: marker, fullEveryMs: 300 },
    listen: () => server.client(),
    ...options,
  });
  running.push(runner);
  return runner;
}
const only = async () => (await status(server.client()))[0];
const halted = () =>
  vi.waitFor(async () => expect((await only())?.halted?.reason).toBe('target-missing'), 10_000);
const holds = (expected: readonly string[]) =>
  vi.waitFor(() => expect(readdirSync(target).sort()).toEqual(expected), 10_000);

test('one that was never filled: refused, with how the file is made', async () => {
  const refused = await run(['sync', 'run', base, target, '--delete', '--target-marker', marker, '--json'], {
    url: server.url,
  });
  expect(refused.code).toBe(4);
  const { code, message, hint } = errorOf(refused);
  expect({ code, message }).toEqual({
    code: 'TARGET_MARKER',
    message: `${target} holds no file ${marker}: its disk may not be mounted. Nothing is copied or removed until it does`,
  });
  expect(readdirSync(target)).toEqual([]);
  // The command is right as it stands there.
  execFileSync('sh', ['-c', /`(.*)`/.exec(hint ?? '')?.[1] ?? 'false']);
  sync();
  await holds([marker, 'one']);
});

test('the marker is not removed for being nowhere in the base, and not copied from there', async () => {
  put(target, marker);
  put(target, 'extra');
  put(base, 'two');
  writeFileSync(path.join(base, marker), 'of the base');
  sync();
  await holds([marker, 'one', 'two']);
  await tell(marker);
  put(base, 'three');
  await tell('three');
  await holds([marker, 'one', 'three', 'two']);
  expect(readFileSync(path.join(target, marker), 'utf8')).toBe(marker);
});

test('gone while it runs: batches and comparisons wait, also in a new process, until it is back', async () => {
  put(target, marker);
  const first = sync();
  await holds([marker, 'one']);
  const away = path.join(root, 'away');
  renameSync(target, away);
  mkdirSync(target);
  put(base, 'two');
  await tell('two');
  await halted();
  rmSync(path.join(base, 'one'));
  await tell('one');
  await first.stop();
  const second = sync();
  await vi.waitFor(async () => expect((await only())?.state).toBe('live'));
  await tell('two');
  expect(readdirSync(target)).toEqual([]);
  expect(readdirSync(away).sort()).toEqual([marker, 'one']);
  const resumed = await run(['sync', 'resume', base, target, '--deletes', '9', '--yes', '--json'], {
    url: server.url,
  });
  expect({ exit: resumed.code, code: errorOf(resumed).code }).toEqual({ exit: 4, code: 'TARGET_MARKER' });
  rmSync(target, { recursive: true });
  renameSync(away, target);
  await holds([marker, 'two']);
  await vi.waitFor(async () => expect((await only())?.halted).toBeNull());
  expect(second.troubles.join('\n')).toContain('holds its marker again');
  expect(first.troubles.filter((text) => text.startsWith('Halted'))).toHaveLength(1);
});

const canMount =
  spawnSync('sh', ['-c', 'd=$(mktemp -d) && mount -t tmpfs none $d && umount $d']).status === 0;
test.runIf(canMount)('a disk that is unmounted: nothing comes into the folder below it', async () => {
  sh('mount -t tmpfs none "$1"', target);
  put(target, marker);
  sync();
  await holds([marker, 'one']);
  sh('umount -l "$1"', target);
  put(base, 'two');
  await tell('two');
  await halted();
  expect(readdirSync(target)).toEqual([]);
  expect(existsSync(path.join(base, 'one'))).toBe(true);
});

/** In place of rsync: before the first run with these words that is no dry one, after all that was looked at, something happens. */
function beforeRsync(script: string, words = ''): { readonly happened: () => boolean } {
  const [bin, flag] = [path.join(root, 'bin'), path.join(root, 'armed')] as const;
  mkdirSync(bin);
  writeFileSync(flag, '');
  const isReal = `case " $* " in *--list-only*|*--dry-run*) ;; *${words}*) if rm '${flag}' 2>/dev/null; then ${script}; fi;; esac`;
  const real = execFileSync('sh', ['-c', 'command -v rsync'], { encoding: 'utf8' }).trim();
  writeFileSync(path.join(bin, 'rsync'), `#!/bin/sh\n${isReal}\nexec ${real} "$@"\n`, { mode: 0o755 });
  vi.stubEnv('PATH', `${bin}:${process.env.PATH}`);
  return { happened: () => !existsSync(flag) };
}

test.each([
  { how: 'renamed', leave: 'mv "$T" "$T.away" && mkdir "$T"', isMount: false },
  { how: 'unmounted', leave: 'umount -l "$T"', isMount: true },
])(
  'a target $how between the look at it and the start of rsync is not filled',
  async ({ leave, isMount }) => {
    if (isMount && !canMount) return expect.soft(canMount, 'not tried: mounting takes root').toBe(false);
    if (isMount) sh('mount -t tmpfs none "$1"', target);
    put(target, marker);
    sync();
    await holds([marker, 'one']);
    const { happened } = beforeRsync(leave.replaceAll('$T', target));
    put(base, 'two');
    await tell('two');
    await vi.waitFor(() => expect(happened()).toBe(true), 10_000);
    await halted();
    expect(readdirSync(target)).toEqual([]);
  },
);

test('a base that another folder takes the place of, just before rsync removes: nothing else is removed', async () => {
  put(target, marker);
  put(base, 'two');
  const { troubles } = sync();
  await holds([marker, 'one', 'two']);
  rmSync(path.join(base, 'one'));
  const { happened } = beforeRsync(
    `mv ${base} ${base}.away && mkdir ${base} && touch ${base}/one`,
    '--delete',
  );
  await tell('one');
  await vi.waitFor(() => expect(happened()).toBe(true), 10_000);
  await vi.waitFor(async () => expect((await only())?.halted?.reason).toBe('base-replaced'), 10_000);
  expect(readdirSync(target)).toContain('two');
  expect(troubles.join('\n')).toContain('Halted');
});

test.each([
  ['/mnt/b', 'touch /mnt/b/.mounted'],
  ["/mnt/it's mine/", `touch '/mnt/it'\\''s mine/.mounted'`],
  ['cdn1:/srv/img', "ssh cdn1 'touch /srv/img/.mounted'"],
  ['./a:b', 'touch ./a:b/.mounted'],
])('how the file is made at %s', (at, command) => {
  expect(markerHint(at, marker)).toBe(`Mount its disk; if it is the right folder: \`${command}\``);
});

test('at a daemon no command makes it', () => {
  const hint = `Mount its disk; if it is the right folder, make an empty file ${marker} there`;
  expect(['rsync://host/module', 'host::module'].map((at) => markerHint(at, marker))).toEqual([hint, hint]);
});

test('no name for a marker, from a program', async () => {
  const refused = { code: 'USAGE', message: expect.stringContaining('targetMarker') };
  await expect(sync({ targetMarker: '../x' }).ended).rejects.toMatchObject(refused);
});

test.each(['a/b', '..', '', '*', 'x y'])('no name for a marker: %j', async (name) => {
  const refused = await run(['sync', 'run', base, target, '--target-marker', name, '--json'], {
    url: server.url,
  });
  expect(refused.code).toBe(2);
});
