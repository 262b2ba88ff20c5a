import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { errorOf, finished, type Run, run, start } from '../helpers/cli.ts';
import { awayFromTheEnd, hourMs } from '../helpers/clock.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { bookLogCommon } from './book.ts';

const server = await redisForThisFile();
const redis = server.client();
beforeEach(async () => {
  await awayFromTheEnd(hourMs, 20_000);
  await redis.flushall();
});

const log = (words: string, stdin: string | Buffer = ''): Promise<Run> =>
  run(['log', ...words.split(' ')], { url: server.url, stdin });
const json = async (words: string, stdin: string | Buffer = '') => {
  const { code, stdout, stderr } = await log(`${words} --json`, stdin);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
};
const hour = (atMs = Date.now()): string => `${new Date(atMs).toISOString().slice(0, 13)}:00:00`;

test('write, common, recent and list tell what the contract says', async () => {
  expect(await json('write web --severity Error upstream timed out')).toEqual({
    name: 'web',
    severity: 'error',
    written: 1,
  });
  expect(await json('write web --severity ERROR', 'job 7 done\njob 8 done\n')).toMatchObject({ written: 2 });
  expect(await json('common web --severity error')).toEqual({
    name: 'web',
    severity: 'error',
    hour: hour(),
    previousHour: null,
    total: 3,
    distinct: 2,
    previousTotal: 0,
    gone: [],
    entries: [
      {
        message: 'job <*> done',
        count: 2,
        previous: 0,
        rank: 1,
        previousRank: null,
        sample: 'job 7 done',
        move: 'unknown',
      },
      {
        message: 'upstream timed out',
        count: 1,
        previous: 0,
        rank: 2,
        previousRank: null,
        sample: 'upstream timed out',
        move: 'unknown',
      },
    ],
  });
  const lines = await json('recent web --severity error --count 2');
  expect(lines).toEqual([
    { at: expect.any(Number), message: 'job 8 done' },
    { at: expect.any(Number), message: 'job 7 done' },
  ]);
  expect(Math.abs(lines[0].at - Date.now())).toBeLessThan(60_000);
  expect(await json('list')).toEqual([{ name: 'web', severity: 'error', total: 3, distinct: 2 }]);
});

test('people get a leaderboard with movers, aligned', async () => {
  await redis.mset('common:web:info:start', hour(), 'common:web:info:pstart', hour(Date.now() - 3_600_000));
  await redis.zadd('common:web:info', 60_000, 'slow', 5000, 'brand new', 4, 'fading');
  await redis.zadd('common:web:info:last', 300, 'slow', 40_000, 'fading', 9, 'lost');
  const { stdout } = await log('common web --top 3');
  expect(stdout).toMatch(/^web:info {2}\d\d:\d\d-\d\d:\d\d → \d\d:\d\d-now {2}65,004 lines, 3 distinct\n/);
  const rows = stdout.split('\n').slice(1);
  expect(rows[0]).toMatch(/^#\s+was\s+count\s+share\s+last h\s+Δ\s+message$/);
  expect(rows[1]).toMatch(/^1\s+2\s+60,000\s+92%\s+300\s+▲\d+×\s+slow$/);
  expect(rows[2]).toMatch(/^2\s+–\s+5,000\s+8%\s+0\s+new\s+brand new$/);
  expect(rows[3]).toMatch(/^3\s+1\s+4\s+<1%\s+40,000\s+▼99%\s+fading$/);
  expect(rows[4]).toBe('gone: lost (9 last hour)');
});

test('exact texts are counted on request, and shown on request', async () => {
  await json('write web --raw', 'job 7\njob 7\njob 8\n');
  expect((await json('common web')).entries.map((entry: { message: string }) => entry.message)).toEqual([
    'job 7',
    'job 8',
  ]);
  await json('write other', 'job 7\njob 8\n');
  expect((await json('common other --raw')).entries).toMatchObject([
    { message: 'job 7', template: 'job <*>' },
  ]);
});

test('an unknown severity is kept in small letters, a number of the book gets its name', async () => {
  expect(await json('write web --severity AUDIT x')).toMatchObject({ severity: 'audit' });
  expect(await json('write web --severity 30 x')).toMatchObject({ severity: 'warning' });
  expect(await redis.zscore('common:web:audit', 'x')).toBe('1');
  expect(await redis.zscore('common:web:warning', 'x')).toBe('1');
});

test('one-shot writers of one message each agree on a template', async () => {
  for (const user of ['ann', 'bob', 'eve']) await json(`write web session opened for user ${user} by root`);
  expect((await json('common web')).entries).toMatchObject([
    { message: 'session opened for user <*> by root', count: 3 },
  ]);
});

test('what is no text counts, and reaches a terminal harmless', async () => {
  const lines = Buffer.concat([
    Buffer.from([0xff, 0xfe, 0x00, 10]),
    Buffer.from('\u001b[2Jforged\u0007\n\n\n'),
  ]);
  expect(await json('write web', lines)).toMatchObject({ written: 4 });
  expect((await json('common web')).total).toBe(4);
  expect((await log('recent web')).stdout).toContain('␛[2Jforged␇');
  expect((await log('common web')).stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
});

test('a message of a megabyte is cut with a mark', async () => {
  expect(await json('write web', `${'x'.repeat(2 ** 20)}\n`)).toMatchObject({ written: 1 });
  const [line] = await json('recent web');
  expect(line.message).toMatch(/^x+… \(1016K more\)$/);
});

test.each([
  ['common web --top 0', 'USAGE', '--top'],
  ['common web --top -1', 'USAGE', '--top'],
  ['common web --top 1.5', 'USAGE', '--top'],
  ['recent web --count 0', 'USAGE', '--count'],
  ['recent web --count x', 'USAGE', '--count'],
  ['write', 'USAGE', 'NAME'],
  ['common', 'USAGE', 'NAME'],
  [`write ${'n'.repeat(600)} x`, 'USAGE', 'NAME'],
  ['write web --severity= x', 'USAGE', '--severity'],
])('%s is a mistake', async (words, code, label) => {
  const result = await log(`${words} --json`);
  expect(result.code).toBe(2);
  expect(errorOf(result)).toMatchObject({ code, message: expect.stringContaining(label) });
  expect(errorOf(result).hint).toContain('Usage: quarterdeck log');
  expect(await redis.dbsize()).toBe(0);
});

test('a key of another type is left alone: exit 4', async () => {
  await redis.set('common:web:info', 'mine');
  for (const words of ['write web x', 'common web']) {
    const result = await log(`${words} --json`);
    expect(result.code).toBe(4);
    expect(errorOf(result)).toMatchObject({
      code: 'WRONG_TYPE',
      message: expect.stringContaining('common:web:info'),
      hint: expect.any(String),
    });
  }
  const piped = await log('write web --json', 'x\n'.repeat(5000));
  expect(piped.code).toBe(4);
  expect(await redis.get('common:web:info')).toBe('mine');
  expect(await redis.dbsize()).toBe(1);
});

test('a log with a key of another type is named, and hides no other', async () => {
  await json('write web x');
  await json('write odd x');
  await redis.set('common:odd:info', 'mine');
  const { code, stdout, stderr } = await log('list --json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual([{ name: 'web', severity: 'info', total: 1, distinct: 1 }]);
  expect(stderr).toContain('Key `common:odd:info` does not hold a zset');
  const snapshot = await run(['snapshot', '--json'], { url: server.url });
  expect(JSON.parse(snapshot.stdout)).toMatchObject({ log: [{ name: 'web' }] });
});

test('a wrong key of the hour before is found before a line is kept', async () => {
  await redis.rpush('common:web:info:last', 'mine');
  await redis.set('common:web:info:start', hour(Date.now() - 3_600_000));
  for (let time = 0; time < 2; time += 1) expect((await log('write web x')).code).toBe(4);
  expect(await redis.exists('recent:web:info')).toBe(0);
});

test('a server that is full for a moment is ridden out, and nothing is lost', async () => {
  await json('write web x');
  const child = start(['log', 'write', 'web', '--json'], { url: server.url });
  const done = finished(child);
  child.stdin?.write('x\nx\n');
  await vi.waitFor(async () => expect(await redis.zscore('common:web:info', 'x')).toBe('3'));
  await redis.config('RESETSTAT');
  await redis.config('SET', 'maxmemory', '1');
  const refused = async (): Promise<number> =>
    Number(/errorstat_OOM:count=(\d+)/.exec(await redis.info('errorstats'))?.[1] ?? 0);
  child.stdin?.write('x\nx\n');
  await vi.waitFor(async () => expect(await refused()).toBeGreaterThan(1), 10_000);
  child.stdin?.end('x\n');
  await vi.waitFor(async () => expect(await refused()).toBeGreaterThan(3), 10_000);
  await redis.config('SET', 'maxmemory', '0');
  expect(await done).toMatchObject({ code: 0, stderr: '' });
  expect(await redis.zscore('common:web:info', 'x')).toBe('6');
});

test('a server that stays full is exit 3 after --timeout, also while the pipe is silent', async () => {
  await redis.config('SET', 'maxmemory', '1');
  try {
    const silent = start(['log', 'write', 'web', '--json', '--timeout', '2s'], { url: server.url });
    silent.stdin?.write('x\n');
    const [ended, one] = await Promise.all([finished(silent), log('write web x --json --timeout 1s')]);
    for (const result of [ended, one]) {
      expect(result.code).toBe(3);
      expect(errorOf(result)).toMatchObject({ code: 'REDIS_FULL' });
    }
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
  expect(await redis.exists('common:web:info')).toBe(0);
});

test('reading writes nothing, and a writer is refused under --read-only', async () => {
  await redis.set('common:web:info:start', hour(Date.now() - 3_600_000));
  await redis.zadd('common:web:info', 7, 'x');
  for (const words of ['common web', 'recent web', 'list', 'common web --read-only']) await log(words);
  expect(await json('common web')).toMatchObject({ total: 0, gone: [{ message: 'x', previous: 7 }] });
  expect(await redis.keys('*')).toEqual(expect.arrayContaining(['common:web:info', 'common:web:info:start']));
  expect(await redis.dbsize()).toBe(2);
  const result = await log('write web y --read-only --json');
  expect(errorOf(result).code).toBe('READ_ONLY');
});

test('a log nobody knows is exit 4, with the nearest one; one that is empty is not', async () => {
  await json('write website hello');
  await redis.set('common:quiet:info:start', hour());
  expect(await json('common quiet')).toMatchObject({ total: 0 });
  for (const verb of ['common', 'recent']) {
    const result = await log(`${verb} websit --json`);
    expect(result.code).toBe(4);
    expect(errorOf(result)).toMatchObject({
      code: 'LOG_UNKNOWN',
      message: 'There is no log `websit:info`',
      hint: expect.stringContaining('`website:info`'),
    });
  }
  expect(errorOf(await log('common website --severity critical --json')).hint).toContain('`website:info`');
});

test('names that keys of other logs end in are refused before anything is written', async () => {
  await json('write web:error hello');
  const keys = await redis.keys('*');
  for (const words of [
    'web:error --severity last',
    'web:error --severity start',
    'web --severity a:b',
    'web:guard',
  ]) {
    const result = await log(`write ${words} x --json`);
    expect(result.code).toBe(2);
    expect((await log(`common ${words} --json`)).code).toBe(2);
  }
  expect((await redis.keys('*')).toSorted()).toEqual(keys.toSorted());
  expect(await json('write web --severity constructor x')).toEqual({
    name: 'web',
    severity: 'constructor',
    written: 1,
  });
});

test('`-` reads stdin', async () => {
  expect(await json('write web -', 'a b\nc d\na b\n')).toMatchObject({ written: 3 });
  expect(await json('common web')).toMatchObject({ total: 3, distinct: 2 });
  expect(await json('write web - and more')).toMatchObject({ written: 1 });
});

const piece = (log: string): string =>
  `${JSON.stringify({ stream: 'stdout', log, time: '2031-04-01T06:10:00Z' })}\n`;
const trace = 'ERROR pump 7\n\tat Pump.run(7)\n\tat Main.main(7)\nERROR pump 8\n';
const ways: readonly (readonly [flags: string, stdin: string | Buffer, counts: Record<string, number>])[] = [
  ['', Buffer.from('\uFEFFpump 7\r\npump 8', 'utf16le'), { 'pump <*>': 2 }],
  ['', Buffer.from('\uFEFFpump 7\npump 8\n', 'utf16le').swap16(), { 'pump <*>': 2 }],
  ['', `${piece('pump ')}${piece('7\n')}${piece('pump 8\n')}`, { 'pump <*>': 2 }],
  ['', piece(`${'x'.repeat(9000)} {"msg":"pump 7"}\n`), { [`${'x'.repeat(2048)}…`]: 1 }],
  ['', `${JSON.stringify({ pad: 'x'.repeat(9000), error: { message: 'pump 7' } })}\n`, { 'pump <*>': 1 }],
  [' --multiline', trace, { 'ERROR pump <*>': 2 }],
  [' --first-line ^ERROR', trace, { 'ERROR pump <*>': 2 }],
];
test.each(ways)('write -%s reads lines in each of their forms', async (flags, stdin, counts) => {
  await json(`write web -${flags}`, stdin);
  const { entries } = await json('common web');
  const found = Object.fromEntries(
    (entries as { message: string; count: number }[]).map(({ message, count }) => [message, count]),
  );
  expect(found).toEqual(counts);
});

test('a record ends when nothing more comes', async () => {
  const child = start(['log', 'write', 'web', '--multiline', '--json'], { url: server.url });
  child.stdin?.write('pump 7\n\tat x\n');
  await vi.waitFor(async () => expect(await redis.zscore('common:web:info', 'pump <*>')).toBe('1'), 10_000);
  child.stdin?.end('\tat y\n');
  expect(JSON.parse((await finished(child)).stdout)).toMatchObject({ written: 1 });
});

test('a regular expression that is none is refused', async () => {
  expect(await log('write web - --first-line (')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Expected a regular expression'),
  });
});

test('what cannot be the name of a log in the index is passed over, and reported', async () => {
  await json('write web x');
  await redis.zadd('quarterdeck:log', 1, 'nonsense', 2, 'web:error:last', 3, '');
  const result = await log('list --json');
  expect(result.code).toBe(0);
  expect(JSON.parse(result.stdout)).toHaveLength(1);
  expect(result.stderr).toContain('3 names in quarterdeck:log cannot be a log');
});

test('logs that only others write are found on request', async () => {
  await bookLogCommon(server.client(), 'theirs', 'x', { severity: 'error' });
  expect(await json('list')).toEqual([]);
  expect(await json('list --discover')).toEqual([
    { name: 'theirs', severity: 'error', total: 1, distinct: 1 },
  ]);
  // Named like the hour of a log, but of no severity.
  await redis.set('common:start:start', hour());
  expect(await json('list --discover')).toHaveLength(1);
});

test('doctor finds logs that never rotate, and begins their hour', async () => {
  await redis.zadd('common:web:info', 1, 'x');
  await redis.set('common:odd:info', 'mine');
  const result = await run(['doctor', '--json'], { url: server.url });
  expect(result.code).toBe(1);
  const codes = (JSON.parse(result.stdout) as { code: string; key: string }[]).map(({ code, key }) => [
    code,
    key,
  ]);
  expect(codes).toContainEqual(['LOG_NEVER_ROTATES', 'common:web:info']);
  expect(codes).toContainEqual(['WRONG_TYPE', 'common:odd:info']);
  await run(['doctor', '--fix'], { url: server.url });
  expect(await redis.get('common:web:info:start')).toBe(hour());
});

test('SIGTERM loses no line that was taken from the pipe', async () => {
  const fifo = path.join(server.directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  // Both ends stay open here, so what the writer leaves in the pipe can be counted. Opened apart from the child's: that
  // one makes its own blocking, and we must never stand still.
  const pipe = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  const stdinFd = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const child = start(['log', 'write', 'web', '--raw', '--json'], { url: server.url, stdinFd });
  closeSync(stdinFd);
  const done = finished(child);
  let sent = 0;
  const pump = (): void => {
    try {
      for (;;) {
        writeSync(pipe, 'x\n'.repeat(100));
        sent += 100;
      }
    } catch {
      // The pipe is full.
    }
  };
  await vi.waitFor(async () => {
    pump();
    expect(Number(await redis.zscore('common:web:info', 'x'))).toBeGreaterThan(50_000);
  });
  pump();
  child.kill('SIGTERM');
  const { code, stdout } = await done;
  expect(code).toBe(143);
  // Never empty, or there would be nothing to read.
  const rest = Buffer.alloc(1 << 20);
  pump();
  const left = rest.subarray(0, readSync(pipe, rest)).toString().split('\n').length - 1;
  closeSync(pipe);
  expect(Number(await redis.zscore('common:web:info', 'x'))).toBe(sent - left);
  expect(JSON.parse(stdout)).toMatchObject({ written: sent - left });
});

test('a lone line from a pipe that stays open is there within a moment', async () => {
  const child = start(['log', 'write', 'web'], { url: server.url });
  child.stdin?.write('upstream timed out\n');
  await vi.waitFor(async () => expect(await redis.zscore('common:web:info', 'upstream timed out')).toBe('1'));
  child.stdin?.end();
  const [code] = await once(child, 'close');
  expect(code).toBe(0);
});
