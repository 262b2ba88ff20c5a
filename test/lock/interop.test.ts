import { randomUUID } from 'node:crypto';
import { Mutex } from 'redis-semaphore';
import { describe, expect, test, vi } from 'vitest';
import { acquire } from '../../source/features/lock/lock.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client();
const python = server.client();

/** What redis-py's Lock sends: SET NX PX to acquire, this script to release. */
const releaseLua = `
    local token = redis.call('get', KEYS[1])
    if not token or token ~= ARGV[1] then
        return 0
    end
    redis.call('del', KEYS[1])
    return 1
`;
const take = (token: string, ttlMs: number) => python.set('lock:shared', token, 'PX', ttlMs, 'NX');
const give = (token: string) => python.eval(releaseLua, 1, 'lock:shared', token);

describe("redis-py's Lock", () => {
  test('is excluded by ours, and cannot release it', async () => {
    const held = await acquire(redis, 'shared');
    const token = randomUUID().replaceAll('-', '');
    expect(await take(token, 10_000)).toBeNull();
    expect(await give(token)).toBe(0);
    await held?.release();
    expect(await take(token, 10_000)).toBe('OK');
    expect(await give(token)).toBe(1);
  });

  test('excludes ours, and its early release is noticed long before its TTL', async () => {
    const token = randomUUID().replaceAll('-', '');
    await take(token, 60_000);
    expect(await acquire(redis, 'shared')).toBeUndefined();
    const waits = Promise.all(
      [1, 2, 3].map(() => acquire(redis, 'shared', { waitMs: 10_000 }).then((h) => h?.release())),
    );
    await vi.waitFor(async () => expect(await redis.zcard('lock-queue:shared')).toBe(3), 10_000);
    expect(await give(token)).toBe(1);
    expect(await waits).toEqual([true, true, true]);
  });

  test('may get in ahead of our queue, but never beside it', async () => {
    const held = await acquire(redis, 'shared');
    const wait = acquire(redis, 'shared', { waitMs: 10_000 });
    await vi.waitFor(async () => expect(await redis.zcard('lock-queue:shared')).toBe(1), 10_000);
    // Handed over by the release itself, so there is no moment in which it is free.
    await held?.release();
    expect(await take('barges', 10_000)).toBeNull();
    await (await wait)?.release();
  });

  test('of the book, without a TTL, is waited for and never repaired by us', async () => {
    await python.setnx('lock:shared', 'eternal');
    expect(await acquire(redis, 'shared', { waitMs: 300 })).toBeUndefined();
    expect(await redis.pttl('lock:shared')).toBe(-1);
    await python.del('lock:shared');
  });

  test('four of each at once: never two inside', async () => {
    let inside = 0;
    let most = 0;
    const turns = { ours: 0, theirs: 0 };
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setTimeout(resolve, 1));
      inside -= 1;
    };
    const until = performance.now() + 1500;
    const ours = async (): Promise<void> => {
      while (performance.now() < until) {
        const held = await acquire(redis, 'shared', { waitMs: 10_000 });
        await work();
        turns.ours += 1;
        await held?.release();
      }
    };
    const theirs = async (): Promise<void> => {
      while (performance.now() < until) {
        const token = randomUUID();
        if ((await take(token, 10_000)) === 'OK') {
          await work();
          turns.theirs += 1;
          await give(token);
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await Promise.all([ours, ours, ours, ours, theirs, theirs, theirs, theirs].map((run) => run()));
    expect(most).toBe(1);
    expect(turns.ours).toBeGreaterThan(0);
  });
});

test("redis-semaphore's Mutex, given a client that puts `lock:` before its keys, excludes ours and is excluded", async () => {
  const mutex = new Mutex(server.client({ keyPrefix: 'lock:' }), 'shared', { acquireTimeout: 100 });
  expect(await mutex.tryAcquire()).toBe(true);
  expect(await acquire(redis, 'mutex:shared')).toBeUndefined();
  await mutex.release();
  const held = await acquire(redis, 'mutex:shared');
  expect(held).toBeDefined();
  expect(await mutex.tryAcquire()).toBe(false);
  await held?.release();
});
