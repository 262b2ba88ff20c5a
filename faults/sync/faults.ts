import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { startServer } from '../../bench/harness.ts';

// What can go wrong with the folders of a `sync run --delete`, and what is to come of it.

/** Files in every base; small enough that no row takes long. */
export const files = 200;
/** Whatever is to happen, happens within this; the machine may be busy. */
const deadlineMs = 60_000;
/** How long nothing must happen for a row to say that nothing happens. */
export const quietMs = 4000;

export type Place = {
  readonly root: string;
  readonly base: string;
  readonly target: string;
  /** Of a daemon that takes the connection and never answers. */
  readonly hungPort: number;
};

export type Fault = {
  readonly name: string;
  readonly needsMount?: boolean;
  /** Before the runner starts. */
  readonly prepare?: (place: Place) => void;
  readonly env?: (place: Place) => Readonly<Record<string, string>>;
  readonly destination?: (place: Place) => string;
  /** The fault. */
  readonly strike: (place: Place, redis: Server['redis']) => unknown;
  /** What is to be said, in `sync run` or `sync status`. */
  readonly said: RegExp;
  /** How many files of the target may be deleted by it. */
  readonly mayDelete: number;
  readonly fullEvery?: string;
  /** More words for `sync run`. */
  readonly options?: readonly string[];
  /** Where the files of the target lie during the fault. */
  readonly filesDuring?: (place: Place) => string;
  /** What else is wrong before it is mended. */
  readonly wrongBefore?: (place: Place) => string | undefined;
  readonly mend?: (place: Place, cli: Cli) => unknown;
  /** Files at the target once it is mended. */
  readonly after?: number;
  /** Another sign that all is well again. */
  readonly isMended?: (place: Place) => boolean;
};

export type Server = Awaited<ReturnType<typeof startServer>>;
export type Cli = (...words: string[]) => string;

const sh = (script: string, ...words: string[]): string =>
  execFileSync('sh', ['-c', script, 'sh', ...words], { encoding: 'utf8' });
export const fill = (folder: string, from: number, to: number): void => {
  mkdirSync(folder, { recursive: true });
  for (let index = from; index < to; index += 1) writeFileSync(path.join(folder, `f${index}`), `${index}`);
};
export const inFolder = (folder: string): string[] =>
  existsSync(folder) ? sh('cd "$1" && find . -type f ! -name ".*"', folder).split('\n').filter(Boolean) : [];

/** Where what is taken away is kept. */
const keptIn = (root: string): string => path.join(root, 'kept');
/** What was copied into the folder that is left of a target. */
function belowIt(target: string): string | undefined {
  const copied = inFolder(target).length;
  return copied > 0 ? `it copied ${copied} files into what is left of the target` : undefined;
}

/** A program in the place of rsync, which may end by running the real one. */
function insteadOfRsync({ root }: Place, script: string): Readonly<Record<string, string>> {
  const bin = path.join(root, 'bin');
  mkdirSync(bin, { recursive: true });
  const real = sh('command -v rsync').trim();
  writeFileSync(path.join(bin, 'rsync'), `#!/bin/sh\n${script.replaceAll('RSYNC', real)}\n`);
  chmodSync(path.join(bin, 'rsync'), 0o755);
  return { PATH: `${bin}:/usr/local/bin:/usr/bin:/bin` };
}

export const faults: readonly Fault[] = [
  {
    name: 'base unmounted while it runs',
    needsMount: true,
    prepare: ({ base }) => sh('mount -t tmpfs -o size=8m tmpfs "$1"', base),
    strike: ({ root, base }) =>
      sh('mkdir "$2" && mount --bind "$1" "$2" && umount -l "$1"', base, path.join(root, 'kept')),
    said: /is not the folder that .* was filled from/,
    mayDelete: 0,
    mend({ root, base }) {
      sh('mount --bind "$2" "$1"', base, path.join(root, 'kept'));
      fill(base, files, files + 1);
    },
    after: files + 1,
  },
  {
    name: 'base emptied, its marker too',
    strike: ({ base }) => sh('find "$1" -mindepth 1 -delete', base),
    said: /has lost the marker/,
    mayDelete: 0,
    mend: ({ base, target }, cli) => {
      fill(base, 0, 10);
      cli('sync', 'resume', base, target, '--adopt', '--yes');
      return untilSaid(cli, /too-many-deletions/).then(() =>
        cli('sync', 'resume', base, target, '--deletes', `${files - 10}`, '--yes'),
      );
    },
    after: 10,
  },
  {
    name: 'base emptied but for its marker',
    strike: ({ base }) => sh('find "$1" -type f -name "f*" -delete', base),
    said: /(nothing|none|empty|no file)/i,
    mayDelete: 0,
    mend: ({ base }) => fill(base, 0, files),
    after: files,
  },
  {
    name: 'rm -rf in steps, 80 of 200, then 60 more',
    strike: async ({ base, target }) => {
      // The watcher that has just started asks for a comparison.
      await wait(quietMs);
      for (let index = 0; index < 80; index += 1) rmSync(path.join(base, `f${index}`));
      await until(() => inFolder(target).length === files - 80, '80 are deleted');
      for (let index = 80; index < 140; index += 1) rmSync(path.join(base, `f${index}`));
    },
    said: /would be removed/,
    mayDelete: 100,
    // No comparison in between: one that is completed begins the count anew.
    fullEvery: '1h',
    mend: ({ base, target }, cli) => cli('sync', 'resume', base, target, '--deletes', '60', '--yes'),
    after: 60,
  },
  {
    name: 'base switched: its symlink leads to another release',
    prepare({ root, base }) {
      fill(path.join(root, 'release1'), 0, files);
      fill(path.join(root, 'release2'), 50, files + 50);
      rmSync(base, { recursive: true });
      symlinkSync(path.join(root, 'release1'), base);
    },
    strike({ root, base }) {
      rmSync(base);
      symlinkSync(path.join(root, 'release2'), base);
    },
    said: /leads to .*release2 now|is not the folder/,
    mayDelete: 50,
    mend: ({ base, target }, cli) => cli('sync', 'resume', base, target, '--adopt', '--yes'),
    after: files,
    isMended: ({ target }) => existsSync(path.join(target, `f${files}`)),
  },
  {
    name: 'another folder in the place of the base',
    strike({ root, base }) {
      renameSync(base, path.join(root, 'away'));
      fill(base, 900, 920);
    },
    said: /has lost the marker/,
    mayDelete: 0,
    mend({ root, base }) {
      rmSync(base, { recursive: true });
      renameSync(path.join(root, 'away'), base);
      fill(base, files, files + 1);
    },
    after: files + 1,
  },
  {
    name: 'a file in the place of the base',
    strike({ root, base }) {
      renameSync(base, path.join(root, 'away'));
      writeFileSync(base, '');
    },
    said: /it is not a folder/,
    mayDelete: 0,
    mend({ root, base }) {
      rmSync(base);
      renameSync(path.join(root, 'away'), base);
      fill(base, files, files + 1);
    },
    after: files + 1,
  },
  {
    name: 'base gone',
    strike: ({ root, base }) => renameSync(base, path.join(root, 'away')),
    said: /ENOENT|does not exist|no such/i,
    mayDelete: 0,
    mend({ root, base }) {
      renameSync(path.join(root, 'away'), base);
      fill(base, files, files + 1);
    },
    after: files + 1,
  },
  {
    name: 'target full (6 MiB, a file of 9 and one of 1)',
    needsMount: true,
    prepare: ({ target }) => sh('mount -t tmpfs -o size=6m tmpfs "$1"', target),
    strike({ base }) {
      writeFileSync(path.join(base, 'huge'), Buffer.alloc(9 * 2 ** 20));
      writeFileSync(path.join(base, 'small'), Buffer.alloc(2 ** 20));
    },
    said: /huge.*No space left/,
    mayDelete: 0,
    mend: ({ base }) => writeFileSync(path.join(base, 'huge'), 'no longer'),
    after: files + 2,
  },
  {
    name: 'target read-only',
    needsMount: true,
    prepare: ({ target }) => sh('mount -t tmpfs -o size=8m tmpfs "$1"', target),
    strike({ base, target }) {
      sh('mount -o remount,ro "$1"', target);
      fill(base, files, files + 1);
      rmSync(path.join(base, 'f0'));
    },
    said: /Read-only file system/,
    mayDelete: 0,
    mend: ({ target }) => sh('mount -o remount,rw "$1"', target),
    after: files,
    isMended: ({ target }) => existsSync(path.join(target, `f${files}`)),
  },
  {
    name: 'target unmounted: the folder below is empty',
    needsMount: true,
    prepare: ({ target }) => sh('mount -t tmpfs -o size=8m tmpfs "$1"', target),
    strike({ base, target }) {
      sh('umount -l "$1"', target);
      fill(base, files, files + 1);
    },
    said: /full comparison \d+: (20[01]|200) files/,
    mayDelete: 0,
    after: files + 1,
  },
  {
    name: 'target unmounted, with --target-marker',
    needsMount: true,
    options: ['--target-marker', '.mounted'],
    prepare({ root, target }) {
      sh(
        'mount -t tmpfs -o size=8m tmpfs "$1" && mkdir "$2" && mount --bind "$1" "$2"',
        target,
        keptIn(root),
      );
      writeFileSync(path.join(target, '.mounted'), '');
    },
    strike({ base, target }) {
      sh('umount -l "$1"', target);
      fill(base, files, files + 1);
      rmSync(path.join(base, 'f0'));
    },
    said: /holds no file \.mounted: its disk may not be mounted/,
    mayDelete: 0,
    filesDuring: ({ root }) => keptIn(root),
    wrongBefore: ({ target }) => belowIt(target),
    mend: ({ root, target }) => sh('mount --bind "$2" "$1"', target, keptIn(root)),
    after: files,
    isMended: ({ target }) => existsSync(path.join(target, `f${files}`)),
  },
  {
    name: 'an empty folder in the place of the target, with --target-marker',
    options: ['--target-marker', '.mounted'],
    prepare: ({ target }) => writeFileSync(path.join(target, '.mounted'), ''),
    strike({ root, base, target }) {
      renameSync(target, keptIn(root));
      mkdirSync(target);
      fill(base, files, files + 1);
      rmSync(path.join(base, 'f0'));
    },
    said: /holds no file \.mounted: its disk may not be mounted/,
    mayDelete: 0,
    filesDuring: ({ root }) => keptIn(root),
    wrongBefore: ({ target }) => belowIt(target),
    mend({ root, target }) {
      rmSync(target, { recursive: true });
      renameSync(keptIn(root), target);
    },
    after: files,
    isMended: ({ target }) => existsSync(path.join(target, `f${files}`)),
  },
  {
    name: 'target slow: each rsync takes 3 s longer',
    env: (place) => insteadOfRsync(place, 'sleep 3; exec RSYNC "$@"'),
    strike: ({ base }) => fill(base, files, files + 20),
    said: /batch \d+: 20 files|full comparison/,
    mayDelete: 0,
    after: files + 20,
  },
  {
    name: 'target that never answers (a daemon that hangs)',
    destination: ({ hungPort }) => `rsync://127.0.0.1:${hungPort}/module`,
    strike: ({ base }) => fill(base, files, files + 1),
    said: /has printed nothing for 30s/,
    mayDelete: 0,
  },
  {
    name: 'rsync killed by SIGKILL at one run of six',
    env: (place) =>
      insteadOfRsync(
        place,
        'if [ $(($$ % 6)) = 0 ]; then RSYNC "$@" & sleep 0.02; kill -9 $!; wait $!; exit $?; else exec RSYNC "$@"; fi',
      ),
    strike: ({ base }) => fill(base, files, files + 20),
    said: /ended (by|with)/,
    mayDelete: 0,
    after: files + 20,
  },
  {
    name: 'hostile: rsync’s other side speaks escape sequences',
    env: (place) =>
      insteadOfRsync(
        place,
        `if [ -e ${place.root}/evil ]; then printf '\\033]52;c;aGk=\\007\\033[2Jrsync: evil\\nforged line\\n' >&2; exit 12; fi; exec RSYNC "$@"`,
      ),
    strike({ root, base }) {
      writeFileSync(path.join(root, 'evil'), '');
      fill(base, files, files + 1);
    },
    said: /evil/,
    mayDelete: 0,
    mend: ({ root }) => rmSync(path.join(root, 'evil')),
    after: files + 1,
  },
  {
    name: 'hostile: paths that lead out, in 8 ways, and links',
    async strike({ root, base }, redis) {
      writeFileSync(path.join(root, 'secret'), 'secret');
      symlinkSync(path.join(root, 'secret'), path.join(base, 'leak'));
      symlinkSync(root, path.join(base, 'out'));
      const paths = [
        '../secret',
        '/etc/passwd',
        'a/../../secret',
        'out/secret',
        'leak',
        '-e sh',
        'x\0y',
        'a'.repeat(5000),
      ];
      for (const each of paths) {
        await redis.publish('new_files', each);
        await redis.publish('new_files', JSON.stringify({ path: each, op: 'delete' }));
      }
      await redis.publish('new_files', '{"path":1,"op":"format"}');
      fill(base, files, files + 1);
    },
    said: /Refused/,
    mayDelete: 0,
    after: files + 1,
    isMended: ({ root }) => existsSync(path.join(root, 'secret')),
  },
];

export async function until(condition: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not within ${deadlineMs / 1000} s: ${what}`);
    await wait(100);
  }
}

async function untilSaid(cli: Cli, pattern: RegExp): Promise<void> {
  await until(() => pattern.test(cli('sync', 'status', '--json')), `status says ${pattern}`);
}
