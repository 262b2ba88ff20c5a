import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { notify } from '../../source/features/sync/watcher/watch.ts';
import { kill, start } from '../helpers/cli.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { cli, expectRestored, type Play, startPlay } from '../helpers/terminal.ts';

/** An operator in a real terminal watches folders being copied. */

let server: RedisServer;
let root: string;
let base: string;
let play: Play;
let runners: ChildProcess[] = [];

beforeEach(async () => {
  server = await startRedis();
  root = mkdtempSync(path.join(tmpdir(), 'quarterdeck-sync-'));
  base = path.join(root, 'base');
  mkdirSync(base);
});
afterEach(async () => {
  await play.close();
  for (const runner of runners) await kill(runner);
  runners = [];
  await server.close();
  rmSync(root, { recursive: true });
});

/** A process that serves a target of the base until it is killed. */
function runner(target: string, ...flags: string[]): ChildProcess {
  const child = start(['sync', 'run', base, path.join(root, target), '--every', '200ms', ...flags], {
    url: server.url,
    stdin: '',
  });
  child.stdout?.resume();
  child.stderr?.resume();
  runners.push(child);
  return child;
}

const tell = (...paths: string[]): Promise<unknown> => notify(server.client(), 'new_files', paths, { base });

async function openSync(): Promise<void> {
  play = startPlay({ args: [cli, '--url', server.url], columns: 130, rows: 40 });
  await play.shows(/\d sync/);
  play.press(/(\d) sync/.exec(play.lines().join('\n'))?.[1] ?? '');
  await play.shows(/┏━ \d sync/);
}

test('a target appears, a change waits and arrives, a bad path is refused, the runner dies and is missed', {
  timeout: 60_000,
}, async () => {
  await openSync();
  await play.shows('Nothing is synced');
  // What `--before` waits for holds the batch up for as long as somebody looks at it.
  const gate = path.join(root, 'gate');
  writeFileSync(gate, '');
  const waiting = `while test ! -e '${gate}'; do sleep 0.05; done`;
  const first = runner('target', '--before', waiting);
  await play.shows(/live +\S*target/);
  play.press('z');
  await play.shows(/^┏━ \d sync(?: !\d+)? {2}.*base → .*target ━+┓$/m);
  await play.shows('no batch yet');
  await play.shows(/compared in full \d\d:\d\d {2}0 missed by events/);

  rmSync(gate);
  for (const name of ['one', 'two']) writeFileSync(path.join(base, name), '12345');
  await tell('one', 'two');
  await play.shows(/live +\S*target +2 /);
  writeFileSync(gate, '');
  await play.shows(/live +\S*target +0 +2 /);
  await play.shows(/last batch \d\d:\d\d {2}2 files 10B/);
  expect(existsSync(path.join(root, 'target', 'two'))).toBe(true);

  symlinkSync('/etc', path.join(base, 'leak'));
  for (const evil of ['../../etc/passwd', '/etc/passwd', 'leak/passwd']) {
    await server.client().publish('new_files', evil);
  }
  await play.shows('3 paths were refused: they lead out of the base');
  expect(existsSync(path.join(root, 'target', 'leak'))).toBe(false);

  await kill(first);
  await play.shows(/idle +\S*target/);
  await play.shows('nobody serves this target: start its `quarterdeck sync run` again');
  writeFileSync(path.join(base, 'three'), '12345');
  await tell('three');
  await play.shows(/DOWN +\S*target +1 /);
  await play.shows('nobody serves this target and 1 change waits: start its `quarterdeck sync run` again');
  await play.shows(/! \d needs? you .*target DOWN/);

  // The lock of a process that was killed lapses first.
  runner('target', '--standby');
  await play.shows(/live +\S*target +0 +3 /);
  await play.hides('nobody serves this target');
  await play.hides('DOWN');
  play.press('z');
  await play.shows('shards');
  play.press('q');
  expect((await play.ended()).exitCode).toBe(0);
  expectRestored(play);
});

test('of several targets the operator looks at each; one that refuses is retried, says why, and recovers', async () => {
  mkdirSync(path.join(root, 'no'));
  writeFileSync(path.join(root, 'no', 'folder'), 'a file in the way');
  runner('alpha');
  runner(path.join('no', 'folder', 'beta'));
  writeFileSync(path.join(base, 'kept'), '12345');
  await openSync();
  play.press('z');
  await play.shows(/live +\S*alpha/);
  await play.shows(/RETRYING +\S*beta/);
  await play.shows(/2 targets/);
  await play.shows(/! \d needs? you .*beta RETRYING/);
  // What needs somebody stands first.
  await play.shows(/rsync to \S*beta ended with \d+: rsync/);
  play.press('down');
  await play.hides(/┃ rsync to/);
  play.press('k');
  await play.shows('rsync to');
  rmSync(path.join(root, 'no', 'folder'));
  mkdirSync(path.join(root, 'no', 'folder'));
  await play.shows(/live +\S*beta +0 +1 /);
  await play.hides(/┃ rsync to/);
  await vi.waitFor(() => expect(existsSync(path.join(root, 'no/folder/beta/kept'))).toBe(true));
});
