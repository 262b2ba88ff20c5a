import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openHistory } from '../../../source/console/session/history.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-history-'));
afterAll(() => rmSync(directory, { recursive: true }));
const fresh = (name: string): string => path.join(directory, name, 'quarterdeck');

test('lines are kept over a restart, by server, in a file that is ours alone', () => {
  const state = fresh('kept');
  const here = openHistory(state, 'here:6379');
  for (const line of ['topic status', 'topic status', 'Lock list']) expect(here.add(line)).toBeUndefined();
  openHistory(state, 'there:6379').add('hits list');
  expect(openHistory(state, 'here:6379').lines()).toEqual(['topic status', 'Lock list']);
  expect(statSync(path.join(state, 'history')).mode & 0o777).toBe(0o600);
});

test.each([
  'lock extend a 7f3a --ttl 10s',
  'topic drop orders audit --yes',
  'x --password hunter2',
  'buffer flush a --to postgres://me:hunter2@db/x',
  ' chat send ops hush',
])('%j is not kept', (line) => {
  const state = fresh('secret');
  const history = openHistory(state, 's');
  history.add(line);
  history.add('hits list');
  expect(history.lines()).toEqual(['hits list']);
  expect(readFileSync(path.join(state, 'history'), 'utf8')).not.toContain(line.trim());
});

test('what is cut off or no entry hides no other, and a long file is made short', () => {
  const state = fresh('long');
  openHistory(state, 's').add('first');
  const file = path.join(state, 'history');
  const entry = (line: string): string => `${JSON.stringify({ at: 1, server: 's', line })}\n`;
  appendFileSync(
    file,
    `{"at":1,"ser\n[]\n${Array.from({ length: 2100 }, (_, n) => entry(`l${n}`)).join('')}`,
  );
  const history = openHistory(state, 's');
  expect(history.lines()).toHaveLength(1000);
  history.add('last');
  expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(1001);
  expect(openHistory(state, 's').lines().at(-1)).toBe('last');
});

test('where it cannot be kept that is said once, and lines are remembered until the end', () => {
  const file = path.join(directory, 'a-file');
  writeFileSync(file, '');
  const history = openHistory(path.join(file, 'quarterdeck'), 's');
  expect(history.add('hits list')).toMatch(/remembered until the console ends, no longer/);
  expect(history.add('log list')).toBeUndefined();
  expect(history.lines()).toEqual(['hits list', 'log list']);
});
