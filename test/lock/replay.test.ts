import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { acquire, hold } from '../../source/features/lock/lock.ts';
import { type FaultProxy, startFaultProxy } from '../helpers/fault-proxy.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { renewals } from './renewals.ts';

/** Redis executes, the reply is lost, ioredis sends again: every act must come out as if it had happened once. */

let server: RedisServer;
let proxy: FaultProxy;
let direct: ReturnType<RedisServer['client']>;

beforeAll(async () => {
  server = await startRedis();
  proxy = await startFaultProxy(server.socket);
  direct = server.client();
});
beforeEach(() => direct.flushall());
afterAll(async () => {
  await proxy.close();
  await server.close();
});

const nothingLeft = async (name: string): Promise<void> => {
  expect(await direct.exists(`lock:${name}`, `lock-queue:${name}`, `lock-waiting:${name}`)).toBe(0);
};

test.each([false, true])(
  'acquire, extend and release sent twice; autopipelined: %s',
  async (enableAutoPipelining) => {
    const redis = proxy.client({ enableAutoPipelining });
    let lost = proxy.swallowReplyTo('lock:twice');
    const held = await acquire(redis, 'twice');
    await lost;
    expect(await direct.get('lock:twice')).toBe(held?.token);
    expect(await direct.get('lock-fence:twice')).toBe(String(held?.fence));

    lost = proxy.swallowReplyTo(held?.token ?? '');
    expect(await held?.extend(60_000)).toBe(true);
    await lost;
    expect(await direct.pttl('lock:twice')).toBeGreaterThan(50_000);

    lost = proxy.swallowReplyTo(held?.token ?? '');
    await held?.release();
    await lost;
    await nothingLeft('twice');
  },
);

test('a release sent twice hands over once', async () => {
  const redis = proxy.client();
  const held = await acquire(redis, 'once');
  const second = acquire(server.client(), 'once', { waitMs: 20_000 });
  await vi.waitFor(async () => expect(await direct.zcard('lock-queue:once')).toBe(1), 10_000);
  const third = acquire(server.client(), 'once', { waitMs: 20_000 });
  await vi.waitFor(async () => expect(await direct.zcard('lock-queue:once')).toBe(2), 10_000);
  const lost = proxy.swallowReplyTo(held?.token ?? '');
  await held?.release();
  await lost;
  const next = await second;
  expect(await direct.get('lock:once')).toBe(next?.token);
  expect(await direct.zcard('lock-queue:once')).toBe(1);
  await next?.release();
  await (await third)?.release();
  await nothingLeft('once');
});

test('a waiter whose place was taken but not confirmed keeps it', async () => {
  const held = await acquire(direct, 'place');
  const lost = proxy.swallowReplyTo('lock-waiting:place');
  const first = acquire(proxy.client(), 'place', { waitMs: 20_000 });
  await lost;
  const second = acquire(server.client(), 'place', { waitMs: 20_000 });
  await vi.waitFor(async () => expect(await direct.zcard('lock-queue:place')).toBe(2), 10_000);
  await held?.release();
  const next = await first;
  expect(await direct.get('lock:place')).toBe(next?.token);
  await next?.release();
  await (await second)?.release();
});

test('a grant that was made while nobody heard it is found when the connection is back', async () => {
  const held = await acquire(direct, 'unheard');
  const redis = proxy.client();
  const wait = acquire(redis, 'unheard', { waitMs: 10_000 });
  await vi.waitFor(async () => expect(await direct.zcard('lock-queue:unheard')).toBe(1), 10_000);
  const speak = proxy.silence();
  await held?.release();
  // Its socket is open, so it counts as alive, and the lock is its own although it does not know.
  const granted = await direct.get('lock:unheard');
  expect(granted).not.toBeNull();
  speak();
  proxy.cut();
  const mine = await wait;
  expect(mine?.token).toBe(granted);
  await mine?.release();
  await nothingLeft('unheard');
});

test('connections that break again and again: never two inside, and nobody waits for ever', async () => {
  const clients = [0, 1, 2, 3].map(() => proxy.client({ enableAutoPipelining: true }));
  let inside = 0;
  let most = 0;
  let turns = 0;
  const breaking = setInterval(() => proxy.cut(), 70);
  await Promise.all(
    clients.map(async (redis) => {
      for (let turn = 0; turn < 12; turn += 1) {
        const held = await acquire(redis, 'storm', { ttlMs: 3000, waitMs: 30_000 });
        if (!held) continue;
        inside += 1;
        most = Math.max(most, inside);
        await wait(5);
        inside -= 1;
        turns += 1;
        await held.release();
      }
    }),
  );
  clearInterval(breaking);
  expect([most, turns]).toEqual([1, 48]);
});

test('holding survives a connection that breaks', async () => {
  const held = await hold(proxy.client(), 'survives', { ttlMs: 1500 });
  for (let cut = 0; cut < 5; cut += 1) {
    await renewals(direct, 'lock:survives', 1);
    proxy.cut();
  }
  await vi.waitFor(async () => expect(await direct.pttl('lock:survives')).toBeGreaterThan(750), 10_000);
  expect(held?.signal.aborted).toBe(false);
  await held?.release();
});

test('a wait that ends while Redis is away leaves nothing behind once it is back', async () => {
  const redis = proxy.client();
  await redis.ping();
  const speak = proxy.silence();
  // It would wait for ever: nobody speaks until this is over.
  expect(await acquire(redis, 'away', { waitMs: 100 })).toBeUndefined();
  speak();
  await redis.ping();
  await vi.waitFor(() => nothingLeft('away'), 10_000);
});

test('release does not wait for a silent Redis beyond the TTL', async () => {
  const ttlMs = 200;
  const held = await acquire(proxy.client(), 'patient', { ttlMs });
  const speak = proxy.silence();
  // Timers keep their order on a machine of any speed.
  expect(await Promise.race([held?.release(), wait(ttlMs + 1, 'the end of the TTL')])).toBe(false);
  speak();
});
