import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RunnerOptions } from '../../source/features/sync/options.ts';
import { status } from '../../source/features/sync/status.ts';
import { notify } from '../../source/features/sync/watcher/watch.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { startRunner } from './start-runner.ts';

/** No path holds up others: a target that is full or refuses single files gets all the rest, and each is named. */

const server = await redisForThisFile();
let root: string;
let base: string;
let target: string;
let stops: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  await server.client().flushall();
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'quarterdeck-sync-')));
  base = path.join(root, 'base');
  target = path.join(root, 'target');
  mkdirSync(base);
  mkdirSync(target);
});
afterEach(async () => {
  for (const stop of stops) await stop();
  stops = [];
  spawnSync('sh', ['-c', 'umount -l "$1" 2>/dev/null', 'sh', target]);
  rmSync(root, { recursive: true });
});

const sh = (script: string, ...words: string[]): string =>
  execFileSync('sh', ['-c', script, 'sh', ...words], { encoding: 'utf8' });
const mayMount =
  spawnSync('sh', ['-c', 'd=$(mktemp -d) && mount -t tmpfs tmpfs "$d" && umount "$d" && rmdir "$d"'])
    .status === 0;

function sync(options: Partial<RunnerOptions> = {}) {
  const maxDelete = { files: 1000 };
  const runner = startRunner(server.client(), {
    base,
    target,
    maxDelete,
    listen: () => server.client(),
    ...options,
  });
  stops.push(runner.stop);
  const compared = (): Promise<void> =>
    vi.waitFor(() => expect(runner.events.some((event) => 'full' in event)).toBe(true));
  return { ...runner, compared };
}

const write = (name: string, bytes: number): void => {
  mkdirSync(path.dirname(path.join(base, name)), { recursive: true });
  writeFileSync(path.join(base, name), Buffer.alloc(bytes, name));
};
const tell = (...paths: string[]): Promise<unknown> => notify(server.client(), 'new_files', paths, { base });
const missing = (): string[] =>
  sh(
    'cd "$1" && find . -type f ! -name .quarterdeck-base | while read -r f; do cmp -s "$f" "$2/$f" || echo "$f"; done',
    base,
    target,
  )
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(2))
    .toSorted();
const failing = async (): Promise<string[]> =>
  ((await status(server.client()))[0]?.failures ?? []).map(({ path: name }) => name).toSorted();
const MiB = 2 ** 20;

test.skipIf(!mayMount)(
  'a batch on a full target: what is gone goes first, small files arrive, one that never fits is named',
  async () => {
    sh('mount -t tmpfs -o size=6m tmpfs "$1"', target);
    write('old', 4 * MiB);
    const { compared, events } = sync();
    await compared();
    rmSync(path.join(base, 'old'));
    write('new', 4 * MiB);
    write('huge', 9 * MiB);
    for (let index = 0; index < 20; index += 1) write(`small/${index}`, 100);
    await tell('old', 'new', 'huge', 'small');
    await vi.waitFor(() => expect(missing()).toEqual(['huge']));
    expect(existsSync(path.join(target, 'old'))).toBe(false);
    await vi.waitFor(async () => expect(await failing()).toEqual(['huge']));
    const [found] = await status(server.client());
    expect(found?.failures[0]?.reason).toContain('No space left on device');
    await vi.waitFor(() => expect(events.some((event) => 'batch' in event && event.failed === 1)).toBe(true));
    // Each try makes it anew, and none leaves it: the next may be under way at this instant.
    await vi.waitFor(() => expect(readdirSync(target)).not.toContain('.quarterdeck-partial'));
    // Room is made, and nobody tells: the retry finds it.
    rmSync(path.join(base, 'huge'));
    write('huge', MiB);
    await vi.waitFor(() => expect(missing()).toEqual([]));
    await vi.waitFor(async () =>
      expect(await status(server.client())).toMatchObject([{ failed: 0, condition: 'live' }]),
    );
  },
);

test.skipIf(!mayMount)('a first copy that is too large: as much as fits, the smallest first', async () => {
  sh('mount -t tmpfs -o size=6m tmpfs "$1"', target);
  for (let index = 1; index <= 12; index += 1) write(`f${String(index).padStart(2, '0')}`, index * 0.2 * MiB);
  const { events } = sync();
  await vi.waitFor(() => expect(events.some((event) => 'full' in event)).toBe(true));
  expect(missing()).toEqual(['f08', 'f09', 'f10', 'f11', 'f12']);
  expect(events.find((event) => 'full' in event)).toMatchObject({ files: 7, failed: 5 });
});

test.skipIf(!mayMount)(
  'whatever is swapped on a small target, it becomes the base but for what never fits',
  async () => {
    sh('mount -t tmpfs -o size=6m tmpfs "$1"', target);
    write('never', 9 * MiB);
    const { compared } = sync();
    await compared();
    const name = fc.constantFrom('a', 'b', 'c', 'd/e', 'd/f');
    const size = fc.constantFrom(10, 1000, MiB, 2 * MiB, 4 * MiB);
    const step = fc.array(fc.tuple(name, size), { minLength: 1, maxLength: 4 });
    for (const changes of fc.sample(step, { numRuns: 8, seed: 11 })) {
      for (const [each] of changes) rmSync(path.join(base, each), { force: true });
      let room = 5 * MiB;
      for (const file of sh(
        'cd "$1" && find . -type f ! -name never ! -name ".q*" -printf "%s\\n"',
        base,
      ).split('\n'))
        room -= Number(file);
      const names = new Set(changes.map(([each]) => each));
      for (const [each, bytes] of changes) {
        if (bytes > room || existsSync(path.join(base, each))) continue;
        write(each, bytes);
        room -= bytes;
      }
      await tell(...names);
      await vi.waitFor(() => expect(missing()).toEqual(['never']));
      await vi.waitFor(() =>
        expect(sh('cd "$1" && find . -type f | sort', target)).toBe(
          sh('cd "$1" && find . -type f ! -name never ! -name ".q*" | sort', base),
        ),
      );
    }
    // What failed before is no failure any more once its batch was confirmed, a moment after its copy can be seen.
    await vi.waitFor(async () => expect(await failing()).toEqual(['never']));
  },
);

test('a target that refuses single files: the others are copied, each refused one has rsync’s reason', async () => {
  for (let index = 0; index < 30; index += 1) write(`good${index}`, 10);
  for (const name of ['bad1', 'deep/bad2']) {
    write(name, 10);
    mkdirSync(path.join(target, name, 'in', 'the way'), { recursive: true });
  }
  const { troubles, events, compared } = sync({ deletes: false });
  await compared();
  expect(events.find((event) => 'full' in event)).toMatchObject({
    files: 30,
    failed: 2,
    deleted: 0,
    leftOut: 0,
  });
  expect(await status(server.client())).toMatchObject([
    {
      synced: 30,
      failed: 2,
      condition: 'failing',
      failures: expect.arrayContaining([
        { path: 'bad1', reason: expect.stringMatching(/make way|non-empty/) },
        { path: 'deep/bad2', reason: expect.stringMatching(/make way|non-empty/) },
      ]),
    },
  ]);
  expect(troubles.filter((text) => text.startsWith('Could not copy'))).toHaveLength(2);
  write('good0', 20);
  await tell('good0', 'bad1');
  await vi.waitFor(() => expect(statSync(path.join(target, 'good0')).size).toBe(20));
});

test('a command that refuses one path holds up no other', async () => {
  const { troubles, compared } = sync({ before: `tr '\\0' '\\n' | grep -q '^poison$' && exit 3; exit 0` });
  await compared();
  const names = Array.from({ length: 40 }, (_, index) => `f${index}`);
  for (const name of [...names, 'poison']) write(name, 10);
  await tell(...names, 'poison');
  await vi.waitFor(() => expect(missing()).toEqual(['poison']));
  await vi.waitFor(async () =>
    expect(await status(server.client())).toMatchObject([
      {
        queued: 0,
        failed: 1,
        failures: [{ path: 'poison', reason: expect.stringContaining('exited with 3') }],
      },
    ]),
  );
  // Halved: not one run for each of the forty.
  expect(troubles.filter((text) => text.includes('are tried alone')).length).toBeLessThan(8);
});

test('a file somebody names is compared by its content, though its size and time are the same', async () => {
  write('same', 10);
  const stamp = new Date(1_700_000_000_000);
  utimesSync(path.join(base, 'same'), stamp, stamp);
  const { compared } = sync();
  await compared();
  writeFileSync(path.join(base, 'same'), 'other text');
  utimesSync(path.join(base, 'same'), stamp, stamp);
  await tell('same');
  await vi.waitFor(() => expect(readFileSync(path.join(target, 'same'), 'utf8')).toBe('other text'));
});

test('what is not kept is named with its number, and kept when it is asked for', async () => {
  write('one', 10);
  linkSync(path.join(base, 'one'), path.join(base, 'two'));
  symlinkSync('/etc/passwd', path.join(base, 'leak'));
  const first = sync();
  await first.compared();
  await vi.waitFor(() => expect(first.troubles.join('\n')).toContain('1 hard link'));
  expect(first.troubles.join('\n')).toContain('they lead out of the base: 1 symlink');
  await vi.waitFor(async () =>
    expect(await status(server.client())).toMatchObject([{ leftOut: 1, notKept: '1 hard link' }]),
  );
  await stops.pop()?.();
  const second = sync({ preserve: ['hardlinks'] });
  await second.compared();
  await vi.waitFor(() =>
    expect(statSync(path.join(target, 'one')).ino).toBe(statSync(path.join(target, 'two')).ino),
  );
  await vi.waitFor(async () => expect(await status(server.client())).toMatchObject([{ notKept: '' }]));
});
