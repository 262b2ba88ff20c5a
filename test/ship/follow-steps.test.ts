import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { World } from './follow-model.ts';

/**
 * Rotations, stops and kills between two steps of a follower, placed there: what the random model of follow-model.ts meets
 * once in some hundred seeds, on a busy machine.
 */

let folder: string;
let world: World;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-steps-'));
});
afterEach(async () => {
  await world.stop();
  for (const each of [folder, pods()]) rmSync(each, { recursive: true, force: true });
});

const at = (name: string): string => path.join(folder, name);
const log = () => at('app.log');
/** So many numbered lines of about 50 bytes. */
const lines = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `line ${from + index} ${'.'.repeat(40)}`);
const text = (written: readonly string[]): string => written.map((line) => `${line}\n`).join('');
const arrived = (expected: readonly string[]) =>
  vi.waitFor(() => expect(world.lines()).toEqual(expected), { timeout: 10_000, interval: 10 });
const looked = async (times: number): Promise<void> => {
  const before = world.looks;
  await vi.waitFor(() => expect(world.looks).toBeGreaterThanOrEqual(before + times), {
    timeout: 10_000,
    interval: 5,
  });
};

test('read after the log was truncated, confirmed when its copy was found: the bytes are not those', async () => {
  // Long enough for a part to be read before the truncation is noticed.
  world = new World(folder, { settleMs: 150 });
  const old = lines(1, 60);
  const young = lines(1001, 200);
  writeFileSync(log(), text(old));
  let isDone = false;
  world.interference = {
    onRead() {
      if (isDone) return;
      isDone = true;
      copyFileSync(log(), at('app.log.1'));
      truncateSync(log());
      appendFileSync(log(), text(young));
    },
  };
  world.giveRoom(false);
  world.start();
  await vi.waitFor(() => expect(isDone).toBe(true), { timeout: 10_000 });
  await looked(2);
  world.giveRoom(true);
  await arrived([...old, ...young]);
  expect(world.notes).toEqual([]);
});

test('a compressed file moves on while it is looked into, and a known one takes its name: reading goes on', async () => {
  world = new World(folder, { settleMs: 150, restMs: 1 });
  const [first, second, third] = [lines(1, 5), lines(101, 5), lines(201, 5)] as const;
  writeFileSync(log(), text(first));
  world.start();
  await arrived(first);
  // Known, and done.
  renameSync(log(), at('app.log.1'));
  writeFileSync(log(), text(second));
  await arrived([...first, ...second]);
  const before = world.looks;
  writeFileSync(at('app.log.2.gz'), gzipSync(text(lines(901, 5))));
  await vi.waitFor(() => expect(world.looks).toBeGreaterThan(before), { timeout: 10_000, interval: 5 });
  // It is being looked into now; it is looked at again a settling time after that is done.
  renameSync(at('app.log.2.gz'), at('app.log.3.gz'));
  renameSync(at('app.log.1'), at('app.log.2.gz'));
  appendFileSync(log(), text(third));
  await vi.waitFor(() => expect(world.lines()).toEqual(expect.arrayContaining([...third])), {
    timeout: 10_000,
  });
});

test('killed between the end of a generation and its storing, behind a part: it does not begin anew', async () => {
  world = new World(folder, { rotatedMs: 400 });
  const [first, second] = [lines(1, 5), lines(101, 5)] as const;
  writeFileSync(log(), text(first));
  world.start();
  await arrived(first);
  renameSync(log(), at('app.log.1'));
  world.giveRoom(false);
  writeFileSync(log(), text(second));
  await looked(3);
  // The record is made after the generation has ended, and before that is stored.
  let confirming: () => void = () => {};
  const isConfirming = new Promise<void>((resolve) => {
    confirming = resolve;
  });
  let hasEnded: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    hasEnded = resolve;
  });
  const dead = new Error('killed');
  world.interference = {
    onConfirm() {
      confirming();
      return ended;
    },
    onRemember(fields) {
      if (fields.some(([field]) => field.endsWith('\0past'))) throw dead;
    },
  };
  world.giveRoom(true);
  await isConfirming;
  await vi.waitFor(() => expect(world.isStoring).toBe(true), { timeout: 10_000, interval: 5 });
  hasEnded();
  await vi.waitFor(() => expect(world.failure).toBe(dead), { timeout: 10_000 });
  world.failure = undefined;
  await world.kill();
  world.interference = {};
  world.start();
  await world.quiet();
  expect(world.lines()).toEqual([...first, ...second]);
});

test('stopped when a part was confirmed and could not be announced: it is read again', async () => {
  world = new World(folder);
  const [first, second] = [lines(1, 5), lines(101, 5)] as const;
  writeFileSync(log(), text(first));
  const refused = new Error('refused');
  world.interference = {
    async onAnnounce() {
      // Something to be stored in the end, so that what is known by then is.
      appendFileSync(log(), text(second));
      await vi.waitFor(() => expect(world.isStoring).toBe(true), { timeout: 10_000, interval: 5 });
      throw refused;
    },
  };
  world.start();
  await vi.waitFor(() => expect(world.failure).toBe(refused), { timeout: 10_000 });
  world.failure = undefined;
  await world.stop();
  world.interference = {};
  world.start();
  await arrived([...first, ...second]);
});

test('a late line in a generation that is removed at once, just after a restart: it is held open', async () => {
  world = new World(folder);
  const first = lines(1, 5);
  writeFileSync(log(), text(first));
  world.start();
  await arrived(first);
  renameSync(log(), at('app.log.1'));
  writeFileSync(log(), '');
  await looked(3);
  await world.stop();
  world.start();
  await looked(2);
  appendFileSync(at('app.log.1'), text(['late']));
  unlinkSync(at('app.log.1'));
  await arrived([...first, 'late']);
});

test('a generation that is removed while nobody follows: that it may have grown is said', async () => {
  world = new World(folder);
  const first = lines(1, 5);
  writeFileSync(log(), text(first));
  world.start();
  await arrived(first);
  renameSync(log(), at('app.log.1'));
  writeFileSync(log(), '');
  await looked(3);
  await world.stop();
  appendFileSync(at('app.log.1'), text(['late']));
  unlinkSync(at('app.log.1'));
  world.start();
  const bytes = text(first).length;
  await vi.waitFor(
    () =>
      expect(world.notes).toEqual([
        `app.log: an earlier generation is gone; what was written to it after byte ${bytes}, if anything, is lost`,
      ]),
    { timeout: 10_000 },
  );
});

test('a short copy is not the one of what was truncated before: with a banner of 1 KiB both begin alike', async () => {
  world = new World(folder);
  const banner = '#'.repeat(1030);
  const first = lines(1, 60);
  const [second, third] = [lines(101, 10), lines(201, 5)] as const;
  writeFileSync(log(), `${banner}\n${text(first)}`);
  world.start();
  await arrived([banner.slice(0, 1008) + banner.slice(1008), ...first]);
  // Truncated, and its copy is gone before anybody has looked for it.
  await world.stop();
  truncateSync(log());
  appendFileSync(log(), `${banner}\n${text(second)}`);
  copyFileSync(log(), at('app.log.1'));
  truncateSync(log());
  appendFileSync(log(), `${banner}\n${text(third)}`);
  world.start();
  await vi.waitFor(() => expect(world.lines()).toEqual(expect.arrayContaining([...second, ...third])), {
    timeout: 10_000,
  });
});

test('a compressed generation is known by what was written to it before, however late that was seen', async () => {
  world = new World(folder, { settleMs: 100 });
  const first = lines(1, 60);
  writeFileSync(log(), '');
  world.giveRoom(false);
  world.start();
  await looked(2);
  // Empty when it was last seen: all of it comes, is put aside and compressed between two looks.
  appendFileSync(log(), text(first));
  writeFileSync(at('app.log.1.gz'), gzipSync(text(first)));
  unlinkSync(log());
  writeFileSync(log(), '');
  await looked(6);
  world.giveRoom(true);
  await world.quiet();
  expect(world.lines()).toEqual(first);
});

test('a copy in the making is not the growth of another log that held no more than the banner of both', async () => {
  world = new World(folder, { copyMs: 20_000 });
  const banner = '#'.repeat(300);
  const written = lines(1, 20);
  writeFileSync(log(), text([banner, ...written]));
  writeFileSync(at('other.log'), text([banner]));
  world.start();
  await arrived([banner, ...written, banner]);
  unlinkSync(at('other.log'));
  writeFileSync(at('app.log.1'), text([banner, ...written.slice(0, 10)]));
  await looked(5);
  appendFileSync(at('app.log.1'), text(written.slice(10)));
  truncateSync(log());
  await world.quiet();
  expect(world.lines()).toEqual([banner, ...written, banner]);
});

/** What is known of two logs when nobody follows: of `other.log` no more than the banner that both begin with. */
async function stoppedBehindBanner(banner: string): Promise<void> {
  writeFileSync(log(), text([banner, ...lines(1, 10)]));
  writeFileSync(at('other.log'), text([banner]));
  world.start();
  await arrived([banner, ...lines(1, 10), banner]);
  await world.stop();
}

test('of two logs with one banner, a generation of one is not taken for that of the other, which is gone', async () => {
  world = new World(folder);
  const banner = '#'.repeat(2000);
  await stoppedBehindBanner(banner);
  unlinkSync(at('other.log'));
  // Rotated twice: of the younger one nothing is known.
  writeFileSync(at('app.log.2.gz'), gzipSync(text([banner, ...lines(1, 20)])));
  writeFileSync(at('app.log.1.gz'), gzipSync(text([banner, ...lines(21, 20)])));
  rmSync(log());
  writeFileSync(log(), text([banner, ...lines(41, 5)]));
  world.start();
  await world.quiet();
  expect(world.linesByFile()).toEqual(
    new Map([
      ['app.log', [banner, ...lines(1, 20), banner, ...lines(21, 20), banner, ...lines(41, 5)]],
      ['other.log', [banner]],
    ]),
  );
});

test('a new log is not taken for a grown one that is gone, because it begins with the same banner', async () => {
  world = new World(folder);
  const banner = '#'.repeat(300);
  await stoppedBehindBanner(banner);
  unlinkSync(at('other.log'));
  writeFileSync(at('new.log'), text([banner, ...lines(101, 20)]));
  world.start();
  await world.quiet();
  expect(world.linesByFile().get('new.log')).toEqual([banner, ...lines(101, 20)]);
  expect(world.linesByFile().get('other.log')).toEqual([banner]);
  expect(world.notes).toEqual(
    expect.arrayContaining([
      'new.log: begins with all that was seen of other.log (bytes 0 to 301), as another log may, and has no name of it: not taken for it',
    ]),
  );
});

test('in an archive that two logs of one name share, what does not say whose it is goes to neither', async () => {
  const archive = path.join(folder, 'old');
  world = new World(folder, {}, { archive });
  const banner = '#'.repeat(300);
  for (const name of ['a', 'b', 'old']) mkdirSync(at(name));
  for (const name of ['a', 'b']) writeFileSync(at(`${name}/app.log`), text([banner, `first of ${name}`]));
  world.start();
  await world.quiet();
  await world.stop();
  // One generation that was met, and one that was not.
  writeFileSync(path.join(archive, 'app.log.2.gz'), gzipSync(text([banner, 'first of b', 'second of b'])));
  writeFileSync(path.join(archive, 'app.log.1'), text([banner, 'third of b']));
  rmSync(at('b/app.log'));
  writeFileSync(at('b/app.log'), text([banner, 'fourth of b']));
  world.start();
  await world.quiet();
  expect(Object.fromEntries(world.linesByFile())).toEqual({
    'a/app.log': [banner, 'first of a'],
    'b/app.log': [banner, 'first of b', 'second of b', banner, 'fourth of b'],
    'old/app.log.1': [banner, 'third of b'],
  });
  expect(world.notes).toEqual([
    'old/app.log.1: an earlier generation of a/app.log or b/app.log, and what it holds does not say of which: followed under its own name',
  ]);
});

test('a compressed generation that was written just now is read before the log behind it', async () => {
  world = new World(folder, { compressedMs: 400 });
  const [first, second] = [lines(1, 5), lines(101, 5)] as const;
  writeFileSync(at('app.log.1.gz'), gzipSync(text(first)));
  writeFileSync(log(), text(second));
  world.start();
  await arrived([...first, ...second]);
});

test('of compressed generations that become whole one after the other the older is read first', async () => {
  world = new World(folder, { compressedMs: 400, damagedMs: 10_000 });
  const [first, second, third] = [lines(1, 5), lines(101, 5), lines(201, 5)] as const;
  const older = gzipSync(text(first));
  const half = Math.floor(older.length / 2);
  writeFileSync(at('app.log.2.gz'), older.subarray(0, half));
  writeFileSync(at('app.log.1.gz'), gzipSync(text(second)));
  writeFileSync(log(), text(third));
  world.start();
  // By then the younger one is known to be whole.
  await wait(1000);
  expect(world.lines()).toEqual([]);
  appendFileSync(at('app.log.2.gz'), older.subarray(half));
  await arrived([...first, ...second, ...third]);
  expect(world.notes).toHaveLength(1);
});

test('one that never becomes whole holds up its log for a while only, and that is said', async () => {
  world = new World(folder, { compressedMs: 50, damagedMs: 500 });
  const [first, second] = [lines(1, 50), lines(101, 5)] as const;
  const zipped = gzipSync(text(first));
  writeFileSync(at('app.log.1.gz'), zipped.subarray(0, 20));
  // As if it were written to all the time.
  const later = new Date(Date.now() + 3_600_000);
  utimesSync(at('app.log.1.gz'), later, later);
  writeFileSync(log(), text(second));
  world.start();
  await arrived(second);
  expect(world.notes).toEqual([
    'app.log: app.log.1.gz is not whole yet, and is shipped behind what was written after it',
  ]);
});

test('the unfinished line of a log that is removed comes before the first of the next one', async () => {
  world = new World(folder);
  const [first, second] = [lines(1, 5), lines(101, 5)] as const;
  writeFileSync(log(), `${text(first)}unfinished`);
  world.start();
  await arrived(first);
  unlinkSync(log());
  writeFileSync(log(), text(second));
  await arrived([...first, 'unfinished', ...second]);
});

test('overwritten at equal size, within its first KiB or behind it: what is new arrives, what was not read is reported', async () => {
  world = new World(folder);
  const [first, second] = [lines(10, 50), lines(50, 50)] as const;
  writeFileSync(log(), text(first));
  world.start();
  await arrived(first);
  expect(text(second)).toHaveLength(text(first).length);
  writeFileSync(log(), text(second));
  await arrived([...first, ...second]);
  const third = [...second.slice(0, 40), ...lines(10, 10)];
  writeFileSync(log(), text(third));
  await arrived([...first, ...second, ...third]);
});

test('a folder in the place of a log, and a log in the place of a folder', async () => {
  world = new World(folder);
  const [first, second] = [lines(1, 5), lines(101, 5)] as const;
  writeFileSync(log(), text(first));
  mkdirSync(at('other.log'));
  world.start();
  await arrived(first);
  unlinkSync(log());
  mkdirSync(log());
  rmSync(at('other.log'), { recursive: true });
  writeFileSync(at('other.log'), text(second));
  await arrived([...first, ...second]);
  rmSync(log(), { recursive: true });
  writeFileSync(log(), text(lines(201, 5)));
  await arrived([...first, ...lines(201, 5), ...second]);
});

test('a compressed generation that is written in bursts is read once, when it is whole', async () => {
  world = new World(folder, { compressedMs: 50, damagedMs: 10_000 });
  const [first, second] = [lines(1, 500), lines(1001, 5)] as const;
  const zipped = gzipSync(text(first));
  writeFileSync(log(), text(second));
  writeFileSync(at('app.log.1.gz'), '');
  world.start();
  for (let from = 0; from < zipped.length; from += 100) {
    appendFileSync(at('app.log.1.gz'), zipped.subarray(from, from + 100));
    await looked(2);
  }
  await arrived([...first, ...second]);
  expect(world.notes).toHaveLength(1);
});

const pods = (): string => `${folder}-pods`;

test('earlier generations beside where a link leads to are read before it, also at the first start', async () => {
  world = new World(folder);
  const [first, second, third] = [lines(1, 5), lines(101, 5), lines(201, 5)] as const;
  mkdirSync(pods());
  const real = path.join(pods(), '0.log');
  writeFileSync(`${real}.20261128-101010.gz`, gzipSync(text(first)));
  writeFileSync(`${real}.20261129-101010`, text(second));
  writeFileSync(real, text(third));
  symlinkSync(real, log());
  world.start();
  await arrived([...first, ...second, ...third]);
});

test.each(['while it is followed', 'while nobody follows'])(
  'a link that leads elsewhere %s',
  async (when) => {
    world = new World(folder);
    const [first, second, third] = [lines(1, 5), lines(101, 5), lines(201, 5)] as const;
    mkdirSync(pods());
    const [before, after] = [path.join(pods(), '0.log'), path.join(pods(), '1.log')] as const;
    writeFileSync(before, text(first));
    symlinkSync(before, log());
    world.start();
    await arrived(first);
    if (when === 'while nobody follows') await world.stop();
    appendFileSync(before, text(second));
    writeFileSync(after, text(third));
    symlinkSync(after, at('.new'));
    renameSync(at('.new'), log());
    world.start();
    await arrived([...first, ...second, ...third]);
  },
);
