import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { cliReference } from '../../scripts/cli-reference.ts';
import { features } from '../../source/features/index.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

// What the documents promise: commands print what is printed there, links lead somewhere, generated pages are new.

const server = await redisForThisFile();
const home = mkdtempSync(path.join(tmpdir(), 'quarterdeck-docs-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
mkdirSync(path.join(home, 'bin'));
const program = path.join(home, 'bin/quarterdeck');
writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${path.resolve('dist/cli.js')}' "$@"\n`);
chmodSync(program, 0o755);

/** The commands of all console blocks between two headings, each with what is printed under it. */
function plays(text: string): readonly { readonly command: string; readonly printed: readonly string[] }[] {
  const blocks = [...text.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  return blocks.flatMap((block) =>
    block
      .trimEnd()
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [command = '', ...printed] = part.trimEnd().split('\n');
        return { command, printed };
      }),
  );
}

async function expectAsPrinted(text: string): Promise<void> {
  await server.client().flushall();
  const found = plays(text);
  expect(found.length).toBeGreaterThan(3);
  for (const { command, printed } of found) {
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', command], {
      cwd: home,
      timeout: 60_000,
      env: {
        PATH: `${path.join(home, 'bin')}:${path.dirname(process.execPath)}:${process.env.PATH}`,
        HOME: home,
        USER: 'tester',
        REDIS_URL: server.url,
      },
    }).catch((failure: { stdout: string; stderr: string }) => failure);
    const pattern = printed
      .map((line) =>
        line
          .split('…')
          .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
          .join('.*'),
      )
      .join('\n');
    expect(`${stdout}${stderr}`.trimEnd(), command).toMatch(new RegExp(`^${pattern}$`));
  }
}

test('the README prints what it says, from an empty server and an empty folder', async () => {
  const readme = readFileSync('README.md', 'utf8');
  await expectAsPrinted(readme.slice(readme.indexOf('## A tour'), readme.indexOf('## The console')));
}, 120_000);

test('the tutorial prints what it says', async () => {
  await expectAsPrinted(readFileSync('docs/tutorial.md', 'utf8'));
}, 180_000);

test('the README is short', () => {
  expect(readFileSync('README.md', 'utf8').split('\n').length).toBeLessThan(200);
});

test('the page of commands is what `npm run docs` writes', async () => {
  expect(await cliReference()).toBe(readFileSync('docs/cli.md', 'utf8'));
});

test('every feature has its page, and its keys are in the page of keys', () => {
  const keys = readFileSync('docs/keys.md', 'utf8');
  for (const noun of Object.keys(features)) {
    expect(existsSync(`docs/${noun}.md`), noun).toBe(true);
    expect(keys).toMatch(new RegExp(`^\\| ${noun} \\|`, 'm'));
  }
});

test.each(['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...globSync('docs/**/*.md')])(
  'every link in %s leads somewhere',
  (file) => {
    const text = readFileSync(file, 'utf8').replaceAll(/```[\s\S]*?```/g, '');
    const targets = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, target = '']) => target);
    const missing = targets.filter((target) => !existsSync(path.join(path.dirname(file), target)));
    expect(missing).toEqual([]);
  },
);

test('every test that the page about security names is there', () => {
  const named = [...readFileSync('docs/security.md', 'utf8').matchAll(/`(test\/[^`]+)`/g)].map(
    ([, file = '']) => file,
  );
  expect(named.length).toBeGreaterThan(8);
  expect(named.filter((file) => !existsSync(file))).toEqual([]);
});
