import { expect, expectTypeOf, test } from 'vitest';
import {
  hits,
  limit,
  log,
  type QuarterdeckError,
  type Redis,
  shards,
  UsageError,
  type Warning,
} from '../../source/index.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

// hits, limit, log and shards as a program imports them.

const server = await redisForThisFile();
const redis = server.client();

test('hits: counted in memory, flushed on closing, read and removed', async () => {
  {
    await using counter = hits.open(redis, { flushMs: 10_000 });
    counter.add('web', 3);
    counter.add('web');
    expect(() => counter.add('web', -1)).toThrow(UsageError);
  }
  const found = await hits.sum(redis, 'web', { sinceMs: 60_000 });
  expect(found.sum).toBe(4);
  expect(await hits.sum(redis, 'web', { fromAt: found.fromAt, toAt: found.toAt + 10_000 })).toMatchObject({
    sum: 4,
  });
  const points = await hits.points(redis, 'web', { stepMs: 10_000, sinceMs: 60_000 });
  expect(points.reduce((sum, [, count]) => sum + count, 0)).toBe(4);
  expect(await hits.list(redis)).toMatchObject([{ series: 'web', lastHour: 4 }]);
  expect(await hits.status(redis, 'web')).toEqual((await hits.list(redis))[0]);
  expect(await hits.status(redis, 'nosuch')).toBeUndefined();
  expect(await hits.remove(redis, 'web')).toBe(true);
  expect(await hits.remove(redis, 'web')).toBe(false);
  expect(await hits.list(redis)).toEqual([]);
  expect(await redis.keys('hits:*')).toEqual([]);
});

test('hits: a key of a series that holds something else is a warning, and hides no other series', async () => {
  {
    await using counter = hits.open(redis);
    counter.add('odd');
    counter.add('web', 2);
  }
  const [key = ''] = await redis.keys('hits:odd:1h:*');
  await redis.del(key);
  await redis.set(key, 'x');
  const errors: QuarterdeckError[] = [];
  const found = await hits.list(redis, { onEvent: ({ error }) => errors.push(error) });
  expect(found.find(({ series }) => series === 'web')).toMatchObject({ lastHour: 2 });
  expect(errors).toMatchObject([{ code: 'WRONG_TYPE', key }]);
  await redis.del(key);
  for (const series of ['odd', 'web']) await hits.remove(redis, series);
});

test('what is sent by a handle can be cancelled, and is sent with the next', async () => {
  const reason = new Error('enough');
  const signal = AbortSignal.abort(reason);
  await using counter = hits.open(redis, { flushMs: 10_000 });
  counter.add('later');
  await expect(counter.flush({ signal })).rejects.toBe(reason);
  expect((await hits.sum(redis, 'later', { sinceMs: 60_000 })).sum).toBe(0);
  await counter.flush();
  expect((await hits.sum(redis, 'later', { sinceMs: 60_000 })).sum).toBe(1);
  await hits.remove(redis, 'later');
  await using writer = log.open(redis, 'later', { flushMs: 10_000 });
  writer.write('a line');
  await expect(writer.flush({ signal })).rejects.toBe(reason);
  await expect(writer.drained({ signal })).rejects.toBe(reason);
  expect(writer.written).toBe(0);
});

test('limit: spends, refuses, tells, gives back', async () => {
  await using limiter = limit.open(redis, { max: 2, perMs: 60_000 });
  const verdicts = [await limiter.hit('key:1'), await limiter.hit('key:1'), await limiter.hit('key:1')];
  expect(verdicts.map(({ allowed }) => allowed)).toEqual([true, true, false]);
  expect(verdicts[2]).toMatchObject({ max: 2, remaining: 0, isUndecided: false });
  expect(Object.keys(limit.headers(verdicts[2] as limit.Verdict))).toEqual([
    'RateLimit-Policy',
    'RateLimit',
    'Retry-After',
  ]);
  await limiter.close();
  expect(await limit.list(redis)).toMatchObject([{ subject: 'key:1', max: 2, used: 2, denied: 1 }]);
  expect(await limit.status(redis, 'key:1')).toMatchObject({ subject: 'key:1', max: 2, used: 2, denied: 1 });
  expect(await limit.status(redis, 'key:*')).toBeUndefined();
  expect(await limit.remove(redis, 'key:1')).toBe(true);
  expect(await limit.remove(redis, 'nobody')).toBe(false);
  expect((await limit.open(redis, { max: 2, perMs: 60_000 }).peek('key:1')).remaining).toBe(2);
});

test('limit: the status of a subject is its tightest limit', async () => {
  await using limiter = limit.open(redis, [
    { max: 100, perMs: 60_000 },
    { max: 3, perMs: 60_000, algorithm: 'gcra' },
  ]);
  await limiter.hit('both');
  await limiter.close();
  expect((await limit.list(redis)).filter(({ subject }) => subject === 'both')).toHaveLength(2);
  expect(await limit.status(redis, 'both')).toMatchObject({ algorithm: 'gcra', max: 3, remaining: 2 });
});

test('limit: what only keys tell of is listed when asked for, and what holds something else is warned of', async () => {
  await redis.flushall();
  {
    await using limiter = limit.open(redis, { max: 2, perMs: 60_000 });
    await limiter.hit('ours');
  }
  await redis.set('limit:forgotten:fixed:600000', '7', 'PX', 600_000);
  await redis.rpush('limit:odd:fixed:600000', 'x');
  expect((await limit.list(redis)).map(({ subject }) => subject)).toEqual(['ours']);
  const warnings: Warning[] = [];
  const found = await limit.list(redis, { discover: true, onEvent: (event) => warnings.push(event) });
  expect(found).toMatchObject([
    { subject: 'ours', max: 2, used: 1 },
    { subject: 'forgotten', max: undefined, used: 7, perMs: 600_000, remaining: undefined },
  ]);
  expect(warnings.map(({ error }) => error.message).join()).toContain('limit:odd:fixed:600000');
  expect(await limit.list(redis, { discover: true, limit: 1, onEvent: () => {} })).toHaveLength(1);
  await redis.flushall();
});

test('limit: permits taken in batches, and several subjects at once', async () => {
  await using leased = limit.open(redis, { max: 10, perMs: 60_000 }, { lease: 5 });
  expect((await leased.hit('hot')).allowed).toBe(true);
  expect((await leased.peek('hot')).remaining).toBe(5);
  const demand = { max: 1, perMs: 60_000 };
  const both = [
    { ...demand, subject: '{a}:user' },
    { ...demand, subject: '{a}:all' },
  ];
  expect((await limit.hitAll(redis, both)).allowed).toBe(true);
  expect((await limit.hitAll(redis, both)).allowed).toBe(false);
});

test('limit: a Redis that is gone is decided as the caller said', async () => {
  const nowhere = server.client({ path: '/nowhere/at/all', lazyConnect: true, retryStrategy: () => 1000 });
  nowhere.on('error', () => {});
  const limiter = limit.open(nowhere, { max: 1, perMs: 1000 }, { whenDown: 'allow', timeoutMs: 50 });
  expect(await limiter.hit('x')).toMatchObject({ allowed: true, isUndecided: true });
});

test('log: written, counted by template, listed and removed', async () => {
  {
    await using writer = log.open(redis, 'web', { severity: 'error' });
    for (let port = 1; port <= 3; port += 1) writer.write(`upstream 10.0.0.1:${port} timed out`);
    await writer.flush();
    expect(writer.written).toBe(3);
  }
  const { entries, total, hour } = await log.common(redis, 'web', { severity: 'error' });
  expect(total).toBe(3);
  expect(hour).toMatch(/^\d{4}-\d\d-\d\dT\d\d:00:00$/);
  expect(entries[0]?.previousRank).toBeUndefined();
  expect((await log.recent(redis, 'web', { severity: 'error', limit: 2 })).length).toBe(2);
  expect(await log.list(redis)).toEqual([
    { name: 'web', severity: 'error', total: 3, distinct: entries.length },
  ]);
  expect(await log.status(redis, 'web', { severity: 'error' })).toEqual((await log.list(redis))[0]);
  expect(await log.status(redis, 'web')).toBeUndefined();
  expect(await log.remove(redis, 'web', { severity: 'error' })).toBe(true);
  expect(await log.remove(redis, 'web', { severity: 'error' })).toBe(false);
  expect(await log.list(redis)).toEqual([]);
});

test('log: one key of another type hides no other log', async () => {
  await log.open(redis, 'good').close();
  {
    await using writer = log.open(redis, 'good');
    writer.write('fine');
    await using other = log.open(redis, 'bad');
    other.write('fine');
  }
  await redis.set('common:bad:info', 'x');
  const warnings: Warning[] = [];
  expect(await log.list(redis, { onEvent: (event) => warnings.push(event) })).toMatchObject([
    { name: 'bad', total: undefined },
    { name: 'good', total: 1 },
  ]);
  expect(warnings.map(({ error }) => error.code)).toEqual(['WRONG_TYPE']);
  await expect(log.status(redis, 'bad')).rejects.toThrow('common:bad:info');
});

test('watch gives a list again when it changed, and ends with its signal', async () => {
  await redis.flushall();
  const controller = new AbortController();
  const seen: string[][] = [];
  for await (const statuses of hits.watch(redis, { signal: controller.signal, intervalMs: 10 })) {
    seen.push(statuses.map(({ series }) => series));
    if (seen.length === 1) {
      const counter = hits.open(redis);
      counter.add('new');
      await counter.close();
    } else {
      controller.abort();
    }
  }
  expect(seen).toEqual([[], ['new']]);
});

test('watch warns of a key once, not with each reading', async () => {
  const controller = new AbortController();
  const warned: string[] = [];
  let readings = 0;
  const reading = redis.duplicate();
  const list = {
    signal: controller.signal,
    intervalMs: 5,
    onEvent: ({ error }: Warning) => warned.push(error.message),
  };
  await redis.set('common:odd:info', 'x');
  await redis.zadd('quarterdeck:log', 0, 'odd:info');
  for await (const _ of log.watch(reading, list)) {
    readings += 1;
    if (readings < 3) await redis.zadd('quarterdeck:log', 0, `more-${readings}:info`);
    else controller.abort();
  }
  expect(warned.filter((message) => message.includes('odd'))).toHaveLength(1);
});

test('a cancelled call rejects with the reason of its signal', async () => {
  const reason = new Error('enough');
  await expect(hits.list(redis, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  await expect(limit.list(redis, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  await expect(log.list(redis, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test('shards: a ring routes keys, refuses another order, and tells each server', async () => {
  await using ring = await shards.open([redis]);
  expect(ring.indexOf('any')).toBe(0);
  expectTypeOf(ring.clientOf('any')).toEqualTypeOf<Redis>();
  expect(ring.clientOf('any')).toBe(redis);
  expect(await shards.list(ring)).toMatchObject([{ shard: 0, role: 'primary', state: 'up' }]);
  expect(await shards.status(ring, 0)).toMatchObject({ shard: 0, role: 'primary', state: 'up' });
  expect(await shards.status(ring, 1)).toBeUndefined();
});
