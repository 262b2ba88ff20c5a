import { appendFileSync, readFileSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { status } from '../../source/features/ship/channel/status.ts';
import { findSources } from '../../source/features/ship/files/sources.ts';
import { ship } from '../../source/features/ship/ship.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { copyTo, logLines, readTree, Scratch } from './harness.ts';

const KiB = 1024;
let scratch: Scratch;
const server = await redisForThisFile();
const redis = server.client();
beforeEach(async () => {
  await redis.flushall();
  scratch = new Scratch();
});
afterEach(() => scratch[Symbol.dispose]());

const small = { channel: 'logs:', budgetBytes: 1024 * KiB, partBytes: 64 * KiB, recursive: true };
const at = (...steps: string[]) => path.join(scratch.path, ...steps);

/** Ships a directory to consumers that copy it, and expects every copy to be the same. */
async function shipAndCompare(directory: string, consumers: number, options: Partial<typeof small> = {}) {
  const copies = Array.from({ length: consumers }, (_, id) => at(`copy-${id}`));
  const copying = copies.map((copy, id) => copyTo(server, copy, { as: String(id) }));
  const shipped = await ship(redis, [directory], { ...small, ...options, consumers });
  await Promise.all(copying);
  for (const copy of copies) expect(readTree(copy)).toEqual(readTree(directory));
  return shipped;
}

test('every consumer gets every file, byte by byte, and nothing is left but the bookkeeping', async () => {
  const directory = scratch.files('in', {
    'large.log': 700_000,
    'small.log': 'one\ntwo\n',
    'no-end.log': 'one\ntwo',
    'empty.log': '',
    'crlf.txt': 'one\r\ntwo\r\n',
    'binary.bin': Buffer.from(Array.from({ length: 150_000 }, (_, index) => (index * 31) % 256)),
    'one-line': Buffer.alloc(200_000, 'x'),
    'a name with spaces: and colons': 'spaces\n',
    'new\nline': 'newline\n',
    'täst.log': 'ümläut\n',
    x: 'x\n',
    'x:done': 'not a counter\n',
    ':done': 'not the end\n',
    'x~1': 'not a piece\n',
    'deep/er/file.log': 100_000,
    'many.log.gz': Buffer.concat([gzipSync('a\n'), gzipSync('b\n')]),
    'claims.gz': 'no gzip\n',
    'empty.gz': '',
  });
  const shipped = await shipAndCompare(directory, 3);
  const tree = Object.values(readTree(directory));
  expect(shipped).toMatchObject({
    files: tree.length,
    bytes: tree.reduce((sum, content) => sum + content.length, 0),
    isInterrupted: false,
    failed: [],
    notes: [],
  });
  expect(shipped.peakBytes).toBeLessThanOrEqual(shipped.budgetBytes);
  expect((await redis.keys('*')).sort()).toEqual(
    [
      ...['chat:logs:', 'ids:logs:', 'quarterdeck:ship', 'seen:0', 'seen:1', 'seen:2'],
      ...['ship-files:logs:', 'ship-who:logs:', 'ship:logs:'],
    ].sort(),
  );
  expect(await status(redis, 'logs:')).toMatchObject({
    state: 'done',
    usedBytes: 0,
    totals: { files: tree.length },
  });
});

test('of more parts than one look tells of, none counts as delivered before it is', async () => {
  const files = 700;
  const contents = Array.from({ length: files }, (_, index) => [`${index}.log`, `line ${index}\n`] as const);
  const directory = scratch.files('in', Object.fromEntries(contents));
  const shipping = ship(redis, [directory], { ...small, budgetBytes: 16 * small.budgetBytes, consumers: 1 });
  await vi.waitFor(async () => expect((await status(redis, 'logs:'))?.totals.files).toBe(files), 20_000);
  const waiting = await status(redis, 'logs:');
  expect(waiting?.consumers).toMatchObject([{ done: 0, lag: files }]);
  // Of so many a record is not kept of each, and that is said.
  expect(waiting?.unlisted).toBeGreaterThan(0);
  expect((waiting?.files.length ?? 0) + (waiting?.unlisted ?? 0)).toBe(files);
  expect(waiting?.files.filter(({ state, done }) => state === 'freed' || done > 0)).toEqual([]);
  await Promise.all([shipping, copyTo(server, at('copy'), { as: '0' })]);
  const ended = await status(redis, 'logs:');
  expect(ended?.files.filter(({ state }) => state !== 'freed')).toEqual([]);
});

test('names that are no UTF-8 arrive as they are', async () => {
  const directory = scratch.files('in', { 'plain.log': 'plain\n' });
  const name = Buffer.concat([Buffer.from(`${directory}/caf`), Buffer.from([0xe9]), Buffer.from('.log')]);
  writeFileSync(name, 'latin1\n');
  const copying = copyTo(server, at('copy'), { as: '0' });
  await ship(redis, [directory], { ...small, consumers: 1 });
  expect((await copying).toSorted()).toEqual(['caf%E9.log', 'plain.log']);
  const copy = Buffer.concat([Buffer.from(`${at('copy')}/caf`), Buffer.from([0xe9]), Buffer.from('.log')]);
  expect(readFileSync(copy, 'utf8')).toBe('latin1\n');
});

test('the same channel again, also with the same names and other content', async () => {
  const directory = scratch.files('in', { 'a.log': 300_000, 'b.log': 'b\n' });
  await shipAndCompare(directory, 2);
  await shipAndCompare(directory, 2);
  scratch.files('in', { 'a.log': 1000, 'c.log': 'c\n' });
  await shipAndCompare(directory, 2);
  // A third consumer joins the fourth run.
  await shipAndCompare(directory, 3);
});

test('many small files go through a budget that holds few of them', async () => {
  const files = Object.fromEntries(
    Array.from({ length: 400 }, (_, index) => [`d${index % 7}/f${index}.log`, `line ${index}\n`]),
  );
  const shipped = await shipAndCompare(scratch.files('in', files), 2, {
    budgetBytes: 1200 * KiB,
    partBytes: 4 * KiB,
  });
  expect(shipped).toMatchObject({ files: 400, parts: 400 });
});

test('a budget that is full of what nobody will free is reported', async () => {
  const channel = 'logs:';
  await shipAndCompare(scratch.files('in', { 'a.log': 'a\n' }), 1);
  await redis.hset('ship:logs:', 'closed', '', 'used', 1024 ** 2);
  const shipping = ship(redis, [scratch.files('more', { 'b.log': 'b\n' })], {
    ...small,
    channel,
    consumers: 1,
  });
  await expect(shipping).rejects.toMatchObject({ code: 'SHIP_BUDGET_TOO_SMALL' });
});

test('an empty directory is shipped at once', async () => {
  const shipped = await shipAndCompare(scratch.files('in', {}), 1);
  expect(shipped).toMatchObject({ files: 0, bytes: 0, parts: 0 });
});

test('paths, a prefix, links and what is no file', async () => {
  const directory = scratch.files('in', { 'a.log': 'a\n', 'sub/b.log': 'b\n' });
  symlinkSync(path.join(directory, 'a.log'), path.join(directory, 'link.log'));
  symlinkSync(path.join(scratch.path, 'nowhere'), path.join(directory, 'dangling'));
  const copying = copyTo(server, at('copy'), { as: '0' });
  const shipped = await ship(redis, [directory, at('in/sub/b.log')], {
    ...small,
    recursive: false,
    prefix: 'host-1/',
    consumers: 1,
  });
  await copying;
  expect(Object.keys(readTree(at('copy')))).toEqual(['host-1/a.log', 'host-1/b.log', 'host-1/link.log']);
  expect(shipped.notes.toSorted()).toEqual([
    expect.stringMatching(/^dangling: ENOENT/),
    'sub: a directory, and --recursive was not given',
  ]);
});

test.each([
  ['a path that is not there', ['/dev/null/nowhere'], {}, 'SHIP_PATH_MISSING'],
  ['a device', ['/dev/null'], {}, 'SHIP_PATH_UNREADABLE'],
  ['a budget smaller than one part', ['.'], { budgetBytes: 64 * KiB }, 'SHIP_BUDGET_TOO_SMALL'],
  ['a channel without a name', ['.'], { channel: '' }, 'SHIP_BAD_CHANNEL_NAME'],
])('%s is refused', async (_, paths, options, code) => {
  const refused = ship(redis, paths, { ...small, consumers: 1, recursive: false, ...options });
  await expect(refused).rejects.toMatchObject({ code });
  expect(await redis.dbsize()).toBe(0);
});

test('two files under one name are reported, and the others shipped', async () => {
  const directory = scratch.files('in', { 'a/x.log': 'a\n', 'b/x.log': 'b\n', 'y.log': 'y\n' });
  const copying = copyTo(server, at('copy'), { as: '0' });
  const paths = ['a/x.log', 'b/x.log', 'y.log'].map((file) => path.join(directory, file));
  const shipped = await ship(redis, paths, { ...small, consumers: 1 });
  await copying;
  expect(readTree(at('copy'))).toEqual({ 'y.log': 'y\n' });
  expect(shipped.failed).toEqual([
    `Two files would be shipped as \`x.log\`: \`${directory}/a/x.log\` and \`${directory}/b/x.log\``,
  ]);
});

test('a byte that is no UTF-8 and a name that looks like it are two files', async () => {
  const directory = scratch.files('in', { 'a%FF': 'text\n', 'a%zz': 'plain\n', '100%': 'end\n' });
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/a`), Buffer.from([0xff])]), 'byte\n');
  const copying = copyTo(server, at('copy'), { as: '0' });
  await ship(redis, [directory], { ...small, consumers: 1 });
  expect((await copying).toSorted()).toEqual(['100%', 'a%25FF', 'a%FF', 'a%zz']);
  expect(readFileSync(at('copy', 'a%FF'), 'utf8')).toBe('text\n');
  const copy = Buffer.concat([Buffer.from(at('copy', 'a')), Buffer.from([0xff])]);
  expect(readFileSync(copy, 'utf8')).toBe('byte\n');
});

test.each(['/abs/', 'a/../', 'nul\0'])(
  'a prefix %j with which no copy could be written is refused',
  async (prefix) => {
    const directory = scratch.files('in', { 'a.log': 'a\n' });
    const refused = ship(redis, [directory], { ...small, consumers: 1, prefix });
    await expect(refused).rejects.toMatchObject({ code: 'SHIP_BAD_PREFIX' });
  },
);

test('globs choose among the files of a directory', async () => {
  const directory = scratch.files('in', {
    'a.log': 'a\n',
    'a.txt': 'a\n',
    'sub/b.log': 'b\n',
    'sub/debug.log': 'd\n',
    'cache/c.log': 'c\n',
  });
  const names = async (globs: { include?: string[]; exclude?: string[] }) => {
    const { files } = await findSources([directory], { recursive: true, ...globs });
    return files.map(({ name }) => name);
  };
  expect(await names({ include: ['*.log'] })).toEqual(['a.log', 'cache/c.log', 'sub/b.log', 'sub/debug.log']);
  expect(await names({ exclude: ['cache/', 'debug*'] })).toEqual(['a.log', 'a.txt', 'sub/b.log']);
  expect(await names({ exclude: ['*'], include: ['sub/*.log'] })).toEqual(['sub/b.log', 'sub/debug.log']);
  expect(await names({ include: ['**/[bc].{log,txt}'] })).toEqual(['cache/c.log', 'sub/b.log']);
});

test.each([
  'chat:logs:',
  'msgs:logs:',
  'ids:logs:',
  'ship:logs:',
  'ship-parts:logs:',
  'ship-files:logs:',
  'ship-who:logs:',
  'seen:0',
  'logs:a.log',
])('a key %s of another type is refused and left alone', async (key) => {
  await redis.rpush(key, 'mine');
  const directory = scratch.files('in', { 'a.log': 'a\n' });
  const refused = ship(redis, [directory], { ...small, consumers: 1 });
  await expect(refused).rejects.toMatchObject({
    code: 'WRONG_TYPE',
    message: expect.stringContaining(`\`${key}\``),
  });
  expect(await redis.lrange(key, 0, -1)).toEqual(['mine']);
  if (key === 'logs:a.log') expect((await status(redis, 'logs:'))?.usedBytes).toBe(0);
});

test('a string that somebody else keeps where a part would go is left alone', async () => {
  await redis.set('logs:a.log', 'mine');
  const directory = scratch.files('in', { 'a.log': 'a\n' });
  await expect(ship(redis, [directory], { ...small, consumers: 1 })).rejects.toMatchObject({
    code: 'SHIP_KEY_TAKEN',
  });
  expect(await redis.get('logs:a.log')).toBe('mine');
  // Once it is gone the same call continues.
  await redis.del('logs:a.log');
  await shipAndCompare(directory, 1);
});

describe('files that change while they are shipped', () => {
  /** Ships with a consumer that begins only after `change` has happened to the file half shipped. */
  async function changeWhile(change: (file: string) => void) {
    const directory = scratch.files('in', { 'a.log': 400_000, 'b.log': 'b\n' });
    const shipping = ship(redis, [directory], { ...small, budgetBytes: 250 * KiB, consumers: 1 });
    await vi.waitFor(async () => expect((await status(redis, 'logs:'))?.state).toBe('waiting'));
    change(path.join(directory, 'a.log'));
    const copying = copyTo(server, at('copy'), { as: '0' });
    const shipped = await shipping;
    await copying;
    return { shipped, copy: readTree(at('copy')) };
  }

  test('vanished: what we hold open is read to its end', async () => {
    const { shipped, copy } = await changeWhile(unlinkSync);
    expect(copy['a.log']).toBe(logLines(400_000).toString());
    expect(shipped.files).toBe(2);
  });

  test('shrunk: it ends where it ends now, and that is reported', async () => {
    const { shipped, copy } = await changeWhile((file) => truncateSync(file, 300_000));
    expect(copy['a.log']).toBe(logLines(300_000).toString());
    expect(copy['b.log']).toBe('b\n');
    expect(shipped.notes).toEqual(['a.log: shrank while it was read; 300000 bytes of 400000 shipped']);
  });

  test('shrunk to less than was shipped', async () => {
    const { shipped, copy } = await changeWhile((file) => truncateSync(file, 10));
    expect(logLines(400_000).toString().slice(0, copy['a.log']?.length)).toBe(copy['a.log']);
    expect(shipped.notes).toEqual([
      expect.stringMatching(/^a.log: shrank while it was read; \d+ bytes of 400000/),
    ]);
    expect(shipped.files).toBe(2);
  });

  test('grown: what came later is left for the next run', async () => {
    const { copy } = await changeWhile((file) => appendFileSync(file, 'more\n'));
    expect(copy['a.log']).toBe(logLines(400_000).toString());
  });
});
