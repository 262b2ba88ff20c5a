import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { UsageError } from '../../source/errors.ts';
import { hitAll } from '../../source/features/limit/check/hit-all.ts';
import { LeasedLimiter } from '../../source/features/limit/check/lease.ts';
import { Limiter } from '../../source/features/limit/limit.ts';
import { list, listAll, reset } from '../../source/features/limit/list.ts';
import { byNearness } from '../../source/features/limit/state.ts';
import { awayFromTheEnd } from '../helpers/clock.ts';
import { type RedisServer, redisForThisFile } from '../helpers/redis-server.ts';

let redis: ReturnType<RedisServer['client']>;
const server = await redisForThisFile();
// A fresh client for each test: what limiters note is kept by client.
// And away from the end of a minute, so that the hits of a test fall into one window.
beforeEach(async () => {
  await awayFromTheEnd(60_000, 3000);
  redis = server.client({ enableAutoPipelining: true });
  await redis.flushall();
});
afterEach(() => redis.disconnect());

const sentBytes = async (): Promise<number> =>
  Number(/total_net_output_bytes:(\d+)/.exec(await redis.info('stats'))?.[1]);
const allowedOf = (verdicts: readonly { allowed: boolean }[]): number =>
  verdicts.filter(({ allowed }) => allowed).length;

test('a verdict tells what a client needs to know', async () => {
  const limiter = new Limiter(redis, { max: 3, perMs: 60_000 });
  expect(await limiter.hit('key:7f3', 2)).toEqual({
    subject: 'key:7f3',
    allowed: true,
    limit: 3,
    algorithm: 'fixed',
    perMs: 60_000,
    remaining: 1,
    retryAfterMs: 0,
    resetMs: expect.any(Number),
  });
  const refused = await limiter.hit('key:7f3', 2);
  expect(refused).toMatchObject({ allowed: false, remaining: 1, limit: 3 });
  expect(refused.retryAfterMs).toBeGreaterThan(0);
  expect(refused.retryAfterMs).toBeLessThanOrEqual(60_000);
  expect(await limiter.peek('key:7f3')).toMatchObject({ allowed: true, remaining: 1 });
  expect(await limiter.hit('key:7f3')).toMatchObject({ allowed: true, remaining: 0 });
});

test.each(['fixed', 'sliding', 'gcra'] as const)(
  '%s: a thousand hits at once admit its maximum',
  async (algorithm) => {
    const limiter = new Limiter(redis, { algorithm, max: 137, perMs: 3_600_000 }, { localDeny: false });
    const verdicts = await Promise.all(Array.from({ length: 1000 }, () => limiter.hit('hot')));
    expect(allowedOf(verdicts)).toBe(137);
  },
);

test('a cost above the limit is never admitted, and the error names it', async () => {
  const limiter = new Limiter(redis, { max: 5, perMs: 60_000 });
  expect(await limiter.hit('big', 6)).toMatchObject({ allowed: false, retryAfterMs: Infinity, remaining: 5 });
  expect(await limiter.hit('big', 5)).toMatchObject({ allowed: true });
});

describe('misuse', () => {
  test.each([
    [{ max: 0, perMs: 1000 }, '`max` to be a whole number from 1 to 1000000000, got `0`'],
    [{ max: -3, perMs: 1000 }, 'got `-3`'],
    [{ max: 1.5, perMs: 1000 }, 'got `1.5`'],
    [{ max: Number.NaN, perMs: 1000 }, 'got `NaN`'],
    [{ max: 5, perMs: 9 }, '`perMs` to be whole milliseconds from 10ms to 366d, got `9`'],
    [{ max: 5, perMs: 10.5 }, 'got `10.5`'],
    [{ max: 5, perMs: 1000, algorithm: 'leaky' as 'gcra' }, '`algorithm` to be one of fixed, sliding, gcra'],
    [{ max: 5, perMs: 1000, layout: 'seed' as const }, 'fixed windows of 1m only'],
    [[], 'at least one limit'],
    [
      [
        { max: 5, perMs: 1000 },
        { max: 6, perMs: 1000 },
      ],
      'each limit once',
    ],
  ])('%j is refused', (limit, sentence) => {
    expect(() => new Limiter(redis, limit)).toThrow(sentence);
  });

  test.each([0, -1, 0.5, Number.NaN])('a cost of %s is refused', async (cost) => {
    const limiter = new Limiter(redis, { max: 5, perMs: 1000 });
    await expect(limiter.hit('a', cost)).rejects.toMatchObject({ kind: 'usage' });
    const leased = new LeasedLimiter(redis, { max: 5, perMs: 1000 }, { permits: 5 });
    await expect(leased.hit('a', cost)).rejects.toMatchObject({ kind: 'usage' });
  });
});

test('a key that holds something else is said to, left alone, and fails nobody beside it', async () => {
  await redis.lpush('limit:bad:fixed:60000', 'x');
  const limiter = new Limiter(redis, { max: 5, perMs: 60_000 });
  const [bad, good] = await Promise.allSettled([limiter.hit('bad'), limiter.hit('good')]);
  expect(bad).toMatchObject({
    status: 'rejected',
    reason: { code: 'WRONG_TYPE', kind: 'data', message: expect.stringContaining('limit:bad:fixed:60000') },
  });
  expect(good).toMatchObject({ status: 'fulfilled', value: { allowed: true } });
  expect(await redis.lrange('limit:bad:fixed:60000', 0, -1)).toEqual(['x']);
  await redis.set('limit:word:gcra:60000', 'hello');
  const gcra = new Limiter(redis, { algorithm: 'gcra', max: 5, perMs: 60_000 });
  await expect(gcra.hit('word')).rejects.toMatchObject({ code: 'WRONG_TYPE' });
});

describe('several limits', () => {
  test('of one subject: the tightest answers, and a refusal by one spends from none', async () => {
    const limiter = new Limiter(redis, [
      { algorithm: 'gcra', max: 2, perMs: 60_000 },
      { max: 100, perMs: 3_600_000 },
    ]);
    const verdicts = [await limiter.hit('s'), await limiter.hit('s'), await limiter.hit('s')];
    expect(verdicts).toMatchObject([
      { allowed: true, limit: 2, remaining: 1 },
      { allowed: true, limit: 2, remaining: 0 },
      { allowed: false, limit: 2, remaining: 0 },
    ]);
    expect(await redis.get('limit:s:fixed:3600000')).toBe('2');
    expect(verdicts[2]).toMatchObject({ algorithm: 'gcra', perMs: 60_000 });
    await limiter.close();
    const denied = (await list(redis)).limits.map((use) => [use.algorithm, use.denied]);
    expect(Object.fromEntries(denied)).toEqual({ gcra: 1, fixed: 0 });
  });

  test('of several subjects: all or none', async () => {
    const demands = (user: string) =>
      [
        { subject: user, max: 10, perMs: 60_000, algorithm: 'sliding' },
        { subject: 'everyone', max: 3, perMs: 60_000, algorithm: 'gcra', cost: 2 },
      ] as const;
    expect(await hitAll(redis, demands('ann'))).toMatchObject({ allowed: true, subject: 'everyone' });
    expect(await hitAll(redis, demands('bob'))).toMatchObject({ allowed: false, subject: 'everyone' });
    expect(await redis.exists('limit:bob:sliding:60000')).toBe(0);
    await expect(hitAll(redis, [...demands('ann'), ...demands('ann')])).rejects.toThrow('each limit once');
  });
});

describe('a refused subject', () => {
  const evals = async (): Promise<number> => {
    const stats = await redis.info('commandstats');
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };

  test('is refused from memory, smaller costs are asked about', async () => {
    const limiter = new Limiter(redis, { max: 10, perMs: 60_000 });
    await limiter.hit('s', 8);
    await limiter.hit('s', 3);
    await redis.config('RESETSTAT');
    for (let i = 0; i < 100; i += 1) expect((await limiter.hit('s', 3)).allowed).toBe(false);
    expect(await evals()).toBeLessThanOrEqual(2);
    expect(await limiter.hit('s', 2)).toMatchObject({ allowed: true, remaining: 0 });
  });

  test('is asked about again within a second, so that a reset shows', async () => {
    const limiter = new Limiter(redis, { max: 1, perMs: 3_600_000 });
    await limiter.hit('s');
    expect((await limiter.hit('s')).allowed).toBe(false);
    await limiter.close();
    expect(await reset(redis, 's')).toBe(1);
    await vi.waitFor(async () => expect((await limiter.hit('s')).allowed).toBe(true));
  });
});

describe('the index', () => {
  test('lists what is in use, nearest to its limit first, with its refusals', async () => {
    const limiter = new Limiter(redis, { max: 20, perMs: 60_000 });
    const sliding = new Limiter(redis, { algorithm: 'sliding', max: 4, perMs: 10_000 });
    await limiter.hit('key:a10', 13);
    await limiter.hit('key:7f3', 20);
    await Promise.all(Array.from({ length: 50 }, () => limiter.hit('key:7f3')));
    await sliding.hit('key:7f3');
    await limiter.close();
    const { total, limits } = await list(redis);
    expect(total).toBe(3);
    expect(limits.toSorted(byNearness)).toEqual([
      expect.objectContaining({ subject: 'key:7f3', algorithm: 'fixed', used: 20, remaining: 0, denied: 50 }),
      expect.objectContaining({ subject: 'key:a10', limit: 20, perMs: 60_000, used: 13, denied: 0 }),
      expect.objectContaining({ subject: 'key:7f3', algorithm: 'sliding', limit: 4, used: 1, remaining: 3 }),
    ]);
  });

  test('gives a subject that is reset all of its limits back, and forgets its refusals', async () => {
    const limits = [
      { max: 5, perMs: 60_000 },
      { algorithm: 'gcra' as const, max: 5, perMs: 60_000 },
    ];
    const limiter = new Limiter(redis, limits);
    await limiter.hit('a', 5);
    await limiter.hit('a', 5);
    await limiter.hit('b', 5);
    await limiter.close();
    expect(await reset(redis, 'a')).toBe(2);
    expect(await limiter.peek('a')).toMatchObject({ allowed: true, remaining: 5 });
    expect(await limiter.peek('b')).toMatchObject({ allowed: false });
    const uses = (await list(redis)).limits.map(({ subject, used, denied }) => [subject, used, denied]);
    expect(uses.toSorted()).toEqual([
      ['a', 0, 0],
      ['a', 0, 0],
      ['b', 5, 0],
      ['b', 5, 0],
    ]);
    expect(await reset(redis, 'nobody')).toBe(0);
  });

  test('leaves no key without a deadline', async () => {
    for (const algorithm of ['fixed', 'sliding', 'gcra'] as const) {
      const limiter = new Limiter(redis, { algorithm, max: 5, perMs: 60_000 });
      await Promise.all(Array.from({ length: 9 }, () => limiter.hit('s')));
      await limiter.close();
    }
    const keys = await redis.keys('*');
    expect(keys.length).toBe(7);
    for (const key of keys)
      expect([key, await redis.pttl(key)]).toEqual([key, expect.toSatisfy((ttl) => ttl > 0)]);
  });

  test('that cannot be written is written later, with every refusal', async () => {
    const limiter = new Limiter(redis, { max: 1, perMs: 86_400_000 });
    await redis.set('quarterdeck:limit', 'in the way');
    await limiter.hit('s');
    await limiter.hit('s');
    await expect(limiter.close()).rejects.toThrow('WRONGTYPE');
    await limiter.hit('s');
    await redis.del('quarterdeck:limit');
    await limiter.close();
    expect((await list(redis)).limits).toMatchObject([{ subject: 's', used: 1, denied: 2 }]);
  });

  test('costs a hit nothing: a subject is noted once a minute, refusals a few times a second', async () => {
    const limiter = new Limiter(redis, { max: 1_000_000, perMs: 60_000 });
    await limiter.hit('s');
    await limiter.close();
    await redis.config('RESETSTAT');
    for (let i = 0; i < 200; i += 1) await limiter.hit('s');
    await limiter.close();
    expect(await redis.info('commandstats')).not.toContain('cmdstat_zadd');
  });
});

describe('the seed layout', () => {
  test('counts in the key that a program of the legacy layout counts in', async () => {
    const window = async () => Math.floor(Number((await redis.time())[0]) / 60);
    const limiter = new Limiter(redis, { max: 20, perMs: 60_000, layout: 'seed' });
    const key = `7:${await window()}`;
    // What such a program does on a hit.
    await redis.multi().incr(key).expire(key, 60).exec();
    expect(await limiter.hit('7', 2)).toMatchObject({ allowed: true, remaining: 17 });
    expect(await redis.get(key)).toBe('3');
    await redis.multi().incrby(key, 30).expire(key, 60).exec();
    expect(await limiter.hit('7')).toMatchObject({ allowed: false, remaining: 0 });
    expect(await redis.get(key)).toBe('33');
    expect(await redis.keys('7:*')).toEqual([key]);
    await limiter.close();
    expect((await list(redis)).limits).toMatchObject([
      { subject: '7', algorithm: 'fixed', layout: 'seed', limit: 20, used: 20, denied: 1 },
    ]);
    expect(await reset(redis, '7')).toBe(1);
    expect(await redis.exists(key)).toBe(0);
  });

  test("gives its key a deadline, and finds the server's window though our clock is hours off", async () => {
    const real = Date.now;
    Date.now = () => real() + 5 * 3_600_000;
    try {
      const limiter = new Limiter(redis, { max: 20, perMs: 60_000, layout: 'seed' });
      expect(await limiter.hit('8')).toMatchObject({ allowed: true });
    } finally {
      Date.now = real;
    }
    const key = `8:${Math.floor(Number((await redis.time())[0]) / 60)}`;
    expect(await redis.keys('8:*')).toEqual([key]);
    expect(await redis.ttl(key)).toBeLessThanOrEqual(60);
    expect(await redis.ttl(key)).toBeGreaterThanOrEqual(0);
  });
});

describe('names', () => {
  test.each([undefined, null, '', '\ud800', 'x'.repeat(1_000_000), 7, {}])(
    'nobody is called %j',
    async (name) => {
      const subject = name as string;
      const rule = { max: 5, perMs: 86_400_000 };
      const limiter = new Limiter(redis, rule);
      const good = limiter.hit('good');
      await expect(limiter.hit(subject)).rejects.toThrow(UsageError);
      await expect(limiter.peek(subject)).rejects.toThrow(UsageError);
      await expect(new LeasedLimiter(redis, rule, { permits: 2 }).hit(subject)).rejects.toThrow(UsageError);
      await expect(hitAll(redis, [{ ...rule, subject }])).rejects.toThrow(UsageError);
      await expect(reset(redis, subject)).rejects.toThrow(UsageError);
      // Who asked in the same tick is answered.
      expect(await good).toMatchObject({ allowed: true });
      await limiter.close();
      expect(await redis.keys('limit:*')).toEqual(['limit:good:fixed:86400000']);
    },
  );

  test.each(['constructor', '__proto__', 'a:fixed:86400000', 'x\0y', '*', 'a[b]?\\', 'tab\tand\nline'])(
    '%j is limited like anybody',
    async (subject) => {
      const limiter = new Limiter(redis, { max: 5, perMs: 86_400_000 });
      for (const name of [subject, 'other', `${subject}s`]) await limiter.hit(name, 2);
      await limiter.close();
      const { limits } = await listAll(redis);
      expect(limits.map((use) => use.subject).toSorted()).toEqual(
        [subject, 'other', `${subject}s`].toSorted(),
      );
      expect(await reset(redis, subject)).toBe(1);
      expect(await limiter.peek(subject)).toMatchObject({ remaining: 5 });
      expect(await limiter.peek('other')).toMatchObject({ remaining: 3 });
      expect(await limiter.peek(`${subject}s`)).toMatchObject({ remaining: 3 });
    },
  );

  test('plain keys that would be keys of ours are refused', async () => {
    const limiter = new Limiter(redis, { max: 5, perMs: 60_000, layout: 'seed' });
    await expect(limiter.hit('limit:bob:fixed')).rejects.toThrow(UsageError);
    expect(await limiter.hit('limit:bob')).toMatchObject({ allowed: true });
  });
});

test('twenty thousand subjects of one moment are all listed, whatever is noted meanwhile', async () => {
  const limiter = new Limiter(redis, { max: 5, perMs: 86_400_000 });
  const names = Array.from({ length: 20_000 }, (_, id) => `user:${id}`);
  for (let from = 0; from < names.length; from += 1000) {
    await Promise.all(names.slice(from, from + 1000).map((name) => limiter.hit(name)));
  }
  await limiter.close();
  const busy = new Limiter(server.client(), { max: 5, perMs: 86_400_000 });
  const [{ limits }] = await Promise.all([
    listAll(redis),
    (async () => {
      for (const name of names.slice(0, 300)) await busy.hit(name);
      await busy.close();
    })(),
  ]);
  expect(new Set(limits.map(({ subject }) => subject))).toEqual(new Set(names));
  expect((await list(redis, { count: 300 })).limits).toHaveLength(300);
}, 60_000);

test('what others wrote into the index makes no reply large, and hides nobody', async () => {
  const limiter = new Limiter(redis, { max: 5, perMs: 86_400_000 });
  for (const name of ['good', 'bad']) await limiter.hit(name);
  await limiter.close();
  const long = 'x'.repeat(2_000_000);
  await redis.zadd('quarterdeck:limit', 1, `fixed:1000:${long}`, 2, 'nonsense', 3, '');
  await redis.hset('quarterdeck:limit:max', 'fixed:86400000:bad', long);
  await redis.set('limit:bad:fixed:86400000', long);
  const before = await sentBytes();
  const said: string[] = [];
  const { limits } = await listAll(redis, (text) => said.push(text));
  expect(limits).toMatchObject([{ subject: 'good', used: 1 }]);
  expect(said).toEqual([
    expect.stringContaining('1 entry longer than the name of a limit'),
    expect.stringContaining('The maximum of `bad` is not known'),
  ]);
  expect((await list(redis, { count: 100 })).limits).toHaveLength(1);
  expect((await sentBytes()) - before).toBeLessThan(10_000);
});
