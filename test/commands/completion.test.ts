import { spawnSync } from 'node:child_process';
import { beforeAll, expect, test } from 'vitest';
import { run } from '../helpers/cli.ts';

let script = '';
beforeAll(async () => {
  ({ stdout: script } = await run(['completion', 'bash']));
});

/** What bash offers for the last of these words. */
function offered(...words: readonly string[]): readonly string[] {
  const line = ['quarterdeck', ...words].map((word) => `'${word}'`).join(' ');
  const asked = `${script}
COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _quarterdeck; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', asked], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\n').filter(Boolean);
}

test('bash completes nouns, verbs and flags', () => {
  expect(offered('lo')).toEqual(['log', 'lock']);
  expect(offered('lock', 're')).toEqual(['release']);
  expect(offered('ship', 'run', '--bu')).toEqual(['--budget']);
});

test('flags before the cursor, or before the noun, are no nouns and no verbs', () => {
  expect(offered('--json', 'lo')).toEqual(['log', 'lock']);
  expect(offered('--config', 'lock', 'li')).toEqual(['limit']);
  expect(offered('snapshot', '--pane', 'lock', '--si')).toEqual(['--size']);
  expect(offered('ship', 'run', '--follow', '/var/log', '--bu')).toEqual(['--budget']);
});

test('values that are one of a list are completed; others are left to the shell, which offers files', () => {
  expect(offered('completion', '')).toContain('zsh');
  expect(offered('limit', 'hit', 'key', '--algorithm', '')).toEqual(['fixed', 'sliding', 'gcra']);
  expect(offered('watch', '--pane', 's')).toEqual(['ship', 'sync', 'shards']);
  expect(offered('--router', 'crc32-')).toEqual(['crc32-signed']);
  expect(offered('ship', 'run', '--budget', '')).toEqual([]);
  expect(offered('--config', '')).toEqual([]);
});

test('a value behind `=` is completed as one behind a blank', () => {
  // Bash takes it for three words.
  expect(offered('watch', '--pane', '=', 's')).toEqual(['ship', 'sync', 'shards']);
  expect(offered('completion', '--router', '=', 'crc32-')).toEqual(['crc32-signed']);
  expect(offered('limit', 'hit', 'key', '--algorithm', '=')).toEqual(['fixed', 'sliding', 'gcra']);
  expect(offered('--config', '=', 'lock', 'li')).toEqual(['limit']);
});

test('behind `--` stands another command line, and none of our flags', () => {
  expect(offered('lock', 'run', 'job', '--', '--')).toEqual([]);
  expect(offered('lock', 'run', 'job', '--', 'make', '--t')).toEqual([]);
  expect(offered('lock', 'run', 'job', '--', 'ec')).toContain('echo');
  expect(offered('chat', 'send', 'ops', '--', '--j')).toEqual([]);
});
