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

test('a line of a hundred megabytes costs no more than its length', async () => {
  const stream = new PassThrough();
  const found = collect(linesOf(stream, never));
  const piece = Buffer.alloc(16 * 1024, 'a');
  const pieces = 6400;
  for (let sent = 0; sent < pieces; sent += 1) {
    if (!stream.write(piece)) await once(stream, 'drain');
  }
  stream.end('\nnext\n');
  const lines = await found;
  expect(lines.map(({ length }) => length)).toEqual([pieces * piece.length, 4]);
}, 5000);

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
