import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Change,
  confine,
  isRefused,
  parseChange,
  payloadOf,
} from '../../source/features/sync/change.ts';
import { plan } from '../../source/features/sync/copy/plan.ts';
import { Pending, wantsFullScan } from '../../source/features/sync/pending.ts';

const root = mkdtempSync(path.join(tmpdir(), 'quarterdeck-sync-'));
const base = path.join(root, 'base');
beforeAll(() => {
  mkdirSync(path.join(base, 'a', 'b'), { recursive: true });
  writeFileSync(path.join(base, 'a', 'file'), '12345');
  writeFileSync(path.join(base, 'a', 'b', '-deep\nname'), '1');
  mkdirSync(path.join(root, 'outside'));
  writeFileSync(path.join(root, 'outside', 'secret'), 'x');
  symlinkSync(path.join(root, 'outside'), path.join(base, 'leak'));
  symlinkSync('file', path.join(base, 'a', 'inner'));
});
afterAll(() => rmSync(root, { recursive: true }));

test.each([
  ['a/file', 'a/file'],
  ['./a//file', 'a/file'],
  ['a/', 'a'],
  ['-x', '-x'],
  ['--rsh=x', '--rsh=x'],
  [`${base}/a/file`, 'a/file'],
  [base, ''],
  ['.', ''],
])('`%s` is `%s` below the base', (given, expected) => {
  expect(confine(given, base)).toEqual({ path: expected });
});

test.each(['../x', 'a/../../x', '../../etc/passwd', '/etc/passwd', `${base}-sibling/x`, 'a\0b'])(
  '`%s` is refused',
  (given) => {
    expect(confine(given, base)).toHaveProperty('reason');
  },
);

test('whatever is said, it stays below the base', () => {
  const part = fc.constantFrom('..', '.', 'a', 'b', '', '-x', ' ', '\n', '…', 'etc');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.boolean(), (parts, isAbsolute) => {
      const inside = confine((isAbsolute ? '/' : '') + parts.join('/'), base);
      if ('path' in inside) {
        const full = path.resolve(base, inside.path);
        expect(full === base || full.startsWith(`${base}/`)).toBe(true);
      }
    }),
  );
});

test('a payload is a bare path, or JSON with one', () => {
  expect(parseChange('img/a.png', base)).toEqual({ path: 'img/a.png', op: 'change' });
  expect(parseChange('{"path":"img/a.png","op":"delete"}', base)).toEqual({
    path: 'img/a.png',
    op: 'delete',
  });
  expect(parseChange('{"path":"a","op":"shout"}', base)).toEqual({ path: 'a', op: 'change' });
  expect(parseChange('{curly name}', base)).toEqual({ path: '{curly name}', op: 'change' });
  expect(isRefused(parseChange('{"op":"delete"}', base))).toBe(true);
  expect(isRefused(parseChange('{"path":"../x"}', base))).toBe(true);
  fc.assert(
    fc.property(fc.stringMatching(/^[^\0/.]{1,20}$/), (name) => {
      const change = { path: name, op: 'delete' } as const;
      expect(parseChange(payloadOf(change), base)).toEqual(change);
    }),
  );
});

test('a plan copies what is there, sweeps where something is gone, folds what a folder brings along', async () => {
  const changes = ['a/file', 'gone', 'a/gone/deep', 'a/b', 'a/b/-deep\nname'].map((name) => ({
    path: name,
    op: 'change' as const,
  }));
  expect(await plan(base, changes)).toEqual({
    changed: new Map([
      ['a/file', 'content'],
      ['a/b', 'content'],
    ]),
    swept: ['', 'a'],
    listed: [],
    refused: [],
  });
});

test('what the file system reported is compared quickly, what somebody named by its content, however often', async () => {
  const file = { path: 'a/file', op: 'change' } as const;
  const folder = { path: 'a', op: 'change' } as const;
  const comparisons = async (...changes: Change[]) => Object.fromEntries((await plan(base, changes)).changed);
  expect(await comparisons({ ...file, quick: true })).toEqual({ 'a/file': 'quick' });
  expect(await comparisons({ ...file, quick: true }, file)).toEqual({ 'a/file': 'content' });
  expect(await comparisons(folder, file)).toEqual({ a: 'content' });
  // The folder's quick comparison does not cover a file that was named.
  expect(await comparisons({ ...folder, quick: true }, file)).toEqual({ a: 'quick', 'a/file': 'content' });
  const pending = new Pending();
  pending.add(file);
  pending.add({ ...file, quick: true });
  expect(pending.take()).toEqual([file]);
});

test('a folder said to be gone and there again is compared whole; of one with nameless entries those are', async () => {
  const again = await plan(base, [{ path: 'a', op: 'delete' }]);
  expect(again).toMatchObject({ changed: new Map([['a', 'content']]), swept: ['a', 'a/b'] });
  const entries = await plan(base, [{ path: 'a', op: 'entries' }]);
  expect(entries).toMatchObject({ changed: new Map(), swept: [], listed: ['a'] });
});

test('two things said of one path become one that covers both', () => {
  const merged = (...ops: Change['op'][]): string | undefined => {
    const pending = new Pending();
    for (const op of ops) pending.add({ path: 'a', op });
    return pending.take()[0]?.op;
  };
  expect(merged('change', 'change')).toBe('change');
  expect(merged('delete', 'change')).toBe('rescan');
  expect(merged('rescan', 'change')).toBe('rescan');
  expect(merged('entries', 'change')).toBe('rescan');
  expect(merged('rescan', 'delete')).toBe('delete');
});

test('a symlink that leads out is refused, as a path and as a folder on the way', async () => {
  const said = ['leak', 'leak/secret', 'a/inner'].map((name) => ({ path: name, op: 'change' as const }));
  const { changed, refused } = await plan(base, said);
  expect([...changed.keys()]).toEqual(['a/inner']);
  expect(refused.map((each) => each.refused)).toEqual(['leak', 'leak/secret']);
});

test('pending holds each path once and knows what a folder above covers', () => {
  const pending = new Pending();
  pending.add({ path: 'a', op: 'change' });
  pending.add({ path: 'a', op: 'delete' });
  expect(pending.size).toBe(1);
  expect(pending.has('a/b/c')).toBe(true);
  expect(pending.has('b')).toBe(false);
  expect(pending.take()).toEqual([{ path: 'a', op: 'delete' }]);
  expect(pending.size).toBe(0);
  expect(wantsFullScan([{ path: '', op: 'rescan' }])).toBe(true);
  expect(wantsFullScan([{ path: 'a', op: 'rescan' }])).toBe(false);
});
