import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { linesOf } from '../../source/cli/read-lines.ts';

const collect = async (lines: AsyncIterable<string>): Promise<string[]> => {
  const found: string[] = [];
  for await (const line of lines) found.push(line);
  return found;
};
const never = new AbortController().signal;

test('lines end with either newline; the last one may lack it; characters may come in pieces', async () => {
  const stream = new PassThrough();
  const found = collect(linesOf(stream, never));
  const bytes = Buffer.from('one\r\ntwo\n\nthé\rn\u2028end\nlast');
  for (const byte of bytes) stream.write(Buffer.of(byte));
  stream.end();
  expect(await found).toEqual(['one', 'two', '', 'thé\rn\u2028end', 'last']);
});

/** A stream of so many bytes `a` and then the rest, in pieces of 16 KiB. */
function longLine(pieces: number, rest: string): PassThrough {
  const stream = new PassThrough();
  const piece = Buffer.alloc(16 * 1024, 'a');
  void (async () => {
    for (let sent = 0; sent < pieces; sent += 1) {
      if (!stream.write(piece)) await Promise.race([once(stream, 'drain'), once(stream, 'close')]);
    }
    stream.end(rest);
  })();
  return stream;
}

test('a line of megabytes costs no more than its length', async () => {
  const lines = await collect(linesOf(longLine(1000, '\nnext\n'), never));
  expect(lines.map(({ length }) => length)).toEqual([1000 * 16 * 1024, 4]);
});

test('a line that is longer still is refused, in constant memory, after the lines before it', async () => {
  const stream = new PassThrough();
  const lines = linesOf(stream, never);
  stream.write('one\ntwo\n');
  expect((await lines.next()).value).toBe('one');
  expect((await lines.next()).value).toBe('two');
  const piece = Buffer.alloc(1024 * 1024, 'a');
  const failing = expect(lines.next()).rejects.toMatchObject({
    kind: 'data',
    code: 'LINE_TOO_LONG',
    message: expect.stringMatching(/^Line 3 of stdin is longer than 64M/),
  });
  for (let sent = 0; sent < 65; sent += 1) stream.write(piece);
  await failing;
});

test('where the rules say so, a long line is shortened, and what is behind it comes', async () => {
  const before = process.memoryUsage().rss;
  const rules = {
    long: { bytes: 1000, shorten: (head: string, more: number) => `${head.slice(0, 3)}… ${more}` },
  };
  const lines = await collect(linesOf(longLine(20_000, 'é\r\nnext\nlast'), never, rules));
  expect(lines).toEqual([`aaa… ${20_000 * 16 * 1024 - 1000 + 3}`, 'next', 'last']);
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
});

test('a shortened line ends with a whole letter', async () => {
  const stream = new PassThrough();
  const rules = { long: { bytes: 4, shorten: (head: string) => `${head}…` } };
  const lines = collect(linesOf(stream, never, rules));
  stream.write('aéé');
  stream.end('é\n');
  expect(await lines).toEqual(['aé…']);
});

const latin1 = Buffer.from([0x63, 0x61, 0x66, 0xe9]);

test('bytes that are no UTF-8 end it, after the lines before them', async () => {
  const stream = new PassThrough();
  const lines = linesOf(stream, never);
  stream.end(Buffer.concat([Buffer.from('naïve \uFFFD\n'), latin1, Buffer.from('\nafter\n')]));
  expect((await lines.next()).value).toBe('naïve \uFFFD');
  await expect(lines.next()).rejects.toMatchObject({
    kind: 'data',
    code: 'LINE_NOT_UTF8',
    message: expect.stringMatching(/^Line 2 of stdin is no UTF-8/),
  });
});

test('where the rules say so, such bytes are shown', async () => {
  const stream = new PassThrough();
  const lines = collect(linesOf(stream, never, { showsBytes: true }));
  stream.end(Buffer.concat([Buffer.from('日本\n'), latin1, Buffer.from('日\n\nafter')]));
  expect(await lines).toEqual(['日本', 'caf\\xe9日', '', 'after']);
});

test('an empty stream has no lines', async () => {
  const stream = new PassThrough();
  stream.end();
  expect(await collect(linesOf(stream, never))).toEqual([]);
});

test('a million lines come whole and in order, and reading rests while they wait', async () => {
  const stream = new PassThrough();
  const lines = linesOf(stream, never);
  let sent = 0;
  const pump = (): void => {
    while (sent < 1_000_000 && stream.write(`${Array.from({ length: 1000 }, () => sent++).join('\n')}\n`)) {}
    if (sent < 1_000_000) stream.once('drain', pump);
    else stream.end();
  };
  pump();
  let expected = 0;
  for await (const line of lines) {
    if (line !== String(expected)) expect(line).toBe(String(expected));
    expected += 1;
    expect(sent - expected < 200_000).toBe(true);
  }
  expect(expected).toBe(1_000_000);
});

test('on the signal every whole line that was taken comes, and no more is taken', async () => {
  const stream = new PassThrough();
  const ended = new AbortController();
  const lines = linesOf(stream, ended.signal);
  stream.write('one\ntwo\n');
  expect(await lines.next()).toEqual({ done: false, value: 'one' });
  stream.write('three\nfour\nhal');
  ended.abort();
  expect(await collect(lines)).toEqual(['two', 'three', 'four']);
  expect(stream.destroyed).toBe(true);
});

test('a stream that fails throws, after what came before', async () => {
  const stream = new PassThrough();
  const lines = linesOf(stream, never);
  stream.write('one\n');
  expect((await lines.next()).value).toBe('one');
  stream.destroy(new Error('gone'));
  await expect(lines.next()).rejects.toThrow('gone');
});
