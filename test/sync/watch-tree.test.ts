import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Change } from '../../source/features/sync/change.ts';
import { followByLibrary } from '../../source/features/sync/watcher/watch-library.ts';
import { TreeWatch, type Watched } from '../../source/features/sync/watcher/watch-tree.ts';

let root: string;
let base: string;
let reported: Change[];
let lost: string[];
let failures: unknown[];
let watching: { close(): void | Promise<void> } | undefined;
beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'quarterdeck-watch-')));
  base = path.join(root, 'base');
  mkdirSync(base);
  reported = [];
  lost = [];
  failures = [];
});
afterEach(async () => {
  await watching?.close();
  rmSync(root, { recursive: true });
});

const watched: Watched = {
  onChanges: (changes) => reported.push(...changes),
  onLost: (reason) => lost.push(reason),
  onTrouble: (sentence) => failures.push(sentence),
  onFailed: (error) => failures.push(error),
};
const at = (name: string): string => path.join(base, name);
const tells = (change: Change): Promise<void> =>
  vi.waitFor(() => expect(reported).toContainEqual(change), 10_000);

test.runIf(process.platform === 'linux').each([
  ['made within a new folder', () => mkdirSync(at('a/b/c'), { recursive: true }), 'a', 'a/b/c/file'],
  ['within a renamed folder', () => renameSync(at('old'), at('new')), 'new', 'new/deep/file'],
])('folders %s are followed', async (_, act, first, later) => {
  mkdirSync(at('old/deep'), { recursive: true });
  watching = await TreeWatch.open(base, watched);
  act();
  await tells({ path: first, op: 'rescan' });
  writeFileSync(at(later), 'x');
  await tells({ path: later, op: 'change' });
});

test.runIf(process.platform === 'linux')(
  'a folder that replaced another is to be compared whole, one removed is reported once',
  async () => {
    mkdirSync(at('album/one'), { recursive: true });
    watching = await TreeWatch.open(base, watched);
    renameSync(at('album'), path.join(root, 'away'));
    mkdirSync(at('album/two'), { recursive: true });
    await tells({ path: 'album', op: 'rescan' });
    reported = [];
    rmSync(at('album'), { recursive: true });
    await tells({ path: 'album', op: 'delete' });
    expect(reported).toHaveLength(1);
  },
);

test.runIf(process.platform === 'linux')(
  'a file that replaced another and was removed at once is reported as gone',
  async () => {
    writeFileSync(at('page'), 'old');
    watching = await TreeWatch.open(base, watched);
    writeFileSync(at('draft'), 'new');
    renameSync(at('draft'), at('page'));
    rmSync(at('page'));
    await tells({ path: 'page', op: 'delete' });
  },
);

test.runIf(process.platform === 'linux')('of a name that is not UTF-8 the folder is reported', async () => {
  mkdirSync(at('a'));
  watching = await TreeWatch.open(base, watched);
  writeFileSync(Buffer.from(at('a/raw\xff'), 'latin1'), 'x');
  await tells({ path: 'a', op: 'entries' });
  mkdirSync(Buffer.from(at('a/folder\xff'), 'latin1'));
  await tells({ path: 'a', op: 'rescan' });
});

test.runIf(process.platform === 'linux')(
  'more events than the kernel keeps are reported as lost',
  async () => {
    const kept = Number(await readFile('/proc/sys/fs/inotify/max_queued_events', 'utf8'));
    watching = await TreeWatch.open(base, watched);
    // All in one turn of the loop, so that nobody reads meanwhile.
    for (let index = 0; index <= kept / 2; index += 1) mkdirSync(at(`${index}`));
    await vi.waitFor(() => expect(lost).toEqual(['too many events at once']), 30_000);
    // What came meanwhile is followed.
    writeFileSync(at('0/file'), 'x');
    await tells({ path: '0/file', op: 'change' });
  },
);

test.runIf(process.platform === 'linux')('a base that is moved away ends the watch', async () => {
  watching = await TreeWatch.open(base, watched);
  renameSync(base, path.join(root, 'away'));
  await vi.waitFor(() => expect(failures).toMatchObject([{ code: 'SYNC_BASE' }]), 10_000);
});

test('where the system follows whole trees, the library tells', async () => {
  watching = await followByLibrary(base, watched);
  writeFileSync(at('file'), 'x');
  await tells({ path: 'file', op: 'change' });
  rmSync(at('file'));
  await tells({ path: 'file', op: 'delete' });
});
