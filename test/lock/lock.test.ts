import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { acquire, hold } from '../../source/features/lock/lock.ts';
import { ownerOf } from '../../source/features/lock/token.ts';
import { extend } from '../../source/features/lock/token-commands.ts';
import { redisForThisFile, startRedis } from '../helpers/redis-server.ts';
import { renewals } from './renewals.ts';

const server = await redisForThisFile();
const redis = server.client();
const other = server.client();

describe('a free lock', () => {
  test('is taken with a token, a fence and a TTL, and is free after release', async () => {
    const held = await acquire(redis, 'a', { ttlMs: 5000, label: 'deploy: web & co' });
    expect(held?.fence).toBeGreaterThan(1e15);
    expect(await redis.get('lock:a')).toBe(held?.token);
    expect(await redis.pttl('lock:a')).toBeGreaterThan(4000);
    expect(ownerOf(held?.token ?? '')).toMatchObject({ pid: process.pid, label: 'deploy: web & co' });
    expect(await held?.release()).toBe(true);
    expect(await redis.exists('lock:a')).toBe(0);
    expect(await held?.release()).toBe(false);
  });

  test('gives every holder a higher fence, even when the clock stepped back', async () => {
    const first = await acquire(redis, 'fenced');
    await first?.release();
    await redis.set('lock-fence:fenced', '9000000000000001');
    const second = await acquire(other, 'fenced');
    expect(second?.fence).toBe(9000000000000002);
    const third = acquire(redis, 'fenced', { waitMs: 5000 });
    await vi.waitFor(async () => expect(await redis.zcard('lock-queue:fenced')).toBe(1), 10_000);
    await second?.release();
    expect((await third)?.fence).toBe(9000000000000003);
  });

  test('gives every holder a higher fence, even when the last one was lost within the same moment', async () => {
    let last = 0;
    for (let round = 0; round < 200; round += 1) {
      const held = await acquire(redis, 'lost');
      expect(held?.fence).toBeGreaterThan(last);
      last = held?.fence ?? 0;
      if (round % 20 === 7) await redis.del('lock-fence:lost');
      await held?.release();
      if (round % 20 === 17) await redis.del('lock-fence:lost');
      // What a failover or a partial restore brings back.
      if (round % 20 === 13) await redis.set('lock-fence:lost', String(last - 100));
    }
  });

  test('tells its holder of a higher fence, never a lower one, when the counter was lost', async () => {
    const held = await acquire(redis, 'fenceless', { ttlMs: 60_000 });
    await redis.del('lock-fence:fenceless');
    const extended = await extend(redis, 'fenceless', held?.token ?? '', 60_000);
    expect(extended?.fence).toBeGreaterThan(held?.fence ?? Number.POSITIVE_INFINITY);
    await held?.release();
    expect((await acquire(redis, 'fenceless'))?.fence).toBeGreaterThan(
      extended?.fence ?? Number.POSITIVE_INFINITY,
    );
  });

  test.each(['9007199254740991', '12x', '-3', '1e15', ' 7'])(
    'is refused where its fence holds %s, and what lies there stays',
    async (value) => {
      await redis.set('lock-fence:odd', value, 'EX', 1000);
      await expect(acquire(redis, 'odd')).rejects.toMatchObject({ code: 'WRONG_TYPE' });
      expect(await redis.get('lock-fence:odd')).toBe(value);
      expect(await redis.exists('lock:odd')).toBe(0);
    },
  );

  test('is released at the end of its scope', async () => {
    {
      await using held = await acquire(redis, 'scoped');
      expect(held).toBeDefined();
      expect(await other.exists('lock:scoped')).toBe(1);
    }
    expect(await other.exists('lock:scoped')).toBe(0);
  });
});

test('what is wanted in one tick travels as one command, and one failure is the failure of one', async () => {
  await redis.lpush('lock:tick:7', 'data');
  await redis.lpush('lock-fence:tick:8', 'data');
  await redis.set('lock:tick:9', 'foreign');
  const evaluated = async (): Promise<number> =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
  const before = await evaluated();
  const taken = await Promise.allSettled(
    Array.from({ length: 250 }, (_, index) => acquire(redis, `tick:${index}`)),
  );
  const refused = taken.filter(({ status }) => status === 'rejected');
  expect(refused).toMatchObject([{ reason: { code: 'WRONG_TYPE' } }, { reason: { code: 'WRONG_TYPE' } }]);
  expect(await redis.exists('lock:tick:8')).toBe(0);
  const held = taken.flatMap((result) =>
    result.status === 'fulfilled' && result.value ? [result.value] : [],
  );
  expect(held).toHaveLength(247);
  expect(new Set(held.map(({ token }) => token)).size).toBe(247);
  const released = await Promise.all(held.map((one) => one.release()));
  expect(released).toEqual(held.map(() => true));
  // A hundred locks a command.
  expect((await evaluated()) - before).toBe(6);
});

describe('a held lock', () => {
  test('refuses others at once without a wait, and in time with one', async () => {
    await using _held = await acquire(redis, 'busy');
    expect(await acquire(other, 'busy')).toBeUndefined();
    expect(await acquire(other, 'busy', { waitMs: 60 })).toBeUndefined();
    await vi.waitFor(async () => expect(await redis.exists('lock-queue:busy')).toBe(0), 10_000);
  });

  test('goes to the first in line, in the order of arrival, within one client and between clients', async () => {
    const order: number[] = [];
    const held = await acquire(redis, 'line');
    const waits: Promise<void>[] = [];
    for (let index = 0; index < 12; index += 1) {
      const wait = acquire(index % 3 === 0 ? redis : other, 'line', { waitMs: 10_000 });
      waits.push(
        wait.then(async (mine) => {
          order.push(index);
          await mine?.release();
        }),
      );
      await vi.waitFor(async () => expect(await redis.zcard('lock-queue:line')).toBe(index + 1), 10_000);
    }
    await held?.release();
    await Promise.all(waits);
    expect(order).toEqual([...order.keys()]);
    expect(await redis.exists('lock:line', 'lock-queue:line', 'lock-waiting:line')).toBe(0);
  });

  test('does not let a newcomer pass the line', async () => {
    const held = await acquire(redis, 'pass');
    const waiter = acquire(other, 'pass', { waitMs: 15_000, ttlMs: 5000 });
    await vi.waitFor(async () => expect(await redis.zcard('lock-queue:pass')).toBe(1), 10_000);
    await redis.del('lock:pass');
    expect(await acquire(redis, 'pass')).toBeUndefined();
    expect((await waiter)?.token).toBe(await redis.get('lock:pass'));
    await held?.release();
  });

  test('is waited for nearly in silence: one look a second, however many wait at a client', async () => {
    const held = await acquire(redis, 'silent', { ttlMs: 60_000 });
    const waits = Array.from({ length: 50 }, () => acquire(other, 'silent', { waitMs: 60_000 }));
    await vi.waitFor(async () => expect(await redis.zcard('lock-queue:silent')).toBe(50), 10_000);
    const scripts = async (): Promise<number> =>
      [...(await redis.info('commandstats')).matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce(
        (sum, [, calls]) => sum + Number(calls),
        0,
      );
    const before = await scripts();
    const since = await redis.pttl('lock:silent');
    await vi.waitFor(async () => expect(await scripts()).toBeGreaterThan(before + 1));
    const seconds = (since - (await redis.pttl('lock:silent'))) / 1000;
    expect((await scripts()) - before).toBeLessThanOrEqual(seconds + 1);
    await held?.release();
    for (const wait of waits) await (await wait)?.release();
  });

  test('goes on when its holder dies: the next in line has it right after the TTL', async () => {
    await acquire(redis, 'died', { ttlMs: 300 });
    // Without a look at the TTL it would be half a minute until the next one.
    const next = await acquire(other, 'died', { waitMs: 15_000 });
    expect(next).toBeDefined();
    await next?.release();
  });

  test('skips waiters whose connection is gone', async () => {
    const held = await acquire(redis, 'dead');
    const doomed = server.client();
    const controller = new AbortController();
    const lost = acquire(doomed, 'dead', { waitMs: 5000, signal: controller.signal }).catch(() => undefined);
    await vi.waitFor(async () => expect(await redis.zcard('lock-queue:dead')).toBe(1), 10_000);
    const alive = acquire(other, 'dead', { waitMs: 5000 });
    await vi.waitFor(async () => expect(await redis.zcard('lock-queue:dead')).toBe(2), 10_000);
    doomed.disconnect();
    await vi.waitFor(
      async () => expect(await redis.pubsub('CHANNELS', 'lock-wake:dead:*')).toHaveLength(1),
      10_000,
    );
    await held?.release();
    const next = await alive;
    expect(next?.token).toBe(await redis.get('lock:dead'));
    await next?.release();
    controller.abort();
    await lost;
  });

  test('can be given up while waiting: the signal rejects, the place is free, nothing is held', async () => {
    const held = await acquire(redis, 'abort');
    const controller = new AbortController();
    const wait = acquire(other, 'abort', { waitMs: 5000, signal: controller.signal });
    await vi.waitFor(async () => expect(await redis.zcard('lock-queue:abort')).toBe(1), 10_000);
    controller.abort(new Error('enough'));
    await expect(wait).rejects.toThrow('enough');
    await vi.waitFor(async () => expect(await redis.exists('lock-queue:abort')).toBe(0), 10_000);
    await held?.release();
    expect(await redis.exists('lock:abort')).toBe(0);
  });
});

test('thirty-two that want it again and again get it equally often', async () => {
  const clients = Array.from({ length: 8 }, () => server.client());
  const turns = new Array<number>(32).fill(0);
  let left = 640;
  const first = await acquire(redis, 'fair', { ttlMs: 60_000 });
  const all = turns.map(async (_, index) => {
    for (;;) {
      await using _held = await acquire(clients[index % 8] ?? redis, 'fair', { waitMs: 60_000 });
      left -= 1;
      if (left < 0) return;
      turns[index] = (turns[index] ?? 0) + 1;
    }
  });
  await vi.waitFor(async () => expect(await redis.zcard('lock-queue:fair')).toBe(32), 20_000);
  await first?.release();
  await Promise.all(all);
  const sum = turns.reduce((total, value) => total + value, 0);
  const squares = turns.reduce((total, value) => total + value ** 2, 0);
  // Jain's index.
  expect(sum ** 2 / (turns.length * squares)).toBeGreaterThanOrEqual(0.99);
});

describe('holding', () => {
  test('extends by the token only, and says when the lock is gone', async () => {
    const held = await acquire(redis, 'extend', { ttlMs: 5000 });
    expect(await held?.extend(50_000)).toBe(true);
    expect(await redis.pttl('lock:extend')).toBeGreaterThan(40_000);
    await redis.set('lock:extend', 'another');
    const { signal } = held ?? {};
    expect(await held?.extend()).toBe(false);
    expect(signal?.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'gone' });
    expect(await held?.release()).toBe(false);
    expect(await redis.get('lock:extend')).toBe('another');
  });

  test('renews beyond the TTL until released', async () => {
    const held = await hold(redis, 'renewed', { ttlMs: 1500 });
    await renewals(redis, 'lock:renewed', 4);
    expect(held?.signal.aborted).toBe(false);
    expect(await redis.get('lock:renewed')).toBe(held?.token);
    await held?.release();
    expect(await redis.exists('lock:renewed')).toBe(0);
  });

  test('aborts within the TTL when the server falls silent', async () => {
    const frozen = await startRedis();
    const ttlMs = 400;
    const held = await hold(frozen.client(), 'frozen', { ttlMs });
    const doubt = new Promise((resolve) => held?.signal.addEventListener('abort', () => resolve('doubt')));
    frozen.signal('SIGSTOP');
    // Timers keep their order on a machine of any speed.
    expect(await Promise.race([doubt, wait(ttlMs, 'the end of the TTL')])).toBe('doubt');
    expect(held?.signal.reason).toMatchObject({ code: 'LOCK_LOST', reason: 'doubt' });
    expect(await held?.release()).toBe(false);
    frozen.signal('SIGCONT');
    await frozen.close();
  });
});

describe('bad input', () => {
  test.each([99, -1, Number.NaN, 150.5])('a TTL of %s is refused', async (ttlMs) => {
    await expect(acquire(redis, 'bad', { ttlMs })).rejects.toMatchObject({ kind: 'usage', code: 'LOCK_TTL' });
  });

  test.each(['lock', 'lock-queue', 'lock-waiting', 'lock-fence'])(
    'foreign data under %s is refused',
    async (prefix) => {
      const key = `${prefix}:mine-${prefix}`;
      await redis.lpush(key, 'x');
      const attempt = async (): Promise<void> => {
        const held = await acquire(redis, `mine-${prefix}`, { waitMs: 50 });
        await acquire(other, `mine-${prefix}`, { waitMs: 2000 });
        await held?.release();
      };
      await expect(attempt()).rejects.toMatchObject({ kind: 'data', code: 'WRONG_TYPE' });
      expect(await redis.type(key)).toBe('list');
    },
  );
});
