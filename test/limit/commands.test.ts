import { beforeEach, describe, expect, test } from 'vitest';
import { errorOf, run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());

const limit = (...words: string[]) => run(['limit', ...words], { url: server.url });

test('hit until there is no room, peek, list, reset, as JSON', async () => {
  const words = ['key:7f3', '--max', '2', '--per', '7d', '--json'];
  const first = await limit('hit', ...words);
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(first.stdout)).toEqual({
    subject: 'key:7f3',
    allowed: true,
    limit: 2,
    remaining: 1,
    retryAfterMs: 0,
    resetMs: expect.any(Number),
  });
  expect((await limit('peek', ...words)).code).toBe(0);
  expect((await limit('hit', ...words)).code).toBe(0);
  const refused = await limit('hit', ...words);
  expect(refused).toMatchObject({ code: 1, stderr: '' });
  const { allowed, remaining, retryAfterMs, resetMs } = JSON.parse(refused.stdout);
  expect({ allowed, remaining }).toEqual({ allowed: false, remaining: 0 });
  expect(retryAfterMs).toBe(resetMs);
  expect(retryAfterMs).toBeGreaterThan(0);
  expect((await limit('peek', ...words)).code).toBe(1);
  expect(JSON.parse((await limit('list', '--json')).stdout)).toEqual([
    {
      subject: 'key:7f3',
      algorithm: 'fixed',
      limit: 2,
      perMs: 604_800_000,
      used: 2,
      remaining: 0,
      resetMs: expect.any(Number),
      denied: 1,
      condition: 'full',
    },
  ]);
  expect(JSON.parse((await limit('reset', 'key:7f3', '--json')).stdout)).toEqual({
    subject: 'key:7f3',
    cleared: 1,
    undo: expect.any(String),
  });
  expect((await limit('hit', ...words)).code).toBe(0);
});

test('the same for people', async () => {
  const words = ['ip:10.7', '--max', '5', '--per', '1h', '--algorithm', 'gcra', '--cost', '4'];
  expect((await limit('hit', ...words)).stdout).toBe('allowed  ip:10.7  1 of 5 left, all back in 48m00s\n');
  expect((await limit('hit', ...words)).stdout).toMatch(
    /^refused {2}ip:10\.7 {2}1 of 5 left, try again in 3\dm\d\ds\n$/,
  );
  expect((await limit('list')).stdout).toMatch(
    /^ip:10\.7 +4\/5 per 1h {2}gcra +all back in 4\dm\d\ds {2,}denied 1\n$/,
  );
});

test('a subject nobody limited has none to give back: exit 4, with the nearest one', async () => {
  await limit('hit', 'customer:7', '--max', '5', '--per', '1h');
  const result = await limit('reset', 'custmer:7', '--json');
  expect(result.code).toBe(4);
  expect(errorOf(result)).toMatchObject({
    code: 'LIMIT_UNKNOWN',
    message: 'There is no limit of `custmer:7`',
    hint: expect.stringContaining('`customer:7`'),
  });
  expect(JSON.parse((await limit('reset', 'customer:7', '--json')).stdout)).toEqual({
    subject: 'customer:7',
    cleared: 1,
    undo: expect.any(String),
  });
});

test('a further limit refuses too, and then neither is spent', async () => {
  const words = ['hit', 'a', '--max', '9', '--per', '7d', '--and', '1/7d/sliding', '--json'];
  expect((await limit(...words)).code).toBe(0);
  expect(JSON.parse((await limit(...words)).stdout)).toMatchObject({ allowed: false, limit: 1 });
  expect(await redis.get('limit:a:fixed:604800000')).toBe('1');
});

test('--layout seed counts where a program of the legacy layout counts', async () => {
  const words = ['hit', '7', '--max', '20', '--per', '1m', '--layout', 'seed'];
  expect((await limit(...words)).code).toBe(0);
  const [key] = await redis.keys('7:*');
  const window = Number(key?.slice(2));
  expect(Math.abs(window - Number((await redis.time())[0]) / 60)).toBeLessThan(2);
});

describe('bad input', () => {
  const per = ['--per', '1m'];
  test.each([
    [['hit', 'a', '--max', '0', ...per], 'whole number from 1 to 1000000000, got `0`'],
    [['hit', 'a', '--max=-5', ...per], 'got `-5`'],
    [['hit', 'a', '--max', '2.5', ...per], 'got `2.5`'],
    [['hit', 'a', '--max', 'many', ...per], 'got `many`'],
    [['hit', 'a', '--max', '5', ...per, '--cost', '0'], 'got `0`'],
    [['hit', 'a', '--max', '5', ...per, '--cost=-1'], 'got `-1`'],
    [['hit', 'a', '--max', '5', ...per, '--cost', '0.5'], 'got `0.5`'],
    [['hit', 'a', '--max', '5', ...per, '--cost', '6'], '--cost to be at most 5'],
    [['hit', 'a', '--max', '5', '--per', '1ms'], 'duration from 10ms to 366d, got `1ms`'],
    [['hit', 'a', '--max', '5', '--per', '-1s'], 'a duration such as'],
    [['hit', 'a', '--max', '5', '--per', 'soon'], 'a duration such as'],
    [['hit', 'a', '--max', '5'], 'Missing --per'],
    [['hit', '--max', '5', ...per], 'Missing SUBJECT'],
    [['hit', 'a', '--max', '5', ...per, '--algorithm', 'leaky'], 'Expected one of fixed, sliding, gcra'],
    [['hit', 'a', '--max', '5', ...per, '--and', '10'], 'a limit such as 1000/1h'],
    [['hit', 'a', '--max', '5', ...per, '--and', '0/1h'], 'a limit such as 1000/1h'],
    [['hit', 'a', '--max', '5', ...per, '--and', '7/1m'], 'each limit once'],
    [['hit', 'a', '--max', '5', '--per', '10s', '--layout', 'seed'], 'fixed windows of 1m only'],
    [['peek', 'a', '--max', '0', ...per], 'got `0`'],
  ])('%j: exit 2', async (words, sentence) => {
    const result = await limit(...words, '--json');
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(errorOf(result)).toMatchObject({ code: 'USAGE', message: expect.stringContaining(sentence) });
    expect(await redis.dbsize()).toBe(0);
  });

  test('a key of another type: exit 4, left alone', async () => {
    await redis.lpush('limit:a:gcra:60000', 'x');
    const words = ['a', '--max', '5', ...per, '--algorithm', 'gcra', '--json'];
    for (const verb of ['hit', 'peek']) {
      const result = await limit(verb, ...words);
      expect(result).toMatchObject({ code: 4, stdout: '' });
      expect(errorOf(result)).toMatchObject({ code: 'WRONG_TYPE', hint: expect.stringContaining('TYPE') });
    }
    expect(await redis.lrange('limit:a:gcra:60000', 0, -1)).toEqual(['x']);
  });

  test('an index of another type: the answer stands, with a warning', async () => {
    await redis.set('quarterdeck:limit', 'in the way');
    const { code, stdout, stderr } = await limit('hit', 'a', '--max', '5', ...per, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ allowed: true, remaining: 4 });
    expect(stderr).toContain('`limit list` misses this hit: WRONGTYPE');
  });

  test('--read-only refuses what writes', async () => {
    const result = await limit('hit', 'a', '--max', '5', ...per, '--read-only', '--json');
    expect(result.code).toBe(2);
    expect(errorOf(result).code).toBe('READ_ONLY');
    expect((await limit('peek', 'a', '--max', '5', ...per, '--read-only')).code).toBe(0);
  });

  test('no server: exit 3', async () => {
    const nowhere = { url: 'unix:///nonexistent/s' };
    const result = await run(['limit', 'list', '--timeout', '200ms', '--json'], nowhere);
    expect(result.code).toBe(3);
  });
});
