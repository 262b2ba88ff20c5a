import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { placeOf } from '../../source/features/sync/copy/base.ts';
import { openEnds } from '../../source/features/sync/copy/ends.ts';

/** The folders that are held open while rsync runs: every way out closes them, and no text shows how they are held. */

let root: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'quarterdeck-ends-')));
});
afterEach(() => rmSync(root, { recursive: true }));

const marker = '.mounted';
const folder = (name: string): string => {
  const at = path.join(root, name);
  mkdirSync(at, { recursive: true });
  writeFileSync(path.join(at, 'one'), '1');
  return at;
};
async function endsOf(base: string, destination: string) {
  const knownBase = { marker: null, place: await placeOf(base) };
  const signal = new AbortController().signal;
  return () => openEnds({ base, destination, targetMarker: marker, knownBase, signal });
}
const heldOpen = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const at = readlinkSync(`/proc/self/fd/${descriptor}`);
      return at.startsWith(root) ? [at] : [];
    } catch {
      return [];
    }
  });

describe.runIf(process.platform === 'linux')('ends that are held open', () => {
  test.each(['plain', "it's $& and $$", 'proc/self/fd/4', 'proc/self/fd/3'])(
    'what rsync says of them has the paths that were given, whatever their names: %s',
    async (name) => {
      const [base, target] = [folder(`base/${name}`), folder(`target/${name}`)];
      writeFileSync(path.join(target, marker), '');
      const { source, target: held, named, close } = await (await endsOf(base, target))();
      expect(heldOpen().sort()).toEqual([base, target].sort());
      expect(named(`cannot open "${source}x": Permission denied`)).toBe(
        `cannot open "${base}/x": Permission denied`,
      );
      expect(named(`mkstemp "${held}.x.abc" failed`)).toBe(`mkstemp "${target}/.x.abc" failed`);
      expect(named('"/proc/self/fd/30/x" /proc/self/fd/9/x')).toBe('"/proc/self/fd/30/x" /proc/self/fd/9/x');
      await close();
      expect(heldOpen()).toEqual([]);
    },
  );

  test.each([
    ['a target without its marker', () => rmSync(path.join(root, 'target', marker))],
    ['a target that is gone', () => rmSync(path.join(root, 'target'), { recursive: true })],
    ['a base that another folder took the place of', () => rmSync(path.join(root, 'base', 'one'))],
  ])('%s: refused, and nothing stays open', async (_, happens) => {
    const [base, target] = [folder('base'), folder('target')];
    writeFileSync(path.join(target, marker), '');
    const open = await endsOf(base, target);
    happens();
    await expect(open()).rejects.toMatchObject({ code: 'RSYNC_FAILED' });
    expect(heldOpen()).toEqual([]);
  });
});
