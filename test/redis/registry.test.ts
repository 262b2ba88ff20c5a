import { expect, test } from 'vitest';
import { DeniedError } from '../../source/errors.ts';
import {
  existsAs,
  register,
  registered,
  registeredCount,
  registeredPage,
  registeredPages,
  registryKey,
  trimRegistry,
  unregister,
} from '../../source/redis/registry.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client();

async function fill(family: string, count: number): Promise<void> {
  for (let from = 0; from < count; from += 1000) {
    const some = Array.from({ length: Math.min(1000, count - from) }, (_, index) => [
      from + index,
      `n${from + index}`,
    ]);
    await redis.zadd(registryKey(family), ...some.flat());
  }
}

test('every name is listed, most recently registered first', async () => {
  await fill('many', 20_000);
  const names = await registered(redis, 'many');
  expect(names).toEqual(Array.from({ length: 20_000 }, (_, index) => `n${19_999 - index}`));
  expect(await registeredCount(redis, 'many')).toBe(20_000);
});

test('a page for a screen says of how many', async () => {
  await fill('paged', 1500);
  const { names, total } = await registeredPage(redis, 'paged', 300);
  expect(names).toHaveLength(300);
  expect(names[0]).toBe('n1499');
  expect(total).toBe(1500);
});

test('none is left out while others are registered again', async () => {
  await fill('moving', 5000);
  const seen = new Set<string>();
  let round = 0;
  for await (const page of registeredPages(redis, 'moving')) {
    for (const { name } of page) seen.add(name);
    round += 1;
    // Whatever came late in the order is now the first of all.
    for (let index = 0; index < 5000; index += 10)
      await redis.zadd(registryKey('moving'), 1e6 + round, `n${index}`);
  }
  expect(seen.size).toBe(5000);
});

test('registering is free for a minute, unless the thing is new', async () => {
  await register(redis, 'free', 'a');
  await redis.del(registryKey('free'));
  await register(redis, 'free', 'a');
  expect(await registered(redis, 'free')).toEqual([]);
  await register(redis, 'free', 'a', { isNew: true });
  expect(await registered(redis, 'free')).toEqual(['a']);
});

test('unregistering any number takes them out', async () => {
  await fill('gone', 3000);
  await unregister(redis, 'gone', ...(await registered(redis, 'gone')));
  expect(await registeredCount(redis, 'gone')).toBe(0);
});

test('that the server does not allow it fails nothing', async () => {
  await redis.call('ACL', 'SETUSER', 'reader', 'on', '>pw', '%R~*', '+@all');
  const reader = server.client({ username: 'reader', password: 'pw' });
  await register(reader, 'denied', 'a');
  await expect(reader.zadd(registryKey('denied'), 1, 'a')).rejects.toThrow(/NOPERM/);
  await redis.set(registryKey('foreign'), 'somebody’s');
  await register(redis, 'foreign', 'a');
  await redis.config('SET', 'maxmemory', '1');
  try {
    await register(redis, 'full', 'a');
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
  expect(await registered(redis, 'full')).toEqual([]);
  await register(redis, 'full', 'a');
  expect(await registered(redis, 'full')).toEqual(['a']);
});

test('unregistering where it is not allowed is reported', async () => {
  const reader = server.client({ username: 'reader', password: 'pw' });
  await expect(unregister(reader, 'denied', 'a')).rejects.toThrow(DeniedError);
});

test('who registers names that come and go takes old ones out, and nothing that exists', async () => {
  const stillThere = existsAs('job:*', 'job-queue:*');
  const index = registryKey('job');
  await fill('job', 500);
  // Registered long ago, and still in use.
  await redis.zadd(index, 5, 'held', 6, 'waited');
  await redis.mset('job:held', '1', 'job-queue:waited', '1');
  for (let index = 0; index < 200; index += 1) await register(redis, 'job', `new${index}`, { stillThere });
  const left = await registered(redis, 'job');
  expect(left.length).toBeLessThan(210);
  expect(left).toContain('held');
  expect(left).toContain('waited');
  expect(left.filter((name) => name.startsWith('new'))).toHaveLength(200);
});

test('more that exists than is looked at once never hides what is gone behind it', async () => {
  const index = registryKey('kept');
  await fill('kept', 400);
  const words = Array.from({ length: 400 }, (_, position) => [`kept:n${position}`, '1']);
  await redis.mset(...words.flat());
  await redis.zadd(index, 1000, 'gone');
  const stillThere = existsAs('kept:*');
  expect(await trimRegistry(redis, 'kept', stillThere)).toBe(0);
  expect(await trimRegistry(redis, 'kept', stillThere)).toBe(1);
  expect(await registeredCount(redis, 'kept')).toBe(400);
});

test('a name that is registered while it is looked at stays', async () => {
  const index = registryKey('raced');
  await redis.zadd(index, 5, 'back');
  const removed = await trimRegistry(redis, 'raced', async (_, names) => {
    await redis.zadd(index, Date.now(), 'back');
    return names.map(() => false);
  });
  expect(removed).toBe(0);
  expect(await registered(redis, 'raced')).toEqual(['back']);
});
