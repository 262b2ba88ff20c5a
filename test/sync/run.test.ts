import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { payloadOf } from '../../source/features/sync/change.ts';
import { unused, writeRecord } from '../../source/features/sync/record.ts';
import type { runSync } from '../../source/features/sync/runner/run.ts';
import { status } from '../../source/features/sync/status.ts';
import { notify, watch } from '../../source/features/sync/watcher/watch.ts';
import { publish } from '../../source/features/topic/publish.ts';
import { dropSubscriber } from '../../source/features/topic/topic.ts';
import { errorOf, run } from '../helpers/cli.ts';
import { groupGone } from '../helpers/processes.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { startRunner } from './start-runner.ts';

let root: string;
let base: string;
let target: string;
let running: { stop(): Promise<void> }[] = [];
const server = await redisForThisFile();
beforeEach(async () => {
  await server.client().flushall();
  root = mkdtempSync(path.join(tmpdir(), 'quarterdeck-sync-'));
  base = path.join(root, 'base');
  target = path.join(root, 'target');
  mkdirSync(base);
});
afterEach(async () => {
  for (const each of running) await each.stop();
  running = [];
  rmSync(root, { recursive: true });
});

type Options = Partial<Parameters<typeof runSync>[1]>;

function sync(options: Options = {}) {
  const redis = server.client({ enableAutoPipelining: true });
  const runner = startRunner(redis, { base, target, listen: () => server.client(), ...options });
  running.push(runner);
  const scanned = vi.waitFor(() => expect(runner.events.some((event) => 'full' in event)).toBe(true), 10_000);
  // One that is to fail is not awaited.
  scanned.catch(() => {});
  return { ...runner, scanned };
}

const write = (name: string, text = name): void => {
  mkdirSync(path.dirname(path.join(base, name)), { recursive: true });
  writeFileSync(path.join(base, name), text);
};
const copied = (name: string): string | undefined =>
  existsSync(path.join(target, name)) ? readFileSync(path.join(target, name), 'utf8') : undefined;
const difference = (): string =>
  spawnSync('diff', ['-r', '--exclude=.quarterdeck-base', base, target], { encoding: 'utf8' }).stdout;
const tell = (...paths: string[]): Promise<unknown> => notify(server.client(), 'new_files', paths, { base });

test('what was there before is copied at the start, and nothing counts as missed', async () => {
  write('a/b/c.txt');
  const { events, scanned } = sync();
  await scanned;
  expect(copied('a/b/c.txt')).toBe('a/b/c.txt');
  expect(events.find((event) => 'full' in event)).toMatchObject({ full: 1, files: 1, missedByEvents: 0 });
});

test('notified changes arrive: new, changed, renamed, gone, odd names, folders', async () => {
  write('old/name.txt');
  write('stays');
  const { scanned } = sync();
  await scanned;
  const odd = ['with space', 'new\nline', '-dash', '*?[x]', 'ünï', '{brace}'];
  for (const name of odd) write(`odd/${name}`);
  renameSync(path.join(base, 'old'), path.join(base, 'new'));
  rmSync(path.join(base, 'stays'));
  await tell(...odd.map((name) => `odd/${name}`), 'old', 'new', 'stays');
  await vi.waitFor(() => expect(difference()).toBe(''), 10_000);
  expect(copied('new/name.txt')).toBe('old/name.txt');
});

test('a name that begins like a comment is copied by its batch', async () => {
  const { scanned, events } = sync();
  await scanned;
  for (const name of ['#hash', ';semi', 'folder/#deep']) write(name);
  await tell('#hash', ';semi', 'folder/#deep');
  await vi.waitFor(() => expect(difference()).toBe(''), 10_000);
  expect(events.filter((event) => 'full' in event)).toHaveLength(1);
});

test('what a folder held before it was replaced by another is removed', async () => {
  write('album/one/old');
  const { scanned } = sync();
  await scanned;
  renameSync(path.join(base, 'album'), path.join(root, 'away'));
  write('album/one/new');
  await publish(server.client(), 'new_files', [payloadOf({ path: 'album', op: 'rescan' })]);
  await vi.waitFor(() => expect(difference()).toBe(''), 10_000);
});

test('what a full comparison could not copy is tried again by itself', async () => {
  write('in the way');
  mkdirSync(path.join(target, 'in the way', 'deep'), { recursive: true });
  const redis = server.client();
  const { scanned } = sync({ deletes: false });
  await scanned;
  expect(await status(redis)).toMatchObject([{ failed: 1 }]);
  rmSync(path.join(target, 'in the way'), { recursive: true });
  await vi.waitFor(() => expect(copied('in the way')).toBe('in the way'), 10_000);
});

test('a batch is closed by its count before its time, and cut by its bytes', async () => {
  const { scanned, events } = sync({ everyMs: 3_600_000, batchFiles: 4, batchBytes: 10 });
  await scanned;
  for (const name of ['one', 'two', 'three', 'four']) write(name);
  await tell('one', 'two', 'three', 'four');
  const bytes = (): number[] => events.flatMap((event) => ('batch' in event ? event.bytes : []));
  await vi.waitFor(() => expect(bytes()).toEqual(['onetwo'.length, 'threefour'.length]), 10_000);
  expect(difference()).toBe('');
});

test('what rsync complained of is tried again by itself', async () => {
  const { scanned } = sync();
  write('in the way');
  await scanned;
  // A folder that is not empty stands where a file is to go, and nobody tells when it is gone.
  rmSync(path.join(target, 'in the way'));
  mkdirSync(path.join(target, 'in the way', 'deep'), { recursive: true });
  const redis = server.client();
  await tell('in the way');
  await vi.waitFor(async () => expect(await status(redis)).toMatchObject([{ failed: 1 }]), 10_000);
  rmSync(path.join(target, 'in the way'), { recursive: true });
  await vi.waitFor(() => expect(copied('in the way')).toBe('in the way'), 10_000);
  await vi.waitFor(async () => expect(await status(redis)).toMatchObject([{ failed: 0 }]), 10_000);
});

test('a file that changes twice in a second and keeps its size is copied twice', async () => {
  const second = Math.floor(Date.now() / 1000) - 100;
  write('turn', 'turn 12');
  utimesSync(path.join(base, 'turn'), second, second + 0.1);
  const { scanned } = sync();
  await scanned;
  expect(copied('turn')).toBe('turn 12');
  write('turn', 'turn 13');
  utimesSync(path.join(base, 'turn'), second, second + 0.6);
  await tell('turn');
  await vi.waitFor(() => expect(copied('turn')).toBe('turn 13'), 10_000);
});

test('names that are no UTF-8 are found by the full comparison', async () => {
  execFileSync('sh', ['-c', 'printf x > "$(printf "raw\\377name")"'], { cwd: base });
  const { scanned } = sync();
  await scanned;
  expect(difference()).toBe('');
});

test('a plain PUBLISH of a bare path is heard', async () => {
  const { scanned } = sync();
  await scanned;
  write('t.jpg');
  await vi.waitFor(async () => {
    await server.client().publish('new_files', 't.jpg');
    expect(copied('t.jpg')).toBe('t.jpg');
  }, 10_000);
});

test('a runner that was away catches up from the topic, without a full comparison needing to find it', async () => {
  const first = sync();
  await first.scanned;
  await running.pop()?.stop();
  write('while/away');
  await tell('while/away');
  const second = sync();
  await second.scanned;
  expect(copied('while/away')).toBe('while/away');
  expect(second.events.find((event) => 'full' in event)).toMatchObject({ missedByEvents: 0 });
});

test('what no event reported is counted as missed', async () => {
  const first = sync();
  await first.scanned;
  await running.pop()?.stop();
  write('missed');
  const second = sync();
  await second.scanned;
  expect(second.events.find((event) => 'full' in event)).toMatchObject({ missedByEvents: 1 });
  expect(await status(server.client())).toMatchObject([{ target, missedByEvents: 1 }]);
});

test('paths outside the base are refused, counted and shown; nothing outside is read or written', async () => {
  mkdirSync(path.join(root, 'outside'));
  writeFileSync(path.join(root, 'outside', 'secret'), 'x');
  symlinkSync(path.join(root, 'outside'), path.join(base, 'leak'));
  const { troubles, scanned } = sync();
  await scanned;
  const redis = server.client();
  for (const evil of ['../../etc/passwd', '/etc/passwd', 'leak/secret', 'leak']) {
    await redis.publish('new_files', evil);
  }
  await redis.publish('new_files', '--rsh=x');
  await vi.waitFor(
    () => expect(troubles.filter((text) => text.startsWith('Refused'))).toHaveLength(4),
    10_000,
  );
  await vi.waitFor(async () => expect(await status(redis)).toMatchObject([{ refused: 4 }]));
  expect(existsSync(path.join(target, 'leak'))).toBe(false);
  expect(existsSync(path.join(target, 'etc'))).toBe(false);
});

test('a target that cannot be written keeps everything queued and is tried again', async () => {
  const { scanned, troubles } = sync({ target: path.join(root, 'no', 'such', 'folder') });
  write('kept');
  await tell('kept');
  await vi.waitFor(() => expect(troubles.some((text) => text.includes('rsync to'))).toBe(true), 10_000);
  const redis = server.client();
  await vi.waitFor(async () =>
    expect(await status(redis)).toMatchObject([{ error: expect.stringContaining('rsync') }]),
  );
  mkdirSync(path.join(root, 'no', 'such'), { recursive: true });
  await scanned;
  expect(readFileSync(path.join(root, 'no/such/folder/kept'), 'utf8')).toBe('kept');
  await vi.waitFor(
    async () => expect(await status(redis)).toMatchObject([{ error: null, queued: 0 }]),
    10_000,
  );
});

test('--before sees the batch, and a failure of it keeps the batch', async () => {
  const log = path.join(root, 'seen');
  const { scanned, troubles } = sync({ before: `tr '\\0' '\\n' >> ${log}; test ! -e ${root}/stop` });
  await scanned;
  writeFileSync(path.join(root, 'stop'), '');
  write('picture.png');
  await tell('picture.png');
  await vi.waitFor(() => expect(troubles.some((text) => text.includes('exited with 1'))).toBe(true), 10_000);
  expect(copied('picture.png')).toBeUndefined();
  rmSync(path.join(root, 'stop'));
  await vi.waitFor(() => expect(copied('picture.png')).toBe('picture.png'), 10_000);
  expect(readFileSync(log, 'utf8')).toContain('picture.png\n');
});

test('stopping ends what --before started, all of it', async () => {
  const started = path.join(root, 'started');
  const { scanned } = sync({ before: `echo $$ > ${started}; sleep 600; true` });
  await scanned;
  write('picture.png');
  await tell('picture.png');
  await vi.waitFor(() => expect(readFileSync(started, 'utf8')).toMatch(/\n/), 10_000);
  await running.pop()?.stop();
  const pid = Number(readFileSync(started, 'utf8'));
  await groupGone(pid);
  expect(copied('picture.png')).toBeUndefined();
});

test('one process serves a target; two targets of one base are served each', async () => {
  const { scanned } = sync();
  await scanned;
  await expect(sync().ended).rejects.toMatchObject({ code: 'TARGET_IN_USE' });
  const other = path.join(root, 'other');
  const second = sync({ target: other });
  await second.scanned;
  write('both');
  await tell('both');
  await vi.waitFor(() => {
    expect(copied('both')).toBe('both');
    expect(readFileSync(path.join(other, 'both'), 'utf8')).toBe('both');
  }, 10_000);
});

test('a runner whose subscriber is dropped ends with the reason, and so does one whose keys hold other data', async () => {
  const redis = server.client();
  const { scanned, ended } = sync();
  await scanned;
  await dropSubscriber(redis, 'new_files', `sync:${realpathSync(base)}>${target}`);
  await expect(ended).rejects.toMatchObject({ code: 'SUBSCRIBER_DROPPED' });
  await redis.set('sync-failed:new_files', 'x');
  await expect(sync().ended).rejects.toMatchObject({
    code: 'WRONG_TYPE',
    message: expect.stringContaining('`sync-failed:new_files`'),
  });
});

test('a channel whose keys hold other data hides no other', async () => {
  const redis = server.client();
  await writeRecord(redis, 'foreign', target, unused(base));
  await writeRecord(redis, 'new_files', target, unused(base));
  await redis.del('sync:foreign');
  await redis.set('sync:foreign', 'x');
  const { code, stdout, stderr } = await run(['sync', 'status', '--json'], { url: server.url });
  expect(JSON.parse(stdout)).toMatchObject([{ channel: 'new_files' }]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('`sync:foreign`') });
});

test('a record is written although the connection broke while it was on its way', async () => {
  const redis = server.client();
  vi.spyOn(redis, 'hset').mockRejectedValueOnce(new Error('Command aborted due to connection close'));
  await writeRecord(redis, 'new_files', target, unused(base));
  expect(await status(redis)).toMatchObject([{ target }]);
});

test('a watched folder is followed without anybody telling', async () => {
  const { scanned } = sync();
  await scanned;
  const controller = new AbortController();
  let notified = 0;
  const watching = watch(server.client(), base, 'new_files', {
    signal: controller.signal,
    onNotified: (count) => (notified += count),
    onTrouble: (text) => expect(text).toBe(''),
  });
  // The watcher has no signal for "ready": the first event it tells is one.
  await vi.waitFor(() => {
    write('probe', String(Math.random()));
    expect(notified).toBeGreaterThan(0);
  }, 10_000);
  write('deep/er/file');
  renameSync(path.join(base, 'deep'), path.join(base, 'moved'));
  rmSync(path.join(base, 'probe'));
  await vi.waitFor(() => expect(difference()).toBe(''), 10_000);
  expect(copied('moved/er/file')).toBe('deep/er/file');
  controller.abort();
  await watching;
});

test.each([
  [['sync', 'run', '/proc/nonexistent', '/tmp/x'], 4, 'SYNC_BASE'],
  [['sync', 'run', '/etc/passwd', '/tmp/x'], 4, 'SYNC_BASE'],
  [['sync', 'watch', '/proc/nonexistent'], 4, 'SYNC_BASE'],
  [['sync', 'notify', '../../etc/passwd'], 4, 'SYNC_PATH'],
  [['sync', 'run', '/tmp'], 2, 'USAGE'],
])('%j exits %i with %s', async (words, code, name) => {
  const failed = await run([...words, '--json'], { url: server.url });
  expect(failed.code).toBe(code);
  expect(errorOf(failed).code).toBe(name);
});

test('without rsync it says how to get it', async () => {
  const failed = await run(['sync', 'run', base, target, '--json'], {
    url: server.url,
    env: { PATH: '/nonexistent' },
  });
  expect(failed.code).toBe(5);
  expect(errorOf(failed)).toMatchObject({
    code: 'RSYNC_MISSING',
    hint: expect.stringContaining('apt-get install rsync'),
  });
});
