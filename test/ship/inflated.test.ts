import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { ReadAt } from '../../source/features/ship/files/identity.ts';
import { Inflated } from '../../source/features/ship/files/inflated.ts';

const text = Array.from({ length: 5000 }, (_, index) => `line ${index}\n`).join('');

test.each([
  ['.gz', gzipSync(text)],
  ['.zst', zstdCompressSync(text)],
])('%s: a reading that failed once is made anew, not taken for the end', async (ending, compressed) => {
  const failing = new Error('moved');
  let failures = 1;
  const source: ReadAt = async (buffer, position) => {
    if (position > 0 && failures > 0) {
      failures -= 1;
      throw failing;
    }
    return compressed.copy(buffer, 0, position, position + Math.min(buffer.length, 1000));
  };
  const inflated = new Inflated(source, ending);
  const all = async (): Promise<string> => {
    const content = Buffer.alloc(text.length);
    for (let at = 0; at < content.length; ) {
      const got = await inflated.read(content.subarray(at), at);
      if (got === 0) return content.subarray(0, at).toString();
      at += got;
    }
    return content.toString();
  };
  await expect(all()).rejects.toBe(failing);
  expect(await all()).toBe(text);
});
