import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { gunzip, gzipMemberEnd } from '../../source/features/ship/files/gzip.ts';

async function* blocksOf(content: Buffer, bytes: number) {
  for (let at = 0; at < content.length; at += bytes) yield content.subarray(at, at + bytes);
}

async function decompress(content: Buffer, bytes = 1000) {
  const damage: string[] = [];
  const chunks: Buffer[] = [];
  for await (const chunk of gunzip(blocksOf(content, bytes), (problem) => damage.push(problem)))
    chunks.push(chunk);
  return { text: Buffer.concat(chunks).toString(), damage };
}

const text = (name: string) => Array.from({ length: 5000 }, (_, index) => `${name} ${index}\n`).join('');
const two = Buffer.concat([gzipSync(text('a')), gzipSync(text('b'))]);

describe('gunzip', () => {
  test.each([1, 7, 1000, 1_000_000])('all members, in blocks of %i', async (bytes) => {
    expect(await decompress(two, bytes)).toEqual({ text: text('a') + text('b'), damage: [] });
  });

  test('zeros behind the last member are padding', async () => {
    const padded = Buffer.concat([two, Buffer.alloc(3000)]);
    expect(await decompress(padded)).toEqual({ text: text('a') + text('b'), damage: [] });
  });

  test('what follows that is no gzip is reported', async () => {
    const { text: found, damage } = await decompress(Buffer.concat([two, Buffer.from('something else')]));
    expect(found).toBe(text('a') + text('b'));
    expect(damage).toEqual(['14 bytes behind the last gzip member are no gzip']);
  });

  test('cut short: what there is, and that it is not all', async () => {
    const { text: found, damage } = await decompress(two.subarray(0, -1000));
    expect(found.startsWith(`${text('a')}b 0\n`)).toBe(true);
    expect(damage).toEqual(['the gzip data is cut short']);
  });

  test('a wrong checksum', async () => {
    const wrong = Buffer.from(gzipSync('hello'));
    wrong[wrong.length - 6] = (wrong.at(-6) ?? 0) ^ 0xff;
    expect((await decompress(wrong)).damage).toEqual(['the gzip data does not match its checksum']);
  });

  test('no gzip at all, and nothing at all', async () => {
    expect((await decompress(Buffer.from('hello'))).damage).toEqual(['it is no gzip']);
    expect(await decompress(Buffer.alloc(0))).toEqual({ text: '', damage: [] });
  });

  test('a failure of the source is not damage', async () => {
    async function* broken() {
      yield two.subarray(0, 100);
      throw new Error('connection lost');
    }
    const reading = async () => {
      for await (const _ of gunzip(broken(), () => {}));
    };
    await expect(reading()).rejects.toThrow('connection lost');
  });
});

describe('gzipMemberEnd', () => {
  const first = gzipSync(text('a'));
  const read = async (buffer: Buffer, position: number) => two.copy(buffer, 0, position);

  test('tells where each member ends', async () => {
    expect(await gzipMemberEnd(read, 0, two.length, 1e6)).toBe(first.length);
    expect(await gzipMemberEnd(read, first.length, two.length, 1e6)).toBe(two.length);
  });

  test('undefined where none begins, ends, or is short enough', async () => {
    expect(await gzipMemberEnd(read, 1, two.length, 1e6)).toBeUndefined();
    expect(await gzipMemberEnd(read, 0, first.length - 3, 1e6)).toBeUndefined();
    expect(await gzipMemberEnd(read, 0, two.length, 100)).toBeUndefined();
  });

  test('headers with everything a header may have', async () => {
    const body = first.subarray(10);
    const header = Buffer.from([0x1f, 0x8b, 8, 4 + 8 + 16 + 2, 0, 0, 0, 0, 0, 3, 5, 0, 1, 2, 3, 4, 5]);
    const full = Buffer.concat([header, Buffer.from('name\0comment\0'), Buffer.from([9, 9]), body]);
    const readFull = async (buffer: Buffer, position: number) => full.copy(buffer, 0, position);
    expect(await gzipMemberEnd(readFull, 0, full.length, 1e6)).toBe(full.length);
  });
});
