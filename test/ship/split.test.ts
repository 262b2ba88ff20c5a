import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReadAt } from '../../source/features/ship/files/identity.ts';
import { cutLines, gzipCutter, isGzipFile } from '../../source/features/ship/files/split.ts';

const reader =
  (content: Buffer): ReadAt =>
  async (buffer, position) =>
    content.copy(buffer, 0, position);

async function cutAll(content: Buffer, maxBytes: number): Promise<Buffer[]> {
  const parts: Buffer[] = [];
  let at = 0;
  do {
    const cut = await cutLines(reader(content), at, { end: content.length, maxBytes, wholeBytes: maxBytes });
    parts.push(content.subarray(at, at + (cut?.bytes ?? 0)));
    at += cut?.bytes ?? 0;
  } while (at < content.length);
  return parts;
}

describe('lines', () => {
  test('behind the last line end that fits', async () => {
    const parts = await cutAll(Buffer.from('one\ntwo\r\nthree\nfour'), 10);
    expect(parts.map(String)).toEqual(['one\ntwo\r\n', 'three\nfour']);
  });

  test('a line longer than a part goes through, not split within a character', async () => {
    const parts = await cutAll(Buffer.from('aäöüäöü\nb'), 8);
    expect(parts.map(String)).toEqual(['aäöü', 'äöü\nb']);
  });

  test('an empty file has one empty part', async () => {
    expect(await cutAll(Buffer.alloc(0), 10)).toEqual([Buffer.alloc(0)]);
  });

  test('a growing file keeps the beginning of a line for later', async () => {
    const read = reader(Buffer.from('one\ntwo\nthr'));
    const options = { end: 11, maxBytes: 100, wholeBytes: 0, isGrowing: true };
    expect(await cutLines(read, 0, options)).toEqual({ bytes: 8, kind: 'lines' });
    expect(await cutLines(read, 8, options)).toBeUndefined();
    expect(await cutLines(read, 8, { ...options, maxBytes: 3 })).toEqual({
      bytes: 3,
      kind: 'lines',
      isOpen: true,
    });
  });

  test('nothing is lost, nothing is too large, and lines stay whole when they can', async () => {
    const chunk = fc.oneof(
      fc.constant(Buffer.from('\n')),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc.string({ maxLength: 20 }).map((text) => Buffer.from(text)),
    );
    const file = fc.array(chunk, { maxLength: 30 }).map((chunks) => Buffer.concat(chunks));
    await fc.assert(
      fc.asyncProperty(file, fc.integer({ min: 1, max: 100 }), async (content, maxBytes) => {
        const parts = await cutAll(content, maxBytes);
        expect(Buffer.concat(parts)).toEqual(content);
        for (const [index, part] of parts.entries()) {
          expect(part.length).toBeLessThanOrEqual(maxBytes);
          const isLast = index === parts.length - 1;
          if (!isLast) expect(part.includes('\n')).toBe(part.at(-1) === 0x0a);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('gzip', () => {
  const members = Array.from({ length: 6 }, (_, index) =>
    gzipSync(Buffer.from(`${index}\n`.repeat(3000 * (index + 1)))),
  );

  async function cutGzip(content: Buffer, maxBytes: number, wholeBytes = maxBytes) {
    const cut = gzipCutter(reader(content), { end: content.length, maxBytes, wholeBytes, isInPieces: false });
    const parts: { kind: string; content: Buffer }[] = [];
    for (let at = 0; at < content.length; ) {
      const { bytes, kind } = await cut(at);
      parts.push({ kind, content: content.subarray(at, at + bytes) });
      at += bytes;
    }
    return parts;
  }

  test('between members, as many as fit', async () => {
    const maxBytes = (members[0]?.length ?? 0) + (members[1]?.length ?? 0) + 1;
    const parts = await cutGzip(Buffer.concat(members), maxBytes);
    expect(Buffer.concat(parts.map(({ content }) => content))).toEqual(Buffer.concat(members));
    expect(parts.every(({ kind }) => kind === 'gzip')).toBe(true);
    expect(parts[0]?.content).toEqual(Buffer.concat(members.slice(0, 2)));
  });

  test('a member larger than a part is shipped as one, up to a limit', async () => {
    const large = gzipSync(Buffer.from(Array.from({ length: 50_000 }, () => Math.random()).join('\n')));
    const content = Buffer.concat([members[0] ?? large, large, members[1] ?? large]);
    const kinds = (parts: { kind: string }[]) => parts.map(({ kind }) => kind);
    expect(kinds(await cutGzip(content, 1000, large.length))).toEqual(['gzip', 'gzip', 'gzip']);
    const pieces = await cutGzip(content, 1000, 2000);
    expect(new Set(kinds(pieces))).toEqual(new Set(['gzip', 'piece']));
    expect(Buffer.concat(pieces.map((part) => part.content))).toEqual(content);
  });

  test.each([
    ['cut short', (whole: Buffer) => whole.subarray(0, -20)],
    ['followed by something else', (whole: Buffer) => Buffer.concat([whole, Buffer.from('no gzip at all')])],
    [
      'damaged',
      (whole: Buffer) => Buffer.concat([whole.subarray(0, 40), Buffer.alloc(8, 0xff), whole.subarray(48)]),
    ],
  ])('%s: all of it is shipped', async (_, damage) => {
    const content = damage(Buffer.concat(members));
    const parts = await cutGzip(content, 100, 150);
    expect(Buffer.concat(parts.map((part) => part.content))).toEqual(content);
  });

  test('is what is called so and begins so', async () => {
    const gzip = members[0] ?? Buffer.alloc(0);
    expect(await isGzipFile(reader(gzip), 'a.gz')).toBe(true);
    expect(await isGzipFile(reader(gzip), 'a.log')).toBe(false);
    expect(await isGzipFile(reader(Buffer.from('plain text, not short')), 'a.gz')).toBe(false);
    expect(await isGzipFile(reader(Buffer.alloc(0)), 'a.gz')).toBe(false);
  });
});
