import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { UsageError, WrongTypeError } from '../../source/errors.ts';
import { Hits } from '../../source/features/hits/hits.ts';
import {
  overview,
  seriesNames,
  seriesPoints,
  sum,
  sumBetween,
  sumToday,
} from '../../source/features/hits/read.ts';
import { seedPoints, seedSum } from '../../source/features/hits/read-seed.ts';
import { awayFromTheEnd, hourMs } from '../helpers/clock.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { type RedisServer, redisForThisFile, startRedis } from '../helpers/redis-server.ts';

let redis: ReturnType<RedisServer['client']>;
const server = await redisForThisFile();
beforeEach(async () => {
  await awayFromTheEnd(hourMs, 10_000);
  redis = server.client({ enableAutoPipelining: true });
  await redis.flushall();
});
afterEach(() => redis.disconnect());

const day = { sinceMs: 86_400_000 };
const total = async (series: string): Promise<number> => (await sum(redis, series, day)).sum;
/** A moment from now, by the server's clock: what lies ahead counts as now. */
const sentBytes = async (): Promise<number> =>
  Number(/total_net_output_bytes:(\d+)/.exec(await redis.info('stats'))?.[1]);
const nowMs = async (): Promise<number> => Number((await redis.time())[0]) * 1000 + 2000;

test('what is added is in every sum after a flush', async () => {
  const hits = new Hits(redis);
  for (let i = 0; i < 1000; i += 1) hits.add('web');
  hits.add('api', 41);
  hits.add('api', 0);
  await hits.close();
  expect(await total('web')).toBe(1000);
  expect((await sumToday(redis, 'api')).sum).toBe(41);
  expect((await sum(redis, 'api', { sinceMs: 20_000 })).sum).toBe(41);
  expect((await seriesNames(redis)).toSorted()).toEqual(['api', 'web']);
  expect(await overview(redis, ['web', 'none'])).toEqual([
    { series: 'web', today: 1000, yesterday: 0, lastHour: 1000 },
    { series: 'none', today: 0, yesterday: 0, lastHour: 0 },
  ]);
  const points = await seriesPoints(redis, 'web', { stepMs: 10_000, sinceMs: 60_000 });
  expect(points).toHaveLength(7);
  expect(points.reduce((all, [, count]) => all + count, 0)).toBe(1000);
});

test('flushes by itself, many hits in one batch', async () => {
  const hits = new Hits(redis, { flushMs: 50 });
  await redis.config('RESETSTAT');
  for (let i = 0; i < 50_000; i += 1) hits.add('web');
  await vi.waitFor(async () => expect(await total('web')).toBe(50_000));
  expect(await redis.info('commandstats')).toMatch(/cmdstat_hincrby:calls=2,/);
});

test('every key has a deadline that does not move', async () => {
  const hits = new Hits(redis, { keepMs: 2 * 86_400_000, keepHourlyMs: 10 * 86_400_000 });
  hits.add('web');
  await hits.flush();
  const [raw = ''] = await redis.keys('hits:web:10s:*');
  const [hourly = ''] = await redis.keys('hits:web:1h:*');
  const deadlines = async () => [await redis.pexpiretime(raw), await redis.pexpiretime(hourly)];
  const hour = Date.parse(`${raw.slice('hits:web:10s:'.length)}:00:00Z`);
  const first = await deadlines();
  expect(first).toEqual([
    hour + 3_600_000 + 2 * 86_400_000,
    Date.parse(`${hourly.slice('hits:web:1h:'.length)}T00:00:00Z`) + 11 * 86_400_000,
  ]);
  hits.add('web');
  await hits.close();
  expect(await deadlines()).toEqual(first);
  expect(await redis.pttl('hits:web:writers')).toBeGreaterThan(0);
});

describe('a batch that is sent again', () => {
  test('counts once', async () => {
    const proxy = await startFaultProxy(server.socket);
    const hits = new Hits(proxy.client({ enableAutoPipelining: true }));
    hits.add('web', 1);
    await hits.flush();
    for (let count = 2; count <= 20; count += 1) {
      const lost = proxy.swallowReplyTo('evalsha');
      hits.add('web', count);
      await hits.flush();
      await lost;
    }
    expect(await total('web')).toBe(210);
    expect(proxy.accepted()).toBeGreaterThan(15);
    await proxy.close();
  });

  test('by four writers whose connections break all the time: nothing is lost, nothing doubled', async () => {
    const proxy = await startFaultProxy(server.socket);
    const fleet = Array.from(
      { length: 4 },
      () => new Hits(proxy.client({ enableAutoPipelining: true }), { flushMs: 10 }),
    );
    const breaking = setInterval(() => proxy.cut(), 25);
    let added = 0;
    for (let round = 0; round < 100; round += 1) {
      for (const [i, hits] of fleet.entries()) {
        hits.add('web', i + 1);
        hits.add(`other ${i}`, 7);
        added += i + 1;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    clearInterval(breaking);
    await Promise.all(fleet.map((hits) => hits.close()));
    expect(await total('web')).toBe(added);
    for (const i of fleet.keys()) expect(await total(`other ${i}`)).toBe(700);
    expect(proxy.accepted()).toBeGreaterThan(8);
    await proxy.close();
  });

  test('after a failover that lost the last batch is not taken for a replay', async () => {
    const hits = new Hits(redis);
    hits.add('web', 5);
    await hits.flush();
    const saved = await Promise.all(
      (await redis.keys('hits:*')).map(async (key) => [key, await redis.dumpBuffer(key)] as const),
    );
    hits.add('web', 6);
    await hits.flush();
    // What a replica that missed the last batch would hold.
    for (const [key, dump] of saved) if (dump) await redis.restore(key, 60_000, dump, 'REPLACE');
    hits.add('web', 7);
    await hits.close();
    expect(await total('web')).toBe(12);
  });
});

describe('time', () => {
  test("is the server's: a clock five hours off counts in the same bucket", async () => {
    const real = Date.now;
    Date.now = () => real() + 5 * 3_600_000;
    try {
      const hits = new Hits(redis);
      hits.add('web', 3);
      await hits.close();
    } finally {
      Date.now = real;
    }
    const at = await nowMs();
    expect((await sumBetween(redis, 'web', { fromMs: at - 20_000, toMs: at })).sum).toBe(3);
    expect(await redis.keys('hits:web:10s:*')).toHaveLength(1);
  });

  test('of a hit is when it happened, also when an outage kept it waiting', async () => {
    const hits = new Hits(redis, { flushMs: 10_000 });
    const realNow = performance.now.bind(performance);
    const jumped = vi.spyOn(performance, 'now');
    hits.add('web', 1);
    jumped.mockImplementation(() => realNow() + 60_000);
    hits.add('web', 2);
    await hits.close();
    jumped.mockRestore();
    const at = await nowMs();
    expect((await sumBetween(redis, 'web', { fromMs: at - 30_000, toMs: at })).sum).toBe(2);
    expect((await sumBetween(redis, 'web', { fromMs: at - 90_000, toMs: at })).sum).toBe(3);
  });
});

test('where buckets have gone whole hours count, and the answer marks it', async () => {
  const hits = new Hits(redis);
  hits.add('web', 3);
  await hits.close();
  const [raw = ''] = await redis.keys('hits:web:10s:*');
  await redis.del(raw);
  const hour = Date.parse(`${raw.slice('hits:web:10s:'.length)}:00:00Z`);
  const found = await sumBetween(redis, 'web', { fromMs: hour + 600_000, toMs: hour + 1_200_000 });
  expect(found).toMatchObject({ fromMs: hour, sum: 3 });
});

describe('an outage', () => {
  test('loses nothing: what was added meanwhile goes out afterwards', async () => {
    const own = await startRedis();
    const client = own.client({ retryStrategy: () => 20 });
    const hits = new Hits(client, { flushMs: 20 });
    hits.add('web');
    await hits.flush();
    await own.stop('SIGTERM');
    for (let i = 0; i < 100; i += 1) hits.add('web', 2);
    await own.start();
    await hits.close();
    // The server came back empty: the first hit went with it.
    expect((await sum(client, 'web', day)).sum).toBe(200);
    await own.close();
  });

  test('that only slows a flush down: what was added meanwhile goes out by itself', async () => {
    const proxy = await startFaultProxy(server.socket);
    const client = proxy.client();
    await client.ping();
    const hits = new Hits(client, { flushMs: 10 });
    const speakAgain = proxy.silence();
    const sent = vi.spyOn(client, 'sendCommand');
    hits.add('web', 1);
    await vi.waitFor(() => expect(sent).toHaveBeenCalled());
    hits.add('web', 2);
    // The timer goes off meanwhile, and finds a flush under way.
    await new Promise((resolve) => setTimeout(resolve, 30));
    speakAgain();
    await vi.waitFor(async () => expect(await total('web')).toBe(3));
    await proxy.close();
  });

  test('of memory keeps the counts for the next flush', async () => {
    const failures: unknown[] = [];
    const hits = new Hits(redis, { flushMs: 10, onError: (error) => failures.push(error) });
    await redis.config('SET', 'maxmemory', '1');
    hits.add('web', 4);
    await vi.waitFor(() => expect(failures).not.toHaveLength(0));
    await expect(hits.flush()).rejects.toThrow('OOM');
    hits.add('web', 5);
    await redis.config('SET', 'maxmemory', '0');
    await hits.close();
    expect(await total('web')).toBe(9);
  });
});

describe('misuse and foreign keys', () => {
  test.each([-1, 0.5, Number.NaN, 1e15])('a count of %s is refused', (count) => {
    expect(() => new Hits(redis).add('web', count)).toThrow('whole number from 0');
  });

  test.each([
    { flushMs: 1 },
    { keepMs: 1000 },
    { keepHourlyMs: 3_600_000 },
    { keepMs: 20 * 86_400_000, keepHourlyMs: 86_400_000 },
  ])('%j is refused', (options) => {
    expect(() => new Hits(redis, options)).toThrow('whole milliseconds');
  });

  test.each(['1h', '10s'])(
    'a key that holds something else (%s): nothing is written, nothing lost',
    async (layer) => {
      const hits = new Hits(redis);
      hits.add('web');
      await hits.flush();
      const keys = await redis.keys('hits:web:*');
      const key = keys.find((name) => name.startsWith(`hits:web:${layer}:`)) ?? '';
      await redis.set(key, 'x');
      hits.add('web', 5);
      const expected = { code: 'WRONG_TYPE', message: expect.stringContaining(key) };
      await expect(hits.flush()).rejects.toMatchObject(expected);
      if (layer === '1h') await expect(sum(redis, 'web', day)).rejects.toMatchObject(expected);
      expect(await redis.get(key)).toBe('x');
      await redis.del(...keys);
      await hits.close();
      expect(await total('web')).toBe(5);
    },
  );

  test('a count too large to be exact is refused by its key, and hides no other series', async () => {
    await using hits = new Hits(redis);
    hits.add('web', 5);
    hits.add('api', 7);
    await hits.flush();
    for (const key of await redis.keys('hits:web:1*')) await redis.hset(key, '0', '9223372036854775807');
    await redis.hset(
      `hits:web:10s:${new Date(await nowMs()).toISOString().slice(0, 13)}`,
      '1',
      '9223372036854775807',
    );
    await expect(sum(redis, 'web', { sinceMs: 20_000 })).rejects.toThrow(WrongTypeError);
    expect(await overview(redis, ['api', 'web'])).toMatchObject([
      { series: 'api', today: 7 },
      { series: 'web' },
    ]);
  });

  test.each([undefined, null, '', '\ud800', 'x'.repeat(1_000_000), 7, {}])(
    'no series is called %j',
    async (name) => {
      const hits = new Hits(redis);
      expect(() => hits.add(name as string)).toThrow(UsageError);
      await hits.close();
      expect(await redis.dbsize()).toBe(0);
    },
  );

  test.each(['constructor', '__proto__', 'a:10s:2026-11-28T10', 'web:writers', 'x\0y'])(
    '%j is a series like any other',
    async (name) => {
      await using hits = new Hits(redis);
      hits.add(name, 3);
      hits.add('web', 4);
      await hits.flush();
      expect(await overview(redis, [name, 'web'])).toMatchObject([
        { series: name, today: 3 },
        { series: 'web', today: 4 },
      ]);
    },
  );

  test('years are summed by commands of a bounded size', async () => {
    const client = server.client();
    const words: number[] = [];
    const send = client.sendCommand.bind(client);
    Object.assign(client, {
      sendCommand(command: Parameters<typeof send>[0], ...rest: never[]) {
        words.push(1 + command.args.length);
        return send(command, ...rest);
      },
    });
    const nowMs = Date.now();
    for (const daysAgo of [0, 1, 399, 400, 1500, 3000]) {
      const day = new Date(nowMs - daysAgo * 86_400_000).toISOString().slice(0, 10);
      await redis.hset(`hits:web:1h:${day}`, '0', '1');
    }
    const window = { fromMs: nowMs - 3600 * 86_400_000, toMs: nowMs };
    expect((await sumBetween(client, 'web', window)).sum).toBe(6);
    expect(words.length).toBeGreaterThan(3);
    expect(Math.max(...words)).toBeLessThanOrEqual(3000);
  });

  test('fields of others among ours count for nothing', async () => {
    const hits = new Hits(redis);
    hits.add('web', 5);
    await hits.close();
    for (const key of await redis.keys('hits:web:1*')) await redis.hset(key, { note: '3', 400: 'many' });
    const at = await nowMs();
    const window = { fromMs: at - 20_000, toMs: at + 20_000 };
    expect((await sumBetween(redis, 'web', window)).sum).toBe(5);
    expect(await total('web')).toBe(5);
  });
});

describe('plain keys', () => {
  test('counts in, and reads, the keys of programs that round the epoch down to 10 s', async () => {
    const hits = new Hits(redis, { layout: 'seed' });
    hits.add('7', 3);
    await hits.close();
    const at = await nowMs();
    const [key = ''] = await redis.keys('7:*');
    const epoch = Number(key.slice(2));
    expect(epoch % 10).toBe(0);
    expect(Math.abs(epoch - at / 1000)).toBeLessThan(20);
    expect(await redis.get(key)).toBe('3');
    expect(await redis.pttl(key)).toBeGreaterThan(2 * 86_400_000);
    // What such a program does on hits, now and this morning.
    await redis.incr(key);
    await redis.set(`7:${epoch - 40_000}`, '10');
    expect((await seedSum(redis, '7', 86_400_000)).sum).toBe(14);
    expect((await seedSum(redis, '7', 3_600_000)).sum).toBe(4);
    const points = await seedPoints(redis, '7', { stepMs: 60_000, sinceMs: 12 * 3_600_000 });
    expect(points.reduce((all, [, count]) => all + count, 0)).toBe(14);
    expect(await redis.keys('hits:*')).toEqual(['hits:7:writers']);
  });

  test('those of programs that divide it are read as well', async () => {
    const bucket = Math.floor(Number((await redis.time())[0]) / 10);
    await redis.mset(`7:${bucket}`, 5, `7:${bucket}0`, 7, `7:${bucket - 60}`, 100, `7:${bucket - 60}0`, 1000);
    expect((await seedSum(redis, '7', 60_000)).sum).toBe(12);
    expect((await seedSum(redis, '7', 3_600_000)).sum).toBe(1112);
    const points = await seedPoints(redis, '7', { stepMs: 10_000, sinceMs: 3_600_000 });
    expect(points.filter(([, count]) => count > 0).map(([, count]) => count)).toEqual([1100, 12]);
  });

  test('a number too large to be exact, or a long text, is refused by its key', async () => {
    const bucket = Math.floor(Number((await redis.time())[0]) / 10);
    await redis.set(`7:${bucket}0`, '9007199254740993');
    await expect(seedSum(redis, '7', 60_000)).rejects.toThrow(`7:${bucket}0`);
    await redis.set(`7:${bucket}0`, '1'.repeat(5_000_000));
    const before = await sentBytes();
    await expect(seedSum(redis, '7', 60_000)).rejects.toThrow(`7:${bucket}0`);
    expect((await sentBytes()) - before).toBeLessThan(10_000);
  });

  test('counts a batch that is sent again once', async () => {
    const proxy = await startFaultProxy(server.socket);
    const hits = new Hits(proxy.client(), { layout: 'seed' });
    hits.add('7');
    await hits.flush();
    const lost = proxy.swallowReplyTo('evalsha');
    hits.add('7');
    await hits.flush();
    await lost;
    expect((await seedSum(redis, '7', 60_000)).sum).toBe(2);
    await proxy.close();
  });
});
