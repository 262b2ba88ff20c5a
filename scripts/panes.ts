import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';

// npm run panes -- NOUN [SIZE]: a pane as it looks in each state that its tests know, in a frame of SIZE (80x24). The
// tests of the pane run and hand over what they paint, so the states are the ones that are checked.

const [noun = '', size = '80x24'] = process.argv.slice(2);
const tests = globSync('test/*/*pane.test.tsx');
const own = tests.filter((file) => file.startsWith(`test/${noun}/`));
if (own.length === 0) {
  const nouns = tests.map((file) => file.split('/')[1]).toSorted();
  fail(`Give one of ${nouns.join(', ')}: npm run panes -- lock 100x30`);
}
if (!/^[1-9]\d{1,2}x[1-9]\d{0,2}$/.test(size)) fail(`Expected a size such as 80x24, got ${size}`);

const folder = mkdtempSync(path.join(tmpdir(), 'quarterdeck-panes-'));
const file = path.join(folder, 'frames');
try {
  const words = ['run', '--config', 'vitest.panes.config.ts', '--reporter=dot', ...own];
  const { status, stdout, stderr } = spawnSync('node_modules/.bin/vitest', words, {
    encoding: 'utf8',
    env: { ...process.env, PANES_FILE: file, PANES_SIZE: size },
  });
  const frames = framesIn();
  process.stdout.write(frames);
  if (status !== 0 || frames === '') {
    process.stderr.write(`${stdout}${stderr}`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function framesIn(): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function fail(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(2);
}
