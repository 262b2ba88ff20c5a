import { beforeEach, expect, test, vi } from 'vitest';
import { discover } from '../../source/features/limit/discover.ts';
import { Limiter } from '../../source/features/limit/limit.ts';
import { run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());

const list = (...flags: string[]) => run(['limit', 'list', '--json', ...flags], { url: server.url });
const minute = async () => Math.floor(Number((await redis.time())[0]) / 60);
const perMs = 86_400_000 * 300;
const unnamed = { limit: null, remaining: null, denied: null, condition: null };

test('limits that other programs count, by their plain keys', async () => {
  // A minute may end between counting and looking.
  await vi.waitFor(async () => {
    await redis.flushall();
    const now = await minute();
    await redis.set(`7:${now}`, '3', 'EX', 60);
    await redis.set(`7:${now - 1}`, '20', 'EX', 60);
    await redis.set(`ip:10.7:${now - 2}`, '9');
    const { limits, foreign } = await discover(redis);
    expect(foreign).toEqual([]);
    expect(limits.toSorted((a, b) => (a.subject < b.subject ? -1 : 1))).toEqual([
      {
        subject: '7',
        algorithm: 'fixed',
        perMs: 60_000,
        used: 3,
        resetMs: expect.any(Number),
        layout: 'seed',
      },
      { subject: 'ip:10.7', algorithm: 'fixed', perMs: 60_000, used: 0, resetMs: 0, layout: 'seed' },
    ]);
  });
});

test('limits that the index has forgotten are listed as far as their keys go', async () => {
  const limiter = new Limiter(redis, [
    { max: 5, perMs },
    { algorithm: 'sliding', max: 4, perMs },
    { algorithm: 'gcra', max: 3, perMs },
  ]);
  await limiter.hit('key:7f3', 2);
  await limiter.close();
  const before = JSON.parse((await list('--discover')).stdout) as { limit: number }[];
  expect(before.map(({ limit }) => limit).toSorted()).toEqual([3, 4, 5]);

  await redis.del('quarterdeck:limit', 'quarterdeck:limit:max');
  const { code, stdout, stderr } = await list('--discover', '--read-only');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const found = { subject: 'key:7f3', perMs, ...unnamed, resetMs: expect.any(Number) };
  expect(JSON.parse(stdout)).toEqual(
    expect.arrayContaining([
      { ...found, algorithm: 'fixed', used: 2 },
      { ...found, algorithm: 'sliding', used: 2 },
      { ...found, algorithm: 'gcra', used: null },
    ]),
  );
  for (const { resetMs } of JSON.parse(stdout) as { resetMs: number }[]) expect(resetMs).toBeGreaterThan(0);
});

test('what only looks alike is passed over, and said', async () => {
  const now = await minute();
  await redis.set('user:12345678', '7');
  await redis.set(`note:${now}`, 'hello');
  await redis.rpush(`queue:${now}`, 'x');
  await redis.rpush('limit:a:gcra:60000', 'x');
  await redis.set('limit:b:gcra:60000', 'no bucket', 'EX', 60);
  const { limits, foreign } = await discover(redis);
  expect(limits).toEqual([]);
  expect(foreign.toSorted()).toEqual([
    'limit:a:gcra:60000',
    'limit:b:gcra:60000',
    `note:${now}`,
    `queue:${now}`,
  ]);
  const { code, stderr } = await list('--discover');
  expect(code).toBe(0);
  expect(stderr).toMatch(
    /^quarterdeck: 4 keys are named like limits and cannot be read as such, passed over: \S/,
  );
});

test('the same for people', async () => {
  await redis.set(`limit:key:fixed:${perMs}`, '3', 'PX', perMs);
  const { stdout } = await run(['limit', 'list', '--discover'], { url: server.url });
  expect(stdout).toMatch(/^key +3\/\? per 300d {2}fixed +all back in \S+ +denied \?\n$/);
});
