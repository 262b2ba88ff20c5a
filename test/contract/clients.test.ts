import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis-5';
import { Redis as Valkey } from 'iovalkey';
import { afterAll, describe, expect, test } from 'vitest';
import {
  buffer,
  chat,
  hits,
  type Redis as LibraryClient,
  limit,
  lock,
  log,
  topic,
  UnsupportedClientError,
} from '../../source/index.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** One act of each module with every kind of client that a program may hand us, against a real server. */

const server = await redisForThisFile();
const path = server.socket;
await server.client().call('ACL', 'SETUSER', 'app', 'on', '>pw', '~*', '&*', '+@all', '-@dangerous');

const clients: Readonly<Record<string, () => LibraryClient & { disconnect(): void }>> = {
  'ioredis 6': () => new Redis({ path }),
  'ioredis 6, autopipelining': () => new Redis({ path, enableAutoPipelining: true }),
  'ioredis 6, lazyConnect': () => new Redis({ path, lazyConnect: true }),
  'ioredis 6, RESP2': () => new Redis({ path, protocol: 2 }),
  'ioredis 6, a user without @dangerous': () =>
    new Redis({ path, username: 'app', password: 'pw', enableReadyCheck: false }),
  'ioredis 5': () => new Redis5({ path }),
  'ioredis 5, autopipelining': () => new Redis5({ path, enableAutoPipelining: true }),
  iovalkey: () => new Valkey({ path }),
};

const refused: Readonly<Record<string, () => LibraryClient & { disconnect(): void }>> = {
  'ioredis 6, keyPrefix': () => new Redis({ path, lazyConnect: true, keyPrefix: 'app:' }),
  'ioredis 6, stringNumbers': () => new Redis({ path, lazyConnect: true, stringNumbers: true }),
  'ioredis 5, keyPrefix': () => new Redis5({ path, lazyConnect: true, keyPrefix: 'app:' }),
};

/** Each takes a name of its own, and says what it came to. */
const acts: Readonly<
  Record<string, { act(redis: LibraryClient, name: string): Promise<unknown>; gives: unknown }>
> = {
  lock: {
    async act(redis, name) {
      const held = await lock.acquire(redis, name, { ttlMs: 60_000 });
      const second = await lock.acquire(redis, name);
      await held?.extend();
      return [second, (await lock.status(redis, name)).token === held?.token, await held?.close()];
    },
    gives: [undefined, true, undefined],
  },
  limit: {
    async act(redis, name) {
      await using limiter = limit.open(redis, { max: 2, perMs: 60_000 });
      return [await limiter.hit(name), await limiter.hit(name), await limiter.hit(name)].map(
        (hit) => hit.allowed,
      );
    },
    gives: [true, true, false],
  },
  hits: {
    async act(redis, name) {
      {
        await using counter = hits.open(redis);
        counter.add(name, 3);
      }
      return (await hits.sum(redis, name, { sinceMs: 60_000 })).sum;
    },
    gives: 3,
  },
  log: {
    async act(redis, name) {
      {
        await using writer = log.open(redis, name);
        writer.write('a line');
      }
      return (await log.recent(redis, name)).map(({ message }) => message);
    },
    gives: ['a line'],
  },
  chat: {
    async act(redis, room) {
      await chat.create(redis, { room, members: ['ann', 'bob'] });
      return (await chat.send(redis, room, 'hello', { as: 'ann' })).id;
    },
    gives: 1,
  },
  topic: {
    async act(redis, name) {
      await topic.publish(redis, name, ['a', 'b']);
      await topic.publish(redis, name, 'c');
      const read: unknown[] = [];
      await topic.subscribe(redis, name, { as: 'one', from: 'start', untilCaughtUp: true }, (item) => {
        read.push(item.type === 'message' ? item.text : item);
      });
      return read;
    },
    gives: ['a', 'b', 'c'],
  },
  buffer: {
    act: (redis, name) => buffer.increment(redis, name, [['7', 3]]),
    gives: 3,
  },
};

const made: { disconnect(): void }[] = [];
afterAll(() => {
  for (const client of made) client.disconnect();
});

describe.each(Object.entries(clients))('%s', (kind, make) => {
  const redis = make();
  made.push(redis);
  redis.on('error', () => {});
  test.each(Object.entries(acts))('%s', async (module, { act, gives }) => {
    expect(await act(redis, `${module} of ${kind}`)).toEqual(gives);
  });
});

describe.each(Object.entries(refused))('%s is refused', (kind, make) => {
  const redis = make();
  made.push(redis);
  test.each(Object.entries(acts))('%s, at the first call', async (module, { act }) => {
    await expect(act(redis, `${module} of ${kind}`)).rejects.toThrow(UnsupportedClientError);
    expect(redis.status).toBe('wait');
  });
});
