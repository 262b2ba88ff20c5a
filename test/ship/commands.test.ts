import { once } from 'node:events';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { status } from '../../source/features/ship/status.ts';
import { errorOf, finished, run, start } from '../helpers/cli.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { logLines, readTree, Scratch } from './harness.ts';

let server: RedisServer;
let redis: ReturnType<RedisServer['client']>;
let scratch: Scratch;
beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
});
afterAll(() => server.close());
beforeEach(async () => {
  await redis.flushall();
  scratch = new Scratch();
});
afterEach(() => scratch[Symbol.dispose]());

const shipped = (...words: string[]) => start(['ship', ...words], { url: server.url, stdin: '' });
const ran = (...words: string[]) => run(['ship', ...words], { url: server.url });
const at = (...steps: string[]) => path.join(scratch.path, ...steps);
const waits = () =>
  vi.waitFor(async () => expect((await status(redis, 'logs:'))?.state).toBe('waiting'), 10_000);

const terms = ['--channel', 'logs:', '--budget', '1MiB', '--part', '64KiB'];

test('status without a channel, of one that never was, and with a key of somebody else', async () => {
  expect(await ran('status')).toEqual({ code: 0, stdout: 'No channels\n', stderr: '' });
  expect((await ran('status', 'logs:')).stdout).toBe('Nothing was ever shipped to logs:\n');
  const source = scratch.files('in', {});
  expect((await ran('run', source, ...terms, '--consumers', '1')).code).toBe(0);
  await redis.zadd('quarterdeck:ship', 1, 'odd:');
  await redis.set('ship:odd:', 'mine');
  const { code, stdout, stderr } = await ran('status', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject([{ channel: 'logs:' }]);
  expect(stderr).toContain('Key `ship:odd:` does not hold a hash');
  const snapshot = await run(['snapshot', '--json'], { url: server.url });
  expect(JSON.parse(snapshot.stdout)).toMatchObject({ ship: [{ channel: 'logs:' }] });
});

test('a reader of what --exec prints goes away early: it ends quietly, and the part stays', async () => {
  const source = scratch.files('in', { 'a.log': 200_000 });
  const running = shipped('run', source, ...terms, '--consumers', '1');
  const consuming = shipped('consume', 'logs:', '--as', '0', '--exec', 'cat');
  let stderr = '';
  consuming.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  await once(consuming.stdout ?? consuming, 'data');
  consuming.stdout?.destroy();
  expect(await once(consuming, 'exit')).toEqual([0, null]);
  expect(stderr).toBe('');
  expect((await status(redis, 'logs:'))?.consumers[0]?.lag).toBeGreaterThan(0);
  running.kill();
  await once(running, 'exit');
});

test('Redis stopped for longer than --timeout ends shippers and consumers with 3', async () => {
  const own = await startRedis();
  const source = scratch.files('in', { 'a.log': 1000 });
  const begin = (...words: string[]) =>
    start(['ship', ...words, '--timeout', '1s', '--json'], { url: own.url, stdin: '' });
  const running = [
    begin('run', source, ...terms, '--consumers', '2', '--keep-open'),
    begin('consume', 'logs:', '--as', '0', '--out', at('copy')),
  ];
  const ended = running.map(finished);
  const client = own.client();
  await vi.waitFor(async () => {
    expect((await status(client, 'logs:'))?.consumers).toMatchObject([{ done: 1 }, { done: 0 }]);
  }, 10_000);
  await own.close();
  for (const result of await Promise.all(ended)) {
    expect(result.code).toBe(3);
    expect(errorOf(result).code).toBe('REDIS_LOST');
  }
});

test('run, three ways to consume, status, as JSON', async () => {
  const source = scratch.files('in', {
    'a.log': 200_000,
    'b c.log': 'one\r\ntwo',
    'raw.bin': Buffer.from([0xff, 10]),
  });
  const running = finished(shipped('run', source, ...terms, '--consumers', '3', '--json'));
  const [copied, streamed, executed, result] = await Promise.all([
    ran('consume', 'logs:', '--as', '0', '--out', at('copy'), '--json'),
    ran('consume', 'logs:', '--as', '1', '--json'),
    ran('consume', 'logs:', '--as', '2', '--exec', `cat > '${at('exec')}'-"$QUARTERDECK_PART"`, '--json'),
    running,
  ]);
  for (const { code, stderr } of [copied, streamed, executed, result])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(result.stdout)).toEqual({
    channel: 'logs:',
    files: 3,
    bytes: 200_010,
    parts: 6,
    budgetBytes: 1024 * 1024,
    peakBytes: expect.any(Number),
    waitedMs: expect.any(Number),
    durationMs: expect.any(Number),
  });
  expect(readTree(at('copy'))).toEqual(readTree(source));
  expect(JSON.parse(copied.stdout)).toEqual({
    channel: 'logs:',
    consumer: '0',
    files: 3,
    bytes: 200_010,
    parts: 6,
  });
  const lines = streamed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { file: string; line: string; base64?: string });
  expect(
    lines
      .filter(({ file }) => file === 'a.log')
      .map(({ line }) => line)
      .join('\n'),
  ).toBe(logLines(200_000).toString());
  expect(lines.filter(({ file }) => file === 'b c.log')).toEqual([
    { file: 'b c.log', line: 'one\r' },
    { file: 'b c.log', line: 'two' },
  ]);
  expect(lines.at(-1)).toEqual({ file: 'raw.bin', line: '\uFFFD', base64: '/w==' });
  expect(readFileSync(at('exec-b c.log'), 'utf8')).toBe('one\r\ntwo');
  const told = JSON.parse((await ran('status', 'logs:', '--json')).stdout);
  expect(told).toEqual([
    expect.objectContaining({
      channel: 'logs:',
      budgetBytes: 1024 * 1024,
      usedBytes: 0,
      state: 'done',
      files: expect.arrayContaining([
        { name: 'a.log', bytes: 200_000, shippedBytes: 200_000, done: 3, want: 3, state: 'freed' },
      ]),
      consumers: ['0', '1', '2'].map((id) =>
        expect.objectContaining({ id, done: 6, lag: 0, seenMs: expect.any(Number) }),
      ),
    }),
  ]);
  expect(JSON.parse((await ran('status', 'nothing:', '--json')).stdout)).toEqual([]);
});

test('for people', async () => {
  const source = scratch.files('in', { 'a.log': 'one\ntwo', 'b.log': 'three\n' });
  const running = finished(shipped('run', source, ...terms, '--consumers', '1'));
  const consumed = await ran('consume', 'logs:', '--as', '0');
  expect(consumed).toEqual({ code: 0, stdout: 'one\ntwo\nthree\n', stderr: '' });
  expect((await running).stdout).toMatch(
    /^2 files, 13B in 2 parts through logs: in \d\.\ds, at most \S+ of 1\.0M used\n$/,
  );
  const { stdout } = await ran('status');
  expect(stdout).toMatch(
    /^logs: {2}done\n {2}budget +0B of 1\.0M used, at most \S+\n {2}shipped +2 of 2 files, 13B of 13B\n/,
  );
  expect(stdout).toContain('  freed         7B of    7B  1/1  a.log\n');
});

test('lines counted on the way, whatever else is done with them', async () => {
  const source = scratch.files('in', { 'a.log': 'one 1\none 2\ntwo', 'b.log.gz': gzipSync('one 3\r\n') });
  const running = finished(shipped('run', source, ...terms, '--consumers', '3'));
  const count = ['--common', 'web', '--hits', 'lines'];
  const [copied, printed, executed] = await Promise.all([
    ran('consume', 'logs:', '--as', '0', '--out', at('copy'), ...count),
    ran('consume', 'logs:', '--as', '1', ...count),
    ran('consume', 'logs:', '--as', '2', '--exec', 'wc -l', ...count),
  ]);
  expect([copied.code, printed.code, executed.code, (await running).code]).toEqual([0, 0, 0, 0]);
  expect(readTree(at('copy'))).toEqual(readTree(source));
  expect(printed.stdout).toBe('one 1\none 2\ntwo\none 3\r\n');
  expect(executed.stdout).toMatch(/^2\n1\n/);
  const common = await run(['log', 'common', 'web', '--json'], { url: server.url });
  const { entries } = JSON.parse(common.stdout) as { entries: { message: string; count: number }[] };
  expect(entries.map(({ message, count }) => [message, count])).toEqual([
    ['one <*>', 9],
    ['two', 3],
  ]);
  const sum = await run(['hits', 'sum', 'lines', '--since', '1h', '--json'], { url: server.url });
  expect(JSON.parse(sum.stdout)).toMatchObject({ sum: 12 });
});

describe('bad input', () => {
  const cases: [string, (source: string) => string[], number, string][] = [
    [
      'a path that does not exist',
      () => ['run', '/nonexistent', ...terms, '--consumers', '1'],
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
      (source) => ['run', source, '--channel', 'logs:', '--consumers', '1', '--budget', '4MiB'],
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

  test('a name that leads out of the directory', async () => {
    await redis.zadd('chat:evil:', 0, '0');
    await redis.zadd('msgs:evil:', 1, '{"id":1,"ts":1,"sender":"source","message":"../../outside"}');
    await redis.mset('evil:../../outside', 'x', 'ids:evil:', '1');
    const result = await ran('consume', 'evil:', '--as', '0', '--out', at('copy'), '--json');
    expect(result.code).toBe(4);
    expect(errorOf(result).code).toBe('SHIP_UNSAFE_NAME');
    expect(readTree(scratch.path)).toEqual({});
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

  test('damaged gzip is told and ends with 4', async () => {
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
});

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s', (signal, code) => {
  test('the shipper gives back what it had not announced', async () => {
    const source = scratch.files('in', { 'a.log': 3_000_000 });
    const child = shipped('run', source, ...terms, '--consumers', '1', '--json');
    const ending = finished(child);
    await waits();
    child.kill(signal);
    expect(await ending).toMatchObject({ code, stderr: '' });
    expect(await redis.keys('ship-stage:*')).toEqual([]);
    expect(await status(redis, 'logs:')).toMatchObject({ state: 'waiting', consumers: [{ id: '0' }] });
  });

  test('the consumer keeps its place for the next one', async () => {
    const source = scratch.files('in', { 'a.log': 3_000_000 });
    const running = finished(shipped('run', source, ...terms, '--consumers', '1'));
    const child = shipped('consume', 'logs:', '--as', '0', '--exec', 'sleep 0.05; cat > /dev/null');
    const ending = finished(child);
    await vi.waitFor(
      async () => expect((await status(redis, 'logs:'))?.consumers[0]?.done).toBeGreaterThan(2),
      10_000,
    );
    child.kill(signal);
    expect((await ending).code).toBe(code);
    const [result] = await Promise.all([ran('consume', 'logs:', '--as', '0', '--out', at('copy')), running]);
    expect(result.code).toBe(4);
    expect(result.stderr).toMatch(/a\.log: \d+ bytes before byte \d+ were shipped before this consumer came/);
  });
});

test('a reader that closes stdout ends it quietly, and loses nothing', async () => {
  const source = scratch.files('in', { 'a.log': 3_000_000 });
  const running = finished(shipped('run', source, ...terms, '--consumers', '1'));
  const child = shipped('consume', 'logs:', '--as', '0');
  await once(child.stdout ?? child, 'data');
  child.stdout?.destroy();
  expect(await finished(child)).toMatchObject({ code: 0, stderr: '' });
  const rest = await ran('consume', 'logs:', '--as', '0');
  expect(logLines(3_000_000).toString().endsWith(rest.stdout.slice(0, -1))).toBe(true);
  expect((await running).code).toBe(0);
});

test('a reader that stands still does not keep a consumer from ending', async () => {
  writeFileSync(at('big.log'), logLines(4_000_000));
  const shipping = shipped('run', at('big.log'), '--channel', 'logs:', '--consumers', '1');
  const consuming = shipped('consume', 'logs:', '--as', '0');
  // Never read: the pipe fills up.
  await once(consuming.stdout ?? consuming, 'readable');
  consuming.kill('SIGTERM');
  expect(await once(consuming, 'exit')).toEqual([143, null]);
  shipping.kill('SIGTERM');
  await once(shipping, 'exit');
});
