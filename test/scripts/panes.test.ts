import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import process from 'node:process';
import { expect, test } from 'vitest';
import { features } from '../../source/features/index.ts';

function panes(...words: string[]) {
  return spawnSync(process.execPath, ['scripts/panes.ts', ...words], { encoding: 'utf8' });
}

test('every feature has tests of its pane, which the script takes its states from', () => {
  const nouns = globSync('test/*/*pane.test.tsx').map((file) => file.split('/')[1]);
  expect(nouns).toEqual(expect.arrayContaining(Object.keys(features)));
});

test('paints a pane in the states of its tests, at the size that was asked for', () => {
  const { stdout, status } = panes('shards', '72x9');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^before data\n┏━ 1 shards .* waiting ━┓$/m);
  expect(stdout).toMatch(/^stale\n┏━ 1 shards .* stale 12s, retry in 4s ━┓$/m);
  const frames = stdout.split('\n\n').filter((text) => text.includes('┏'));
  for (const frame of frames) {
    const lines = frame.split('\n').filter((line) => /^[┏┃┗]/.test(line));
    expect(lines).toHaveLength(9);
    for (const line of lines) expect(line).toHaveLength(72);
  }
});

test.each([
  [['nosuch'], 'Give one of buffer, chat'],
  [['lock', 'big'], 'Expected a size such as 80x24'],
])('%j is refused', (words, sentence) => {
  const { stderr, status } = panes(...words);
  expect(status).toBe(2);
  expect(stderr).toContain(sentence);
});
