import { symlinkSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { errorOf, finished, run, start } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { readTree, Scratch } from './harness.ts';

/** What cannot be shipped or consumed: a sentence, a code and an exit code for each. */

let scratch: Scratch;
const server = await redisForThisFile();
const redis = server.client();
beforeEach(async () => {
  await redis.flushall();
  scratch = new Scratch();
});
afterEach(() => scratch[Symbol.dispose]());

const shipped = (...words: string[]) => start(['ship', ...words], { url: server.url, stdin: '' });
const ran = (...words: string[]) => run(['ship', ...words], { url: server.url });
const at = (...steps: string[]) => path.join(scratch.path, ...steps);

const terms = ['--channel', 'logs:', '--budget', '1MiB', '--part', '64KiB'];

const cases: [string, (source: string) => string[], number, string][] = [
  [
    'a path that does not exist',
    () => ['run', '/dev/null/nowhere', ...terms, '--consumers', '1'],
    4,
    'SHIP_PATH_MISSING',
  ],
  [
    'a path that cannot be read',
    (source) => ['run', `${source}/loop`, ...terms, '--consumers', '1'],
    4,
    'SHIP_PATH_UNREADABLE',
  ],
  [
    'a budget smaller than one part',
    (source) => [
      'run',
      source,
      '--channel',
      'logs:',
      '--consumers',
      '1',
      '--budget',
      '1MiB',
      '--part',
      '4MiB',
    ],
    2,
    'SHIP_BUDGET_TOO_SMALL',
  ],
  ['no consumers', (source) => ['run', source, ...terms, '--consumers', '0'], 2, 'USAGE'],
  [
    'a part of nothing',
    (source) => ['run', source, '--channel', 'logs:', '--consumers', '1', '--part', '0'],
    2,
    'USAGE',
  ],
  ['no channel', (source) => ['run', source, '--consumers', '1'], 2, 'USAGE'],
  ['no path', () => ['run', ...terms, '--consumers', '1'], 2, 'USAGE'],
  ['two destinations', () => ['consume', 'logs:', '--as', '0', '--out', 'x', '--exec', 'y'], 2, 'USAGE'],
  ['forgetting where nothing is shipped', () => ['forget', 'logs:', '0'], 4, 'SHIP_UNKNOWN_CHANNEL'],
];
test.each(cases)('%s', async (_, words, code, name) => {
  const source = scratch.files('in', { 'a.log': 'a\n' });
  symlinkSync('loop', `${source}/loop`);
  const result = await ran(...words(source), '--json');
  expect(result).toMatchObject({ code, stdout: '' });
  const error = errorOf(result);
  expect(error.code).toBe(name);
  expect(error.hint).toBeTruthy();
});

test('keys of the wrong type', async () => {
  const source = scratch.files('in', { 'a.log': 'a\n' });
  await redis.set('ship:logs:', 'mine');
  for (const words of [
    ['run', source, ...terms, '--consumers', '1'],
    ['consume', 'logs:', '--as', '0'],
    ['status', 'logs:'],
  ]) {
    const result = await ran(...words, '--json');
    expect(result, words[0]).toMatchObject({ code: 4, stdout: '' });
    expect(errorOf(result)).toMatchObject({
      code: 'WRONG_TYPE',
      message: expect.stringContaining('`ship:logs:`'),
    });
  }
});

test('files that exist but cannot be read: the others arrive, and it ends with 4', async () => {
  const source = scratch.files('in', { 'a.log': 'a\n' });
  symlinkSync('loop', `${source}/loop`);
  const running = finished(shipped('run', source, ...terms, '--consumers', '1', '--json'));
  const consumed = await ran('consume', 'logs:', '--as', '0', '--out', at('copy'));
  const result = await running;
  expect(consumed.code).toBe(0);
  expect(readTree(at('copy'))['a.log']).toBe('a\n');
  expect(result.code).toBe(4);
  expect(JSON.parse(result.stdout)).toMatchObject({ files: 1, bytes: 2 });
  expect(errorOf(result)).toMatchObject({
    code: 'SHIP_FILES_FAILED',
    message: expect.stringContaining('loop: ELOOP'),
  });
});

test('a name that leads out of the directory is set aside, and the rest arrives', async () => {
  await redis.zadd('chat:evil:', 0, '0');
  for (const [index, name] of ['../../outside', 'inside.log', ':done'].entries()) {
    const message = { id: index + 1, ts: 1, sender: 'source', message: name };
    await redis.zadd('msgs:evil:', index + 1, JSON.stringify(message));
  }
  await redis.mset('evil:../../outside', 'x', 'evil:inside.log', 'y', 'ids:evil:', '3');
  const result = await ran('consume', 'evil:', '--as', '0', '--out', at('copy'), '--json');
  expect(result.code).toBe(4);
  expect(errorOf(result)).toMatchObject({
    code: 'SHIP_PARTS_ASIDE',
    message: expect.stringContaining('../../outside'),
  });
  expect(readTree(scratch.path)).toEqual({ 'copy/inside.log': 'y' });
  expect(await redis.mget('evil:../../outside', 'evil:../../outside:done')).toEqual(['x', null]);
});

test('a command that fails: the part stays for the next start', async () => {
  const source = scratch.files('in', { 'a.log': 'a\n' });
  const running = finished(shipped('run', source, ...terms, '--consumers', '1'));
  const failed = await ran('consume', 'logs:', '--as', '0', '--exec', 'exit 3', '--json');
  expect(failed.code).toBe(5);
  expect(errorOf(failed)).toMatchObject({
    code: 'SHIP_EXEC_FAILED',
    message: '`exit 3` ended with exit code 3 on `a.log`',
  });
  expect((await ran('consume', 'logs:', '--as', '0', '--exec', 'cat')).stdout).toMatch(/^a\n/);
  expect((await running).code).toBe(0);
});

test('damaged gzip is reported and ends with 4', async () => {
  const source = scratch.files('in', {
    'a.gz': Buffer.from([0x1f, 0x8b, 8, 0, ...Buffer.from('0123456789abcdefgh')]),
    'b.log': 'b\n',
  });
  const running = finished(shipped('run', source, ...terms, '--consumers', '1'));
  const result = await ran('consume', 'logs:', '--as', '0');
  expect(result).toMatchObject({ code: 4, stdout: 'b\n' });
  expect(result.stderr).toContain('quarterdeck: a.gz: bad gzip data');
  expect(await running).toMatchObject({ code: 0 });
});
