import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { markerName } from '../../source/features/sync/copy/base.ts';
import { doctor } from '../../source/features/sync/doctor.ts';
import type { RunnerOptions, SyncEvent } from '../../source/features/sync/options.ts';
import { status } from '../../source/features/sync/status.ts';
import { notify, watch } from '../../source/features/sync/watcher/watch.ts';
import { errorOf, kill, run, start } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { startRunner } from './start-runner.ts';

/** Nothing is removed from a target unless its base is the folder it was filled from, and no more than may be. */

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
  mkdirSync(base);
});
afterEach(async () => {
  for (const each of running) await each.stop();
  running = [];
  spawnSync('sh', ['-c', 'umount -l "$1"/* 2>/dev/null', 'sh', root]);
  rmSync(root, { recursive: true });
});

const sh = (script: string, ...words: string[]): string =>
  execFileSync('sh', ['-c', script, 'sh', ...words], { encoding: 'utf8' });

/** A runner that compares everything every 300 ms or so. */
function sync(options: Partial<RunnerOptions> = {}) {
  const runner = startRunner(server.client(), {
    base,
    target,
    fullEveryMs: 300,
    listen: () => server.client(),
    ...options,
  });
  running.push(runner);
  return runner;
}

const fill = (folder: string, from: number, to: number): void => {
  mkdirSync(folder, { recursive: true });
  for (let index = from; index < to; index += 1) writeFileSync(path.join(folder, `f${index}`), `${index}`);
};
/** Without what rsync is just writing. */
const count = (): number =>
  existsSync(target) ? readdirSync(target).filter((name) => !name.startsWith('.')).length : 0;
const tell = (...paths: string[]): Promise<unknown> => notify(server.client(), 'new_files', paths, { base });
async function only() {
  const [found] = await status(server.client());
  if (!found) throw new Error('Nothing is synced');
  return found;
}
const halted = async (reason: string) =>
  await vi.waitFor(async () => {
    const { halted, condition } = await only();
    expect(halted?.reason).toBe(reason);
    expect(condition).toBe('halted');
    return halted;
  });
/** Several comparisons later. */
async function later({ events }: { events: SyncEvent[] }): Promise<void> {
  const fulls = (): number => events.filter((event) => 'full' in event).length;
  const before = fulls();
  await vi.waitFor(() => expect(fulls()).toBeGreaterThan(before + 1));
}
const resume = (...flags: string[]) =>
  run(['sync', 'resume', base, target, ...flags, '--yes', '--json'], { url: server.url });

test('a marker is written into the base, and copied nowhere', async () => {
  fill(base, 0, 3);
  sync();
  await vi.waitFor(() => expect(count()).toBe(3));
  expect(readFileSync(path.join(base, markerName), 'utf8')).toMatch(/^[0-9a-f-]{36}\n/);
  await tell(markerName);
  fill(base, 3, 4);
  await tell('f3');
  await vi.waitFor(() => expect(count()).toBe(4));
  expect(existsSync(path.join(target, markerName))).toBe(false);
});

test('without --delete nothing is written into the base', async () => {
  fill(base, 0, 3);
  sync({ deletes: false });
  await vi.waitFor(() => expect(count()).toBe(3));
  expect(readdirSync(base)).toHaveLength(3);
});

describe('a base in whose place something else is', () => {
  test.each([
    ['an empty folder', () => mkdirSync(base)],
    ['a folder with other files', () => fill(base, 500, 520)],
    ['a copy of it without its marker', () => fill(base, 0, 200)],
  ])('%s: nothing is copied or removed; back again, it goes on', async (_, replace) => {
    fill(base, 0, 200);
    const { troubles } = sync();
    await vi.waitFor(() => expect(count()).toBe(200));
    renameSync(base, path.join(root, 'away'));
    replace();
    const halt = await halted('base-replaced');
    await tell('f500', 'f1');
    expect(halt?.message).toContain('has lost the marker');
    expect(troubles.join('\n')).toContain(`quarterdeck sync resume ${base} ${target} --adopt --yes`);
    // A plain look would find the halted runner looking again and again.
    await vi.waitFor(async () => expect((await only()).queued).toBe(2));
    expect(readdirSync(target).toSorted()).toEqual(
      Array.from({ length: 200 }, (__, index) => `f${index}`).toSorted(),
    );
    rmSync(base, { recursive: true });
    renameSync(path.join(root, 'away'), base);
    writeFileSync(path.join(base, 'new'), '');
    await vi.waitFor(() => expect(count()).toBe(201));
    expect((await only()).halted).toBeNull();
    expect(troubles.filter((text) => text.startsWith('Halted'))).toHaveLength(1);
  });

  test('the marker of another folder', async () => {
    fill(base, 0, 3);
    const first = sync();
    await vi.waitFor(() => expect(count()).toBe(3));
    await first.stop();
    writeFileSync(path.join(base, markerName), '00000000-0000-4000-8000-000000000000\n');
    rmSync(path.join(base, 'f1'));
    sync();
    expect((await halted('base-replaced'))?.message).toContain('the marker of another folder');
    expect(count()).toBe(3);
  });

  test('at the start, also where the server has forgotten what it was', async () => {
    fill(base, 0, 200);
    const first = sync();
    await vi.waitFor(() => expect(count()).toBe(200));
    await first.stop();
    rmSync(base, { recursive: true });
    mkdirSync(base);
    const second = sync();
    await halted('base-replaced');
    await second.stop();
    await server.client().flushall();
    sync();
    const halt = await halted('base-empty');
    expect(halt).toMatchObject({ would: 200, of: 200 });
    expect(count()).toBe(200);
  });

  test('a file, and then nothing: it waits', async () => {
    fill(base, 0, 200);
    const { troubles } = sync();
    await vi.waitFor(() => expect(count()).toBe(200));
    renameSync(base, path.join(root, 'away'));
    writeFileSync(base, '');
    await vi.waitFor(() => expect(troubles.join('\n')).toContain('it is not a folder'));
    unlinkSync(base);
    await vi.waitFor(() => expect(troubles.join('\n')).toContain('ENOENT'));
    expect(count()).toBe(200);
    renameSync(path.join(root, 'away'), base);
    writeFileSync(path.join(base, 'new'), '');
    await vi.waitFor(() => expect(count()).toBe(201));
  });

  test('taken for the base by an operator: then how much it removes is limited all the same', async () => {
    fill(base, 0, 200);
    sync();
    await vi.waitFor(() => expect(count()).toBe(200));
    rmSync(base, { recursive: true });
    fill(base, 0, 20);
    await halted('base-replaced');
    const refused = await resume('--deletes', '180');
    expect(refused.code).toBe(2);
    expect(errorOf(refused)).toMatchObject({ code: 'SYNC_RESUME', hint: expect.stringContaining('--adopt') });
    expect((await resume('--adopt')).code).toBe(0);
    const halt = await halted('too-many-deletions');
    expect(halt).toMatchObject({ would: 180, of: 200, most: 100 });
    expect(count()).toBe(200);
    expect((await resume('--deletes', '180')).code).toBe(0);
    await vi.waitFor(() => expect(count()).toBe(20));
    expect((await only()).halted).toBeNull();
  });
});

// Whoever may not mount has the cases above, which do the same without.
const mayMount =
  spawnSync('sh', ['-c', 'd=$(mktemp -d) && mount -t tmpfs tmpfs "$d" && umount "$d" && rmdir "$d"'])
    .status === 0;

test.skipIf(!mayMount)('a disk that is unmounted, and mounted again', async () => {
  sh('mount -t tmpfs -o size=8m tmpfs "$1"', base);
  fill(base, 0, 200);
  const { troubles } = sync();
  const controller = new AbortController();
  const watching = watch(server.client(), base, 'new_files', {
    signal: controller.signal,
    onNotified() {},
    onTrouble() {},
  }).catch(() => {});
  await vi.waitFor(() => expect(count()).toBe(200));
  const kept = path.join(root, 'kept');
  mkdirSync(kept);
  sh('mount --bind "$1" "$2" && umount -l "$1"', base, kept);
  await halted('base-replaced');
  expect(count()).toBe(200);
  sh('mount --bind "$1" "$2"', kept, base);
  writeFileSync(path.join(base, 'new'), '');
  await vi.waitFor(() => expect(count()).toBe(201));
  expect(troubles.join('\n')).toContain('filled from again');
  controller.abort();
  await watching;
});

test.skipIf(!mayMount)('a read-only base is recognised by what it is and holds', async () => {
  sh('mount -t tmpfs -o size=8m tmpfs "$1"', base);
  fill(base, 0, 200);
  sh('mount -o remount,ro "$1"', base);
  const first = sync();
  await vi.waitFor(() => expect(count()).toBe(200));
  expect(existsSync(path.join(base, markerName))).toBe(false);
  await later(first);
  expect((await only()).halted).toBeNull();
  sh('umount -l "$1"', base);
  await halted('base-replaced');
  expect(count()).toBe(200);
});

describe('more than may be removed', () => {
  test('of 300 files 200 are gone: new ones are copied, none is removed until that many are allowed', async () => {
    fill(base, 0, 300);
    const { troubles, events } = sync();
    await vi.waitFor(() => expect(count()).toBe(300));
    for (let index = 0; index < 200; index += 1) rmSync(path.join(base, `f${index}`));
    writeFileSync(path.join(base, 'new'), '');
    const halt = await halted('too-many-deletions');
    expect(halt).toMatchObject({ would: 200, of: 300, most: 150, sample: expect.any(Array) });
    expect(halt?.sample).toHaveLength(10);
    expect(troubles.filter((text) => text.startsWith('Halted'))).toEqual([
      expect.stringContaining(`200 of 300 files would be removed at ${target}`),
    ]);
    expect(events.some((event) => 'halted' in event)).toBe(true);
    await vi.waitFor(() => expect(count()).toBe(301));
    expect((await resume('--deletes', '199')).code).toBe(2);
    expect(JSON.parse((await resume('--deletes', '200')).stdout)).toMatchObject({ deletes: 200, target });
    await vi.waitFor(() => expect(count()).toBe(101));
    expect((await only()).halted).toBeNull();
  });

  test('by batches: what is removed between two comparisons counts together', async () => {
    fill(base, 0, 300);
    const { events } = sync({ fullEveryMs: 3_600_000 });
    await vi.waitFor(() => expect(count()).toBe(300));
    const gone = async (from: number, to: number): Promise<void> => {
      const names = Array.from({ length: to - from }, (_, index) => `f${from + index}`);
      for (const name of names) rmSync(path.join(base, name));
      await tell(...names);
    };
    await gone(0, 90);
    await vi.waitFor(() => expect(count()).toBe(210));
    await gone(90, 180);
    const halt = await halted('too-many-deletions');
    expect(halt).toMatchObject({ would: 90, of: 300, most: 150 });
    expect(count()).toBe(210);
    expect(events.filter((event) => 'batch' in event).reduce((sum, { deleted }) => sum + deleted, 0)).toBe(
      90,
    );
  });

  test('in waves, each followed by a full comparison: what is removed within a day counts together', async () => {
    fill(base, 0, 300);
    const runner = sync();
    await vi.waitFor(() => expect(count()).toBe(300));
    const gone = (from: number, to: number): void => {
      for (let index = from; index < to; index += 1) rmSync(path.join(base, `f${index}`));
    };
    gone(0, 90);
    await vi.waitFor(() => expect(count()).toBe(210));
    await later(runner);
    gone(90, 180);
    expect(await halted('too-many-deletions')).toMatchObject({ would: 90, of: 300, most: 150 });
    await later(runner);
    expect(count()).toBe(210);
    // A new process knows it as well.
    await runner.stop();
    const second = sync();
    await later(second);
    expect(count()).toBe(210);
    // What somebody allowed is the measure from then on.
    expect((await resume('--deletes', '90')).code).toBe(0);
    await vi.waitFor(() => expect(count()).toBe(120));
    await later(second);
    gone(180, 240);
    await vi.waitFor(() => expect(count()).toBe(60));
    await later(second);
    gone(240, 299);
    expect(await halted('too-many-deletions')).toMatchObject({ would: 59, of: 120, most: 100 });
  });

  test('files that come and go in the same number are no loss', async () => {
    fill(base, 0, 150);
    sync({ fullEveryMs: 3_600_000 });
    await vi.waitFor(() => expect(count()).toBe(150));
    for (let round = 0; round < 4; round += 1) {
      fill(base, 1000 + round * 60, 1060 + round * 60);
      const names = Array.from({ length: 60 }, (_, index) =>
        round === 0 ? `f${index}` : `f${1000 + (round - 1) * 60 + index}`,
      );
      for (const name of names) rmSync(path.join(base, name));
      await tell('.');
      await tell(...names);
      await vi.waitFor(() => expect(readdirSync(target)).not.toContain(names[0]));
      await vi.waitFor(() => expect(count()).toBe(150));
    }
    expect((await only()).halted).toBeNull();
  });

  test('what was gone and is there again needs nobody', async () => {
    fill(base, 0, 300);
    const { troubles } = sync();
    await vi.waitFor(() => expect(count()).toBe(300));
    mkdirSync(path.join(root, 'away'));
    for (let index = 0; index < 200; index += 1)
      renameSync(path.join(base, `f${index}`), path.join(root, 'away', `f${index}`));
    await halted('too-many-deletions');
    for (let index = 0; index < 200; index += 1)
      renameSync(path.join(root, 'away', `f${index}`), path.join(base, `f${index}`));
    await vi.waitFor(async () => expect((await only()).halted).toBeNull());
    expect(troubles.join('\n')).toContain('Nothing is in the way of removing');
    expect(count()).toBe(300);
  });

  test('emptying is never allowed by itself, however few there are', async () => {
    fill(base, 0, 2);
    sync({ maxDelete: { files: 1000 } });
    await vi.waitFor(() => expect(count()).toBe(2));
    for (const name of ['f0', 'f1']) rmSync(path.join(base, name));
    await tell('f0', 'f1');
    expect(await halted('base-empty')).toMatchObject({ would: 2, of: 2 });
    expect(count()).toBe(2);
    expect((await resume('--deletes', '2')).code).toBe(0);
    await vi.waitFor(() => expect(count()).toBe(0));
  });

  test.each([
    ['2', 3, true],
    ['3', 3, false],
    ['10%', 3, true],
    ['10%', 2, false],
  ])('--max-delete %s and %i of 20 gone', async (flag, gone, isHalted) => {
    fill(base, 0, 20);
    const words = ['sync', 'run', base, target, '--delete', '--max-delete', flag, '--every', '100ms'];
    const child = start([...words, '--full-every', '500ms'], { url: server.url, stdin: '' });
    child.stdout?.resume();
    child.stderr?.resume();
    await vi.waitFor(() => expect(count()).toBe(20));
    for (let index = 0; index < gone; index += 1) rmSync(path.join(base, `f${index}`));
    if (isHalted) await halted('too-many-deletions');
    else await vi.waitFor(() => expect(count()).toBe(20 - gone));
    await kill(child);
    expect(count()).toBe(isHalted ? 20 : 20 - gone);
  });

  test('the doctor names it with the command, and a bad ceiling is a mistake', async () => {
    fill(base, 0, 2);
    sync();
    await vi.waitFor(() => expect(count()).toBe(2));
    for (const name of ['f0', 'f1']) rmSync(path.join(base, name));
    await halted('base-empty');
    expect(doctor.claims('sync:new_files')).toBe(true);
    expect(await doctor.examine(server.client(), ['sync:new_files'])).toMatchObject([
      {
        code: 'SYNC_HALTED',
        severity: 'error',
        key: 'sync:new_files',
        fix: expect.stringContaining(`quarterdeck sync resume ${base} ${target} --deletes 2`),
      },
    ]);
    for (const bad of ['-1', '101%', 'half', '']) {
      const failed = await run(['sync', 'run', base, target, `--max-delete=${bad}`, '--json'], {
        url: server.url,
      });
      expect(failed.code).toBe(2);
    }
  });
});

describe('a base behind a symlink', () => {
  test('that is switched is followed, by the runner and the watcher, and said; how much goes is limited', async () => {
    const link = path.join(root, 'current');
    fill(path.join(root, 'one'), 0, 300);
    fill(path.join(root, 'two'), 0, 290);
    fill(path.join(root, 'three'), 1000, 1300);
    symlinkSync('one', link);
    const { troubles } = sync({ base: link, fullEveryMs: 3_600_000 });
    const controller = new AbortController();
    const seen: string[] = [];
    const watching = watch(server.client(), link, 'new_files', {
      signal: controller.signal,
      onNotified() {},
      onTrouble: (text) => seen.push(text),
    });
    const switchTo = (name: string): void => {
      symlinkSync(name, `${link}.new`);
      renameSync(`${link}.new`, link);
    };
    await vi.waitFor(() => expect(count()).toBe(300));
    switchTo('two');
    await vi.waitFor(() => expect(count()).toBe(290));
    expect(troubles.join('\n')).toContain(`${link} leads to ${path.join(root, 'two')} now`);
    writeFileSync(path.join(root, 'two', 'new'), '');
    await vi.waitFor(() => expect(count()).toBe(291));
    expect(seen.join('\n')).toContain('leads to another folder by now');
    expect((await only()).halted).toBeNull();
    switchTo('three');
    expect(await halted('too-many-deletions')).toMatchObject({ would: 291, of: 300 });
    await vi.waitFor(() => expect(count()).toBe(291 + 300));
    controller.abort();
    await watching;
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });
});

test('what is not halted is not resumed, and nobody else is', async () => {
  fill(base, 0, 2);
  sync();
  await vi.waitFor(() => expect(count()).toBe(2));
  expect(errorOf(await resume('--deletes', '2'))).toMatchObject({ code: 'SYNC_NOT_HALTED' });
  const unknown = await run(['sync', 'resume', base, '/nowhere', '--adopt', '--yes', '--json'], {
    url: server.url,
  });
  expect({ exit: unknown.code, ...errorOf(unknown) }).toMatchObject({ exit: 4, code: 'NO_TARGET' });
});
