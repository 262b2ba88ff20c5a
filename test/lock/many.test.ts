import { describe, expect, test } from 'vitest';
import { readConfig } from '../../source/config.ts';
import { doctor } from '../../source/features/lock/doctor.ts';
import { feed } from '../../source/features/lock/feed.ts';
import feature from '../../source/features/lock/index.ts';
import { list, status } from '../../source/features/lock/inspect.ts';
import { acquire } from '../../source/features/lock/lock.ts';
import { initial } from '../../source/features/lock/state.ts';
import { breakLock } from '../../source/features/lock/token-commands.ts';
import { needSentence } from '../../source/need.ts';
import { run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** However many locks there are, and however much others keep in them. */

const server = await redisForThisFile();
const redis = server.client();
const config = readConfig({ readOnly: true }, {});
const context = { redis, connections: [], config };

const bytesSent = async (): Promise<number> =>
  Number(/total_net_output_bytes:(\d+)/.exec(await redis.info('stats'))?.[1]);

describe('20,000 locks', () => {
  const count = 20_000;
  const names = Array.from({ length: count }, (_, index) => `order:${index}`);

  test('are listed, all of them, and no command or reply grows with them', async () => {
    await redis.flushall();
    for (let from = 0; from < count; from += 1000) {
      const some = names.slice(from, from + 1000);
      const pipeline = redis.pipeline();
      for (const name of some) pipeline.set(`lock:${name}`, 'x', 'PX', 3_600_000);
      pipeline.zadd('quarterdeck:lock', ...some.flatMap((name, index) => [from + index + 1, name]));
      await pipeline.exec();
    }
    // The oldest of all, in trouble.
    await redis.persist('lock:order:0');
    await redis.zadd('lock-queue:order:0', 1, 'somebody');
    expect(await list(redis)).toHaveLength(count);
    const listed = await run(['lock', 'list', '--json'], { url: server.url });
    expect(listed.code).toBe(0);
    expect(JSON.parse(listed.stdout) as unknown[]).toHaveLength(count);
  });

  test('are found by their keys alone within seconds', async () => {
    await redis.del('quarterdeck:lock');
    const startedAt = performance.now();
    const listed = await run(['lock', 'list', '--discover', '--json'], { url: server.url });
    expect(JSON.parse(listed.stdout) as unknown[]).toHaveLength(count);
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    expect(await redis.zcard('quarterdeck:lock')).toBe(count);
  });

  test('are counted by the console little by little, and the oldest trouble is reported', async () => {
    await redis.zadd('quarterdeck:lock', 1, 'order:0');
    let slice = (await feed.read(context, initial))(initial);
    expect(feature.headline(slice)).toBe('300 of 20,000 names');
    for (let reading = 0; reading < 40 && slice.round === undefined; reading += 1) {
      slice = (await feed.read(context, slice))(slice);
    }
    slice = (await feed.read(context, slice))(slice);
    expect(feature.headline(slice)).toBe('301 of 20,000 names  20,000 held  1 waiting');
    expect(feature.needs(slice, Date.now()).map(needSentence)).toEqual(['order:0 no TTL, 1 waits']);
  });
});

test('a queue of thousands is given whole', async () => {
  const held = await acquire(redis, 'long', { ttlMs: 60_000 });
  const places = Array.from({ length: 2500 }, (_, index) => [index + 1, `qd1:other:${index}:7:host:`]);
  await redis.zadd('lock-queue:long', ...places.flat());
  expect((await status(redis, 'long')).waiters).toHaveLength(2500);
  await redis.del('lock-queue:long');
  await held?.release();
});

test('2,000 waiters of one client ask in commands of at most 3,000 words', async () => {
  const held = await acquire(redis, 'crowd', { ttlMs: 60_000 });
  const other = server.client();
  const controller = new AbortController();
  const waits = Array.from({ length: 2000 }, () =>
    acquire(other, 'crowd', { waitMs: 60_000, signal: controller.signal }).catch(() => undefined),
  );
  await expect.poll(() => redis.zcard('lock-queue:crowd')).toBe(2000);
  await held?.release();
  expect(await waits[0]).toBeDefined();
  controller.abort();
  await Promise.all(waits);
});

test('a lock value of 200 MB is never read', async () => {
  await redis.flushall();
  await redis.setrange('lock:big', 200 * 1024 ** 2, 'x');
  await redis.setrange('lock-fence:free', 200 * 1024 ** 2, 'x');
  await redis.zadd('quarterdeck:lock', Date.now(), 'big', Date.now(), 'free');
  const before = await bytesSent();
  expect(await acquire(redis, 'big')).toBeUndefined();
  expect(await acquire(redis, 'big', { waitMs: 300 })).toBeUndefined();
  await expect(acquire(redis, 'free')).rejects.toMatchObject({ code: 'WRONG_TYPE' });
  expect(await list(redis)).toMatchObject([{ name: 'big', owner: undefined }]);
  await feed.read(context, initial);
  expect(await doctor.examine(redis, ['lock:big'])).toMatchObject([{ code: 'LOCK_WITHOUT_TTL' }]);
  expect(await breakLock(redis, 'big')).toHaveLength(2048);
  expect(await redis.exists('lock:big')).toBe(0);
  expect((await bytesSent()) - before).toBeLessThan(100_000);
});

test('one bad key hides no other, and is named', async () => {
  await redis.flushall();
  await acquire(redis, 'good', { ttlMs: 60_000 });
  await redis.lpush('lock:list', 'x');
  await redis.set('lock-queue:text', 'x');
  await redis.lpush('lock-fence:odd', 'x');
  await redis.set('lock:odd', 'qd1:nonce:1:7:host:', 'PX', 60_000);
  await redis.zadd('quarterdeck:lock', ...['list', 'text', 'odd', ''].flatMap((name) => [Date.now(), name]));
  const listed = await run(['lock', 'list', '--json'], { url: server.url });
  expect(listed.code).toBe(0);
  expect((JSON.parse(listed.stdout) as { name: string }[]).map(({ name }) => name)).toEqual(['good', 'odd']);
  for (const key of ['lock:list', 'lock-queue:text', 'lock-fence:odd']) expect(listed.stderr).toContain(key);
  const slice = (await feed.read(context, initial))(initial);
  expect(slice.locks).toHaveLength(2);
  expect(slice.wrong).toHaveLength(3);
  const snapshot = await run(['snapshot', '--pane', 'lock', '--json'], { url: server.url });
  expect((JSON.parse(snapshot.stdout) as { lock: unknown[] }).lock).toHaveLength(2);
  expect(snapshot.stderr).toContain('lock-queue:text');
});
