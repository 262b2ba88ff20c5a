import fc from 'fast-check';
import { beforeEach, expect, test, vi } from 'vitest';
import { WrongTypeError } from '../../source/errors.ts';
import { IncrementBuffer, increment } from '../../source/features/buffer/buffer.ts';
import { CountTooLargeError } from '../../source/features/buffer/errors.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());

async function pendingOf(type: string): Promise<Record<string, number>> {
  const flat = await redis.zrange(`pending:${type}`, '0', '-1', 'WITHSCORES');
  const counts: Record<string, number> = {};
  for (let index = 0; index < flat.length; index += 2) counts[flat[index] ?? ''] = Number(flat[index + 1]);
  return counts;
}

test('adds up in the process and sends one sum for each id', async () => {
  const buffer = new IncrementBuffer(redis);
  for (let turn = 0; turn < 1000; turn += 1) buffer.add('project', `p${turn % 3}`, 2);
  expect(await redis.exists('pending:project')).toBe(0);
  await buffer.flush();
  expect(await pendingOf('project')).toEqual({ p0: 668, p1: 666, p2: 666 });
  expect(await redis.zscore('quarterdeck:buffer', 'project')).not.toBeNull();
  await buffer.close();
});

test('sends by itself: after maxDelayMs, and at once when maxIds wait', async () => {
  const slow = new IncrementBuffer(redis, { maxDelayMs: 20 });
  slow.add('a', 'x');
  await vi.waitFor(async () => expect(await pendingOf('a')).toEqual({ x: 1 }));
  const full = new IncrementBuffer(redis, { maxDelayMs: 3_600_000, maxIds: 3 });
  expect(full.add('b', 'x')).toBe(true);
  expect(full.add('b', 'y')).toBe(true);
  expect(full.add('b', 'z')).toBe(false);
  await vi.waitFor(async () => expect(await pendingOf('b')).toEqual({ x: 1, y: 1, z: 1 }));
  await Promise.all([slow.close(), full.close()]);
});

test('shares its key with producers that send a plain ZINCRBY, and tells what is pending', async () => {
  await redis.zincrby('pending:project', 1, '42');
  expect(await increment(redis, 'project', [['42', 4]])).toBe(5);
  expect(await pendingOf('project')).toEqual({ 42: 5 });
});

test('a call that is resent because its reply was lost counts once', async () => {
  const proxy = await startFaultProxy(server.socket);
  const client = proxy.client({ retryStrategy: () => 1 });
  const buffer = new IncrementBuffer(client, { maxDelayMs: 3_600_000 });
  buffer.add('project', 'x');
  await buffer.flush();
  for (let turn = 0; turn < 20; turn += 1) {
    const swallowed = proxy.swallowReplyTo('evalsha');
    buffer.add('project', 'x', 10);
    await buffer.flush();
    await swallowed;
  }
  expect(await pendingOf('project')).toEqual({ x: 201 });
  await buffer.close();
  await proxy.close();
});

test('a call that failed without a reply is repeated as it was, and counts once', async () => {
  const proxy = await startFaultProxy(server.socket);
  const client = proxy.client({
    maxRetriesPerRequest: 0,
    retryStrategy: () => 1,
    enableAutoPipelining: true,
  });
  const buffer = new IncrementBuffer(client, { maxDelayMs: 3_600_000 });
  buffer.add('project', 'x');
  await buffer.flush();
  const swallowed = proxy.swallowReplyTo('evalsha');
  buffer.add('project', 'x', 10);
  await expect(buffer.flush()).rejects.toThrow();
  await swallowed;
  expect(await pendingOf('project')).toEqual({ x: 11 });
  buffer.add('project', 'x', 100);
  await buffer.flush();
  expect(await pendingOf('project')).toEqual({ x: 111 });
  await buffer.close();
  await proxy.close();
});

test('leaves no guard behind when it closes; a guard of one that died has a TTL, counts never', async () => {
  const buffer = new IncrementBuffer(redis);
  buffer.add('project', 'x');
  await buffer.flush();
  const [guard] = await redis.keys('pending:project:seq:*');
  expect(await redis.pttl(guard ?? '')).toBeGreaterThan(0);
  expect(await redis.pttl('pending:project')).toBe(-1);
  await buffer.close();
  expect(await redis.keys('pending:project:seq:*')).toEqual([]);
});

test('refuses what is not a count, an id or a type, at once', () => {
  const buffer = new IncrementBuffer(redis);
  for (const by of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    expect(() => buffer.add('project', 'x', by)).toThrow(expect.objectContaining({ code: 'BAD_COUNT' }));
  }
  for (const id of ['', 'a\0b', 'x'.repeat(513), '\uD800x', undefined as unknown as string]) {
    expect(() => buffer.add('project', id)).toThrow(expect.objectContaining({ code: 'BAD_ID' }));
  }
  for (const type of [
    '',
    'x'.repeat(513),
    'project:inflight',
    'project:batch',
    'project:aside',
    'project:aside:why',
    'project:seq:1',
  ]) {
    expect(() => buffer.add(type, 'x')).toThrow(expect.objectContaining({ code: 'BAD_TYPE' }));
  }
});

test('refuses a sum past 2^53 - 1 without counting any of the call', async () => {
  await redis.zincrby('pending:project', Number.MAX_SAFE_INTEGER - 1, 'x');
  const buffer = new IncrementBuffer(redis, { maxDelayMs: 3_600_000 });
  buffer.add('project', 'a', 7);
  buffer.add('project', 'x', 2);
  await expect(buffer.flush()).rejects.toThrow(CountTooLargeError);
  expect(await pendingOf('project')).toEqual({ x: Number.MAX_SAFE_INTEGER - 1 });
  await redis.zrem('pending:project', 'x');
  await buffer.close();
  expect(await pendingOf('project')).toEqual({ a: 7, x: 2 });
});

test('a key of another type is left alone, and what was added waits', async () => {
  await redis.set('pending:project', 'mine');
  const errors: unknown[] = [];
  const buffer = new IncrementBuffer(redis, { maxDelayMs: 5, onError: (error) => errors.push(error) });
  buffer.add('project', 'x', 3);
  await vi.waitFor(() => expect(errors.length).toBeGreaterThan(1));
  expect(errors[0]).toBeInstanceOf(WrongTypeError);
  expect(await redis.get('pending:project')).toBe('mine');
  await redis.del('pending:project');
  await vi.waitFor(async () => expect(await pendingOf('project')).toEqual({ x: 3 }));
  await buffer.close();
});

test('whatever several producers add in whatever order and chunks, the sums are exact', async () => {
  const additions = fc.array(
    fc.record({
      producer: fc.integer({ min: 0, max: 3 }),
      type: fc.constantFrom('a', 'b'),
      id: fc.integer({ min: 0, max: 40 }).map(String),
      by: fc.integer({ min: 1, max: 1000 }),
      flush: fc.boolean(),
    }),
    { maxLength: 300 },
  );
  await fc.assert(
    fc.asyncProperty(additions, fc.integer({ min: 1, max: 50 }), async (list, maxIds) => {
      await redis.flushall();
      const producers = [0, 1, 2, 3].map(() => new IncrementBuffer(redis, { maxIds, maxDelayMs: 1 }));
      const expected: Record<string, Record<string, number>> = { a: {}, b: {} };
      const flushes: Promise<unknown>[] = [];
      for (const { producer, type, id, by, flush } of list) {
        producers[producer]?.add(type, id, by);
        const counts = expected[type] ?? {};
        counts[id] = (counts[id] ?? 0) + by;
        if (flush) flushes.push(producers[producer]?.flush() ?? Promise.resolve());
      }
      await Promise.all(flushes);
      await Promise.all(producers.map((producer) => producer.close()));
      expect(await pendingOf('a')).toEqual(expected.a);
      expect(await pendingOf('b')).toEqual(expected.b);
    }),
    { numRuns: 40 },
  );
});

test('more ids than one call carries go in several', async () => {
  const buffer = new IncrementBuffer(redis, { maxIds: 100_000, maxDelayMs: 3_600_000 });
  for (let id = 0; id < 2500; id += 1) buffer.add('project', `id${id}`, id + 1);
  await buffer.close();
  expect(await redis.zcard('pending:project')).toBe(2500);
  expect(await redis.zscore('pending:project', 'id2499')).toBe('2500');
});

test('what is added while it closes is counted too', async () => {
  const buffer = new IncrementBuffer(redis);
  let added = 0;
  let isClosed = false;
  const add = (): void => {
    buffer.add('project', 'x');
    added += 1;
  };
  add();
  const closing = buffer.close().then(() => {
    isClosed = true;
  });
  for (let turn = 0; turn < 50 && !isClosed; turn += 1) {
    try {
      add();
    } catch (error) {
      expect(error).toEqual(new Error('This IncrementBuffer is closed'));
      break;
    }
    await new Promise(setImmediate);
  }
  await closing;
  expect(await pendingOf('project')).toEqual({ x: added });
  expect(added).toBeGreaterThan(1);
});

test('counting once does not fail, and is not to be repeated, because the connection broke afterwards', async () => {
  const broken = vi.spyOn(redis, 'unlink');
  broken.mockRejectedValueOnce(new Error('Command aborted due to connection close'));
  expect(await increment(redis, 'project', [['42', 4]])).toBe(4);
  expect(broken).toHaveBeenCalledTimes(2);
});
