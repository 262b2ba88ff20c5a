import { expect, test } from 'vitest';
import type { ReadableFile } from '../../source/features/ship/files/open-file.ts';
import type { Part } from '../../source/features/ship/shipper/pipeline.ts';
import { planFile, planGrowth } from '../../source/features/ship/shipper/plan.ts';

/** Which parts become of a file, and what is reported of them. */

const content = Buffer.from('one\ntwo\nthree\n');
const options = { partBytes: 24, wholeBytes: 24 };

const openFile: ReadableFile = {
  source: { name: 'a', path: Buffer.from('a'), bytes: 14, inode: '1:1', mtimeMs: 0, ctimeMs: 0 },
  read: async (buffer, position) => content.copy(buffer, 0, position),
  size: async () => content.length,
  close: async () => {},
  record: {
    name: 'a',
    generation: 'g',
    token: '',
    inode: '1:1',
    head: { bytes: 0, digest: '' },
    position: 0,
    shipped: 0,
    number: 0,
    bytes: content.length,
    state: 'open',
  },
  stopped: undefined,
  confirm: async ({ after }) => after,
};

async function outline(parts: AsyncIterable<Part>) {
  const found = [];
  for await (const { entry } of parts) {
    const { at, bytes, of, last } = entry;
    found.push({ at, bytes, of, last });
  }
  return found;
}

test('the parts of a file say how long all of it is', async () => {
  expect(await outline(planFile(openFile, options))).toEqual([
    { at: 0, bytes: 8, of: 14, last: false },
    { at: 8, bytes: 6, of: 14, last: true },
  ]);
});

test('nobody knows how long a file will be that grows', async () => {
  const { source, record, read } = openFile;
  const growth = { read, position: 0, end: content.length, isEnding: false };
  const parts = planGrowth(source, record, growth, options);
  expect(await outline(parts)).toEqual([
    { at: 0, bytes: 8, of: undefined, last: false },
    { at: 8, bytes: 6, of: undefined, last: false },
  ]);
});
