import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { consume } from '../../source/features/ship/consumer/consume.ts';
import { ship } from '../../source/features/ship/ship.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { readLines, readTree, Scratch } from './harness.ts';

/** Lines as consumers get them, from text and gzip, cut by parts or damaged. */

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

test('whatever their ends, from text and gzip, in parts of any size', async () => {
  const words = Array.from({ length: 4000 }, (_, index) => `word-${index}`);
  const gzip = Buffer.concat([
    gzipSync(words.slice(0, 1500).join('\n')),
    gzipSync(`${words.slice(1500).join('\n')}\n`),
  ]);
  const directory = scratch.files('in', {
    'a.txt': words.join('\n'),
    'b.txt': `${words.join('\r\n')}\r\n`,
    'c.gz': gzip,
    'd.txt': '',
    'e.txt': '\n\nthird\n',
  });
  const reading = readLines(redis, { as: '0' });
  await ship(server.client(), [directory], { ...small, partBytes: KiB, consumers: 1 });
  const lines = Map.groupBy(await reading, ([file]) => file);
  const linesOf = (file: string) => lines.get(file)?.map(([, line]) => line);
  expect(linesOf('a.txt')).toEqual(words);
  expect(linesOf('b.txt')).toEqual(words.map((word) => `${word}\r`));
  // The first member has no final line end, so two words meet.
  expect(linesOf('c.gz')).toEqual(words.toSpliced(1499, 2, 'word-1499word-1500'));
  expect(linesOf('d.txt')).toBeUndefined();
  expect(linesOf('e.txt')).toEqual(['', '', 'third']);
});

test('the bytes of all batches are the file, with and without its last line end', async () => {
  const words = Array.from({ length: 4000 }, (_, index) => `word-${index}`).join('\n');
  const content = { 'a.txt': words, 'b.txt': `${words.replaceAll('\n', '\r\n')}\n\n` };
  const directory = scratch.files('in', content);
  const shipping = ship(server.client(), [directory], { ...small, partBytes: KiB, consumers: 1 });
  const got: Record<string, string> = {};
  for await (const delivery of consume(redis, 'logs:', { as: '0' })) {
    const { file } = delivery;
    for await (const { bytes } of delivery.lines()) got[file] = (got[file] ?? '') + bytes.toString();
  }
  await shipping;
  expect(got).toEqual(content);
});

test('a gzip member far larger than the budget is collected and decompressed once', async () => {
  const content = Array.from({ length: 60_000 }, () => Math.random().toString(36)).join('\n');
  const directory = scratch.files('in', { 'large.gz': gzipSync(content) });
  const reading = readLines(redis, { as: '0', spoolDirectory: at('spool') });
  const shipped = await ship(server.client(), [directory], {
    ...small,
    budgetBytes: 300 * KiB,
    consumers: 1,
  });
  expect(shipped.parts).toBeGreaterThan(5);
  expect((await reading).map(([, line]) => line).join('\n')).toBe(content);
  expect(readTree(at('spool'))).toEqual({});
});

test('damaged gzip: what can be read, and what is wrong', async () => {
  const gzip = gzipSync('hello\nworld\n');
  const directory = scratch.files('in', {
    'cut.gz': gzip.subarray(0, -4),
    'tail.gz': Buffer.concat([gzip, Buffer.from('!')]),
  });
  const damage: string[] = [];
  const reading = readLines(redis, { as: '0', onDamage: (problem) => damage.push(problem) });
  await ship(server.client(), [directory], { ...small, consumers: 1 });
  expect(await reading).toEqual([
    ...[
      ['cut.gz', 'hello'],
      ['cut.gz', 'world'],
    ],
    ...[
      ['tail.gz', 'hello'],
      ['tail.gz', 'world'],
    ],
  ]);
  expect(damage).toEqual([
    'cut.gz: the gzip data is cut short',
    'tail.gz: 1 bytes behind the last gzip member are no gzip',
  ]);
});

test('a line longer than is carried over comes in pieces that say so', async () => {
  const directory = scratch.files('in', { 'a.txt': `${'x'.repeat(150_000)}\nend\n` });
  const shipping = ship(server.client(), [directory], { ...small, consumers: 1 });
  const pieces: [number, boolean][] = [];
  for await (const delivery of consume(redis, 'logs:', { as: '0' })) {
    for await (const { lines, end } of delivery.lines()) {
      lines.forEach((line, index) => {
        pieces.push([line.length, end === 'cut' && index === lines.length - 1]);
      });
    }
  }
  await shipping;
  expect(pieces.slice(0, 2).every(([, continues]) => continues)).toBe(true);
  expect(pieces.reduce((sum, [length]) => sum + length, 0)).toBe(150_003);
  expect(pieces.at(-1)).toEqual([3, false]);
});
