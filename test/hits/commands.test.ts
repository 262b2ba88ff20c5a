import { beforeEach, describe, expect, test, vi } from 'vitest';
import { errorOf, finished, run, start } from '../helpers/cli.ts';
import { awayFromTheEnd, hourMs } from '../helpers/clock.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client();
beforeEach(async () => {
  await awayFromTheEnd(hourMs, 20_000);
  await redis.flushall();
});

const hits = (words: string[], stdin = '') =>
  run(['hits', ...words], { url: server.url, stdin, env: { TZ: 'UTC' } });
const json = async (words: string[], stdin?: string): Promise<unknown> => {
  const { code, stdout, stderr } = await hits([...words, '--json'], stdin);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
};

test('add, sum, series, list, as JSON', async () => {
  expect(await json(['add', 'web'])).toEqual({ series: 'web', added: 1 });
  expect(await json(['add', 'web', '41'])).toEqual({ series: 'web', added: 41 });
  expect(await json(['add', 'web', '0'])).toEqual({ series: 'web', added: 0 });
  const figures = { series: 'web', fromMs: expect.any(Number), toMs: expect.any(Number), sum: 42 };
  const sum = (await json(['sum', 'web'])) as { fromMs: number; toMs: number };
  expect(sum).toEqual(figures);
  expect(sum.toMs - sum.fromMs).toBeGreaterThanOrEqual(86_400_000);
  expect(sum.fromMs % 10_000).toBe(0);
  expect(await json(['sum', 'web', '--since', '1m'])).toEqual(figures);
  const today = (await json(['sum', 'web', '--today'])) as { fromMs: number };
  expect(today).toEqual(figures);
  expect(today.fromMs % 86_400_000).toBe(0);
  const { points, ...rest } = (await json(['series', 'web', '--step', '30s', '--since', '5m'])) as {
    points: [number, number][];
  };
  expect(rest).toEqual({ series: 'web', stepMs: 30_000 });
  expect(points.length).toBe(11);
  expect(
    points.every(
      ([atMs], i) => atMs % 30_000 === 0 && (i === 0 || atMs === (points[i - 1]?.[0] ?? 0) + 30_000),
    ),
  ).toBe(true);
  expect(points.reduce((total, [, count]) => total + count, 0)).toBe(42);
  expect(await json(['list'])).toEqual([{ series: 'web', today: 42, yesterday: 0, lastHour: 42 }]);
});

test('the same for people', async () => {
  expect((await hits(['add', 'web', '1234'])).stdout).toBe('web  1,234 added\n');
  expect((await hits(['sum', 'web'])).stdout).toBe('1,234\n');
  expect((await hits(['list'])).stdout).toMatch(
    /^web +1,234 today +new on yesterday +1,234 in the last hour\n$/,
  );
  expect((await hits(['series', 'web', '--step', '1h', '--since', '2h'])).stdout).toMatch(
    /^(\d{4}-\d\d-\d\d \d\d:00:00 {2}\d+\n){3}$/,
  );
});

test('a series without hits is empty, not an error', async () => {
  expect(await json(['list'])).toEqual([]);
  await redis.zadd('quarterdeck:hits', 1, 'nothing');
  expect(await json(['sum', 'nothing'])).toMatchObject({ sum: 0 });
});

describe('stdin', () => {
  test('each line is a hit, a number is as many', async () => {
    expect(await json(['add', 'web', '-'], 'GET /\nGET /a 200\n40\n\n')).toEqual({
      series: 'web',
      added: 43,
    });
    expect(await json(['sum', 'web'])).toMatchObject({ sum: 43 });
  });

  test('lines may name their series', async () => {
    expect(await json(['add', '-'], 'web\t3\nmail\nweb\n')).toEqual([
      { series: 'web', added: 4 },
      { series: 'mail', added: 1 },
    ]);
    expect(await json(['sum', 'web'])).toMatchObject({ sum: 4 });
  });

  test('binary lines are hits', async () => {
    const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x0a, 0x80, 0x0a]);
    const { code } = await run(['hits', 'add', 'web', '-'], { url: server.url, stdin: bytes });
    expect(code).toBe(0);
    expect(await json(['sum', 'web'])).toMatchObject({ sum: 2 });
  });

  test('SIGTERM loses nothing that was read', async () => {
    const child = start(['hits', 'add', 'web', '-', '--json'], { url: server.url });
    child.stdin?.write('GET /\n'.repeat(200_000));
    await vi.waitFor(async () => expect(await redis.exists('hits:web:writers')).toBe(1));
    child.stdin?.write('GET /\n'.repeat(1000));
    child.kill('SIGTERM');
    const { code, stdout } = await finished(child);
    expect(code).toBe(143);
    const { added } = JSON.parse(stdout) as { added: number };
    expect(added).toBeGreaterThan(0);
    expect(await json(['sum', 'web'])).toMatchObject({ sum: added });
  });
});

test('--layout seed writes and reads plain keys', async () => {
  expect(await json(['add', '7', '5', '--layout', 'seed'])).toEqual({ series: '7', added: 5 });
  const [key = ''] = await redis.keys('7:*');
  await redis.incr(key);
  expect(await json(['sum', '7', '--layout', 'seed'])).toMatchObject({ sum: 6 });
  expect(await json(['sum', '7', '--today', '--layout', 'seed'])).toMatchObject({ sum: 6 });
  const { points } = (await json(['series', '7', '--layout', 'seed', '--step', '1m'])) as {
    points: [number, number][];
  };
  expect(points.reduce((total, [, count]) => total + count, 0)).toBe(6);
});

test('a series nobody counted is exit 4, with the nearest one; one without hits is not', async () => {
  await hits(['add', 'website']);
  await redis.zadd('quarterdeck:hits', 1, 'quiet');
  for (const verb of ['sum', 'series']) {
    const result = await hits([verb, 'websit', '--json']);
    expect(result.code).toBe(4);
    expect(errorOf(result)).toMatchObject({
      code: 'HITS_UNKNOWN',
      message: 'There is no series `websit`',
      hint: expect.stringContaining('`website`'),
    });
    expect((await hits([verb, 'quiet'])).code).toBe(0);
    // Plain keys have no index: nobody can know.
    expect((await hits([verb, 'websit', '--layout', 'seed'])).code).toBe(0);
  }
});

test('twenty thousand series are listed, and their sums are right', async () => {
  const names = Array.from({ length: 20_000 }, (_, id) => `series ${id}`);
  const day = new Date().toISOString().slice(0, 10);
  const hour = String(new Date().getUTCHours());
  const pipeline = redis.pipeline();
  for (const [id, series] of names.entries()) {
    pipeline.zadd('quarterdeck:hits', id, series);
    pipeline.hset(`hits:${series}:1h:${day}`, hour, id);
  }
  await pipeline.exec();
  const result = await hits(['list', '--json']);
  const rows = JSON.parse(result.stdout) as { series: string; today: number }[];
  expect(rows.length).toBe(20_000);
  for (const { series, today } of rows) expect(today).toBe(Number(series.slice(7)));
});

describe('bad input', () => {
  test.each([
    [['add', 'web', '1.5'], 'whole number from 0 to 1000000000000, got `1.5`'],
    [['add', 'web', 'many'], 'got `many`'],
    [['add', 'web', '1000000000001'], 'got `1000000000001`'],
    [['add'], 'Missing SERIES'],
    [['add', 'web', '1', '--keep', '1m'], 'duration from 1h to 3660d, got `60000ms`'],
    [['add', 'web', '1', '--keep', '30d', '--keep-hourly', '1d'], '`keepHourlyMs`'],
    [['sum', 'web', '--since', '1s'], 'duration from 10s'],
    [['sum', 'web', '--since=-1h'], 'duration such as'],
    [['sum', 'web', '--since', '1h', '--today'], 'exclude each other'],
    [['series', 'web', '--step', '15s'], 'multiple of 10s'],
    [['series', 'web', '--step', '1s'], 'duration from 10s'],
    [['series', 'web', '--since', '30d'], 'reach back 3d'],
    [['series', 'web', '--step', '1h', '--since', '3660d'], 'at most 10000 points'],
    [['sum', 'web', '--layout', 'seed', '--since', '30d'], 'reach back at most 3d'],
  ])('%j: exit 2', async (words, sentence) => {
    const result = await hits([...words, '--json']);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(errorOf(result).message).toContain(sentence);
    expect(await redis.dbsize()).toBe(0);
  });

  test('a negative count: exit 2, as a word or behind `--`', async () => {
    expect((await hits(['add', 'web', '-5'])).code).toBe(2);
    const result = await hits(['add', 'web', '--json', '--', '-5']);
    expect(result.code).toBe(2);
    expect(errorOf(result).message).toContain('got `-5`');
  });

  test.each(['-5', '1.5', '.5', '2,5'])(
    'a line `%s` of stdin: exit 4, what came before is in',
    async (line) => {
      const result = await hits(['add', 'web', '-', '--json'], `a\n2\n${line}\nb\n`);
      expect(result).toMatchObject({ code: 4, stdout: '' });
      expect(errorOf(result)).toMatchObject({
        code: 'BAD_COUNT',
        message: expect.stringContaining(`in line 3, got \`${line}\``),
      });
      expect(await json(['sum', 'web'])).toMatchObject({ sum: 3 });
    },
  );

  test.each(['\t5', 'web\tx', 'web\t1\t2'])('a line %j that should name a series: exit 4', async (line) => {
    const result = await hits(['add', '-', '--json'], `${line}\n`);
    expect(result.code).toBe(4);
    expect(errorOf(result).code).toBe('BAD_COUNT');
  });

  test('a key of another type: exit 4, left alone', async () => {
    await hits(['add', 'web']);
    const [key = ''] = await redis.keys('hits:web:1h:*');
    await redis.set(key, 'x');
    for (const words of [
      ['add', 'web'],
      ['sum', 'web'],
      ['series', 'web', '--step', '1h'],
    ]) {
      const result = await hits([...words, '--json']);
      expect(result.code).toBe(4);
      expect(errorOf(result)).toMatchObject({ code: 'WRONG_TYPE', message: expect.stringContaining(key) });
    }
    expect(await redis.get(key)).toBe('x');
    expect((await hits(['list'])).code).toBe(0);
  });

  test.each(['', '0'])('a plain key (with %j) that holds no number: exit 4', async (zero) => {
    const bucket = Math.floor(Number((await redis.time())[0]) / 10);
    await redis.mset(`7:${bucket}0`, 'x', `7:${bucket + 1}0`, 'x', `7:${bucket}${zero}`, 'x');
    for (const words of [
      ['add', '7'],
      ['sum', '7'],
    ]) {
      expect((await hits([...words, '--layout', 'seed'])).code).toBe(4);
    }
  });
});
