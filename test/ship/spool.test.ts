import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { OutputError } from '../../source/features/ship/channel/errors.ts';
import { openSpool } from '../../source/features/ship/consumer/spool.ts';

const root = mkdtempSync(path.join(tmpdir(), 'quarterdeck-spool-test-'));
const victim = path.join(root, 'victim');
const spool = path.join(root, 'spool');
const file = path.join(spool, 'piece');
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  rmSync(spool, { recursive: true, force: true });
  mkdirSync(spool);
  writeFileSync(victim, 'precious');
});

async function* block(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

test('pieces are collected across openings, in a file closed to others', async () => {
  const first = await openSpool(file);
  await first.put(block('one '), 0);
  await first.close();
  const second = await openSpool(file);
  expect(second.bytes).toBe(4);
  await second.put(block('two'), 4);
  const read = [];
  for await (const bytes of second.read()) read.push(bytes.toString());
  expect(read.join('')).toBe('one two');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await second.close();
  await second.remove();
  expect(readdirSync(spool)).toEqual([]);
});

test.each([
  ['a link', () => symlinkSync(victim, file), 'it is a link'],
  ['a link to nothing', () => symlinkSync(path.join(root, 'new'), file), 'it is a link'],
  ['a second name of a file', () => linkSync(victim, file), '2 names lead to it'],
  ['a folder', () => mkdirSync(file), 'EISDIR'],
])('%s is not written through', async (_what, plant, reason) => {
  plant();
  await expect(openSpool(file)).rejects.toThrow(OutputError);
  await expect(openSpool(file)).rejects.toThrow(reason);
  expect(readFileSync(victim, 'utf8')).toBe('precious');
  expect(readdirSync(root).toSorted()).toEqual(['spool', 'victim']);
});

test.runIf(process.getuid?.() === 0)("another user's file is not written to", async () => {
  writeFileSync(file, '');
  const { chownSync } = await import('node:fs');
  chownSync(file, 65_534, 65_534);
  await expect(openSpool(file)).rejects.toThrow('it belongs to user 65534, not to you (0)');
});
