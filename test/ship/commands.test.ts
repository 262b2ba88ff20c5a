import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { errorOf, finished, run, start } from '../helpers/cli.ts';
import { awayFromTheEnd, hourMs } from '../helpers/clock.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { logLines, readTree, Scratch } from './harness.ts';

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

test('status without a channel, of one that never was, and with a key of somebody else', async () => {
  expect(await ran('status')).toEqual({ code: 0, stdout: 'No channels\n', stderr: '' });
  const unknown = await ran('status', 'logs:', '--json');
  expect(unknown.code).toBe(4);
  expect(errorOf(unknown)).toMatchObject({ code: 'SHIP_UNKNOWN', message: 'There is no channel `logs:`' });
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
  const listed = JSON.parse((await ran('status', 'logs:', '--json')).stdout);
  expect(listed).toEqual([
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
});

test('for people', async () => {
  const source = scratch.files('in', { 'a.log': 'one\ntwo', 'b.log': 'three\n' });
  const running = finished(shipped('run', source, ...terms, '--consumers', '1'));
  const consumed = await ran('consume', 'logs:', '--as', '0');
  expect(consumed).toEqual({ code: 0, stdout: 'one\ntwo\nthree\n', stderr: '' });
  expect((await running).stdout).toMatch(
    /^2 files, 13B in 2 parts through logs: in [\d.]+s, at most \S+ of 1\.0M used\n$/,
  );
  const { stdout } = await ran('status');
  expect(stdout).toMatch(
    /^logs: {2}done\n {2}budget +0B of 1\.0M used, at most \S+\n {2}shipped +2 of 2 files, 13B of 13B\n/,
  );
  expect(stdout).toContain('  freed         7B of    7B  1/1  a.log\n');
});

test('lines counted on the way, whatever else is done with them', async () => {
  await awayFromTheEnd(hourMs, 20_000);
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

test('lines of every form are counted as messages, and copied as they are', async () => {
  await awayFromTheEnd(hourMs, 20_000);
  const wide = Buffer.from(`\uFEFF${'pump 7\r\n'.repeat(300)}pump 8`, 'utf16le');
  const pieces = ['pump ', '7\n', '\tat x\n'].map((log) =>
    JSON.stringify({ log, stream: 'stdout', time: 'x' }),
  );
  const source = scratch.files('in', {
    'wide.log': wide,
    'wide.log.gz': gzipSync(wide),
    'c.log': pieces.join('\n'),
  });
  const running = finished(shipped('run', source, ...terms, '--part', '1KiB', '--consumers', '1'));
  const count = ['--common', 'web', '--hits', 'lines', '--multiline'];
  expect((await ran('consume', 'logs:', '--as', '0', '--out', at('copy'), ...count)).code).toBe(0);
  expect((await running).code).toBe(0);
  expect(readTree(at('copy'))).toEqual(readTree(source));
  const common = await run(['log', 'common', 'web', '--json'], { url: server.url });
  expect(JSON.parse(common.stdout).entries).toEqual([
    expect.objectContaining({ message: 'pump <*>', count: 603 }),
  ]);
  const sum = await run(['hits', 'sum', 'lines', '--since', '1h', '--json'], { url: server.url });
  expect(JSON.parse(sum.stdout)).toMatchObject({ sum: 605 });
  expect(await ran('consume', 'logs:', '--as', '0', '--multiline')).toMatchObject({ code: 2 });
});

test('who served a run that was kept open serves the next, of which nothing is there yet', async () => {
  const first = scratch.files('first', { 'a.log': 'one\n' });
  const second = scratch.files('second', {});
  const consumer = shipped('consume', 'logs:', '--as', '0', '--out', at('copy'));
  const consumed = finished(consumer);
  expect((await ran('run', first, ...terms, '--consumers', '1', '--keep-open')).code).toBe(0);
  const before = await redis.hget('ship:logs:', 'run');
  const shipper = shipped('run', second, ...terms, '--consumers', '1', '--follow');
  const done = finished(shipper);
  await vi.waitFor(async () => expect(await redis.hget('ship:logs:', 'run')).not.toBe(before));
  // By its second sign of life it has looked at the new run.
  const signs = new Set<string | null>();
  await vi.waitFor(async () => {
    signs.add(await redis.hget('ship-who:logs:', 'c:0'));
    expect(signs.size > 2 || consumer.exitCode !== null).toBe(true);
  });
  writeFileSync(path.join(second, 'b.log'), 'two\n');
  await vi.waitFor(() => {
    expect(consumer.exitCode).toBeNull();
    expect(readTree(at('copy'))).toHaveProperty(['b.log']);
  });
  for (const child of [shipper, consumer]) child.kill('SIGTERM');
  expect((await consumed).code).toBe(143);
  await done;
});
