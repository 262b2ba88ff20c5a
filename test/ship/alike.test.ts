import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Handles } from '../../source/features/ship/files/handles.ts';
import { Listing } from '../../source/features/ship/files/listing.ts';
import { baseOf, rawOf } from '../../source/features/ship/files/raw-path.ts';
import { defaultWaits, Streams } from '../../source/features/ship/files/streams.ts';

/** How often files are read until each of so many new ones that begin alike is known as a log of its own. */
async function readsOfFirstLook(files: number): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-alike-'));
  // Of three lengths, so that some could be the beginning of others.
  for (let index = 0; index < files; index += 1)
    writeFileSync(path.join(folder, `${index}.log`), `first line of ${index}\n`);
  const one = await open(path.join(folder, '0.log'));
  const reads = vi.spyOn(Object.getPrototypeOf(one) as typeof one, 'read');
  await one.close();
  const listing = new Listing({
    recursive: false,
    accepts: () => true,
    onSkipped: () => {},
    onBlind: () => {},
  });
  const over = new AbortController();
  const streams = new Streams({
    handles: new Handles(),
    listing,
    nameOf: (at) => ({ name: baseOf(at) }),
    archive: undefined,
    generation: () => '1',
    onWhole: () => {},
    onReady: () => {},
    note: () => {},
    signal: over.signal,
    waits: defaultWaits,
  });
  onTestFinished(async () => {
    reads.mockRestore();
    listing.close();
    over.abort();
    await streams.close();
    rmSync(folder, { recursive: true });
  });
  await listing.add(rawOf(folder), { isRoot: true });
  await streams.look(await listing.sweep());
  expect(streams.byName.size).toBe(files);
  return reads.mock.calls.length;
}

test('new files that begin alike are told apart by few readings of each', async () => {
  expect(await readsOfFirstLook(300)).toBeLessThan(300 * 10);
});
