import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { redisForThisFile } from '../helpers/redis-server.ts';

// CONTRIBUTING's way to add a feature, and to remove it, in a copy of the checkout.

const server = await redisForThisFile();
const home = mkdtempSync(path.join(tmpdir(), 'quarterdeck-new-feature-'));
const checkout = path.join(home, 'checkout');
afterAll(() => rmSync(home, { recursive: true, force: true }));

const node = process.execPath;
async function run(program: string, ...words: string[]): Promise<string> {
  const env = { PATH: process.env.PATH, HOME: home, USER: 'tester', REDIS_URL: server.url };
  const options = { cwd: checkout, env, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await promisify(execFile)(program, words, options).catch(
    ({ stdout, stderr }: { stdout: string; stderr: string }) => {
      throw new Error(`${words.join(' ')}: ${stdout}${stderr}`);
    },
  );
  return stdout;
}
const git = (...words: string[]): Promise<string> =>
  run(
    'git',
    '-c',
    'user.name=test',
    '-c',
    'user.email=test@example.org',
    '-c',
    'commit.gpgsign=false',
    ...words,
  );

test('a new feature is live everywhere with two lines outside, and its removal leaves nothing', async () => {
  cpSync('.', checkout, {
    recursive: true,
    filter: (file) => !/^(node_modules|dist|\.git|.*\.tgz)$/.test(file.split(path.sep)[0] ?? ''),
  });
  symlinkSync(path.resolve('node_modules'), path.join(checkout, 'node_modules'));
  await git('init', '--quiet');
  writeFileSync(path.join(checkout, '.git/info/exclude'), 'node_modules\n');
  await git('add', '--all');
  await git('commit', '--quiet', '--message', 'As it is');

  await run(node, 'scripts/new-feature.ts', 'note');
  const outside = (await git('diff', '--numstat')).trim().split('\n');
  expect(outside).toEqual(['1\t0\tsource/features/index.ts', '1\t0\tsource/index.ts']);

  // Filled: what it is for.
  const index = path.join(checkout, 'source/features/note/index.ts');
  writeFileSync(
    index,
    readFileSync(index, 'utf8').replace('TODO: one line for help', 'what the next shift must know'),
  );

  await run(node, 'node_modules/typescript/bin/tsc');
  await run('node_modules/.bin/biome', 'check', 'source/features/note', 'test/note', 'source/index.ts');
  const tests = ['test/note', 'test/features.test.tsx', 'test/architecture.test.ts'];
  await run(node, 'node_modules/vitest/vitest.mjs', 'run', '--maxWorkers=1', ...tests);
  await run(node, 'scripts/build.ts');
  const quarterdeck = (...words: string[]): Promise<string> => run(node, 'dist/cli.js', ...words);
  await quarterdeck('note', 'write', 'today', 'release at noon');
  expect(JSON.parse(await quarterdeck('note', 'list', '--json'))).toEqual([
    { name: 'today', text: 'release at noon' },
  ]);
  expect(await quarterdeck('snapshot', '--pane', 'note', '--size', '80x24')).toContain('release at noon');
  expect(await quarterdeck('--help')).toContain('what the next shift must know');
  expect(await quarterdeck('completion', 'bash')).toContain('note');
  expect(JSON.parse(await quarterdeck('snapshot', '--json'))).toHaveProperty('note');

  // CONTRIBUTING: "Removing one".
  await run('rm', '-r', 'source/features/note', 'test/note', 'docs/note.md');
  for (const file of ['source/features/index.ts', 'source/index.ts']) {
    const lines = readFileSync(path.join(checkout, file), 'utf8').split('\n');
    writeFileSync(path.join(checkout, file), lines.filter((line) => !line.includes('/note/')).join('\n'));
  }
  expect(await git('status', '--porcelain')).toBe('');
}, 300_000);
