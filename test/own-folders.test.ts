import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { cacheHome, FolderError, ownFolder, stateHome, withPrivateUmask } from '../source/own-folders.ts';

const top = mkdtempSync(path.join(tmpdir(), 'quarterdeck-folders-'));
afterAll(() => rmSync(top, { recursive: true }));
const at = (...names: string[]): string => path.join(top, ...names);
/** What another user does needs another user. */
const asRoot = test.runIf(process.getuid?.() === 0);

test('what is missing is made, closed to others whatever the umask', () => {
  const before = process.umask(0);
  ownFolder(at('new', 'inner'));
  process.umask(before);
  for (const folder of [at('new'), at('new', 'inner')]) expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(ownFolder(at('new', 'inner'))).toBe(at('new', 'inner'));
});

test('a link, a file, and what others may read or write are refused with the reason', () => {
  symlinkSync(at('new'), at('link'));
  writeFileSync(at('file'), '');
  mkdirSync(at('open'));
  chmodSync(at('open'), 0o755);
  expect(() => ownFolder(at('link'))).toThrow('it is a link');
  expect(() => ownFolder(at('file'))).toThrow('it is no folder');
  expect(() => ownFolder(at('file', 'below'))).toThrow(FolderError);
  expect(() => ownFolder(at('open'))).toThrow('others may read or write it (mode 0755)');
});

test('a folder in one where everybody may rename it is refused, in a sticky one it is not', () => {
  mkdirSync(at('shared'));
  chmodSync(at('shared'), 0o777);
  expect(() => ownFolder(at('shared', 'mine'))).toThrow(`everybody may write ${at('shared')} above it`);
  chmodSync(at('shared'), 0o1777);
  expect(ownFolder(at('shared', 'mine'))).toBe(at('shared', 'mine'));
});

asRoot('a folder of another user is refused, and one that lies in a folder of theirs', () => {
  mkdirSync(at('theirs'), { mode: 0o700 });
  mkdirSync(at('theirs', 'mine'), { mode: 0o700 });
  chownSync(at('theirs'), 65_534, 65_534);
  expect(() => ownFolder(at('theirs'))).toThrow('it belongs to user 65534, not to you (0)');
  expect(() => ownFolder(at('theirs', 'mine'))).toThrow(`${at('theirs')} above it belongs to user 65534`);
});

asRoot('nothing compiled is kept in, or read from, a folder that another user made first', () => {
  for (const name of ['tmp', 'cache']) {
    mkdirSync(at(name));
    chmodSync(at(name), 0o1777);
  }
  const theirs = [at('tmp', 'node-compile-cache'), at('cache', 'quarterdeck')];
  for (const folder of theirs) {
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    chownSync(folder, 65_534, 65_534);
  }
  const env = { PATH: process.env.PATH, HOME: at('home'), TMPDIR: at('tmp'), XDG_CACHE_HOME: at('cache') };
  for (let turn = 0; turn < 2; turn += 1) {
    const { status } = spawnSync(process.execPath, ['dist/cli.js', 'config'], { env });
    expect(status).toBe(0);
  }
  const { stdout } = spawnSync('find', [...theirs, '-type', 'f'], { encoding: 'utf8' });
  expect(stdout).toBe('');
});

test('what is compiled is kept in a folder of ours, in the cache', () => {
  const env = { PATH: process.env.PATH, HOME: at('home'), XDG_CACHE_HOME: at('kept') };
  expect(spawnSync(process.execPath, ['dist/cli.js', 'config'], { env }).status).toBe(0);
  const { stdout } = spawnSync('find', [at('kept', 'quarterdeck', 'compiled'), '-type', 'f'], {
    encoding: 'utf8',
  });
  expect(stdout.split('\n').length).toBeGreaterThan(3);
});

test('children that are started so make files that nobody else reads, and ours are as before', () => {
  const file = at('made-by-a-child');
  const before = process.umask();
  withPrivateUmask(() => spawnSync('touch', [file]));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(process.umask()).toBe(before);
});

test('a relative XDG folder is ignored, as the rules of it say', () => {
  expect(stateHome({ HOME: '/home/ann', XDG_STATE_HOME: 'here' })).toBe('/home/ann/.local/state');
  expect(cacheHome({ HOME: '/home/ann', XDG_CACHE_HOME: '/var/cache/ann' })).toBe('/var/cache/ann');
});
