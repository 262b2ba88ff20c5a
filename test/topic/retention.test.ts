import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { type Item, isGap } from '../../source/features/topic/layout.ts';
import { setRetention } from '../../source/features/topic/own-layout/own-layout.ts';
import { publish } from '../../source/features/topic/publish.ts';
import { subscribe } from '../../source/features/topic/subscriber/subscribe.ts';
import { openTopic, topicStatus } from '../../source/features/topic/topic.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();

let topics = 0;
const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `message ${index}`);

async function register(topic: string, as: string): Promise<void> {
  await subscribe(server.client(), topic, { as, untilCaughtUp: true }, () => {});
}

async function received(topic: string, as: string): Promise<(number | string)[]> {
  const items: Item[] = [];
  await subscribe(server.client(), topic, { as, untilCaughtUp: true }, (item) => items.push(item));
  return items.map((item) => (isGap(item) ? `gap ${item.gap.from}-${item.gap.to}` : item.id));
}

const ids = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

test('by length: the newest stay, also those in the middle of a frame', async () => {
  const redis = server.client();
  await register('length', 's');
  await setRetention(redis, 'length', { maxLen: 15 });
  for (let frame = 0; frame < 10; frame += 1) await publish(redis, 'length', many(10));
  await openTopic(redis, 'length').sweep();
  expect(await topicStatus(redis, 'length')).toMatchObject({ lastId: 100, floor: 85, retained: 15 });
  expect(await received('length', 's')).toEqual(['gap 1-85', ...ids(86, 100)]);
  expect(await received('length', 's')).toEqual([]);
});

test('by age: what is older than that goes, found without reading everything', async () => {
  const redis = server.client();
  await register('age', 's');
  // Stored as if an hour ago, one message and one frame at a time.
  const hourAgo = Date.now() - 3_600_000;
  for (let id = 1; id <= 500; id += 1) await redis.xadd('topic:msgs:age', `${hourAgo}-${id}`, 'm', 'old');
  await redis.xadd('topic:msgs:age', `${hourAgo + 1}-600`, 'f100', JSON.stringify(many(100)));
  await redis.set('topic:ids:age', 600);
  await publish(redis, 'age', many(5));
  await openTopic(redis, 'age').sweep();
  expect((await topicStatus(redis, 'age')).floor).toBe(0);
  await setRetention(redis, 'age', { maxAgeMs: 1_800_000 });
  await openTopic(redis, 'age').sweep();
  expect(await topicStatus(redis, 'age')).toMatchObject({ lastId: 605, floor: 600, retained: 5 });
  expect(await redis.xlen('topic:msgs:age')).toBeLessThan(110);
  expect(await received('age', 's')).toEqual(['gap 1-600', ...ids(601, 605)]);
});

test('by bytes: as the allocator counts them', async () => {
  const redis = server.client();
  await register('bytes', 's');
  await setRetention(redis, 'bytes', { maxBytes: 256 * 1024 });
  for (let part = 0; part < 40; part += 1) {
    await publish(
      redis,
      'bytes',
      Array.from({ length: 10 }, (_, index) => String(index).padEnd(5000, 'x')),
    );
  }
  await openTopic(redis, 'bytes').sweep();
  const { bytes, floor, lastId, retained } = await topicStatus(redis, 'bytes');
  expect(bytes).toBeLessThanOrEqual(256 * 1024);
  expect(lastId).toBe(400);
  expect(retained).toBeGreaterThan(20);
  expect(await received('bytes', 's')).toEqual([`gap 1-${floor}`, ...ids(floor + 1, 400)]);
});

test('the floor is found in any mixture of entries', async () => {
  const redis = server.client();
  const frames = fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      frames,
      fc.integer({ min: 1, max: 200 }),
      fc.nat({ max: 2 }),
      async (sizes, maxLen, apart) => {
        topics += 1;
        const topic = `mixture:${topics}`;
        await register(topic, 's');
        let id = 0;
        let at = Date.now() - 100_000;
        for (const size of sizes) {
          id += Math.max(1, size);
          at += apart * size;
          const entry = size < 2 ? ['m', 'x'] : [`f${size}`, JSON.stringify(many(size))];
          await redis.xadd(`topic:msgs:${topic}`, `${at}-${id}`, ...entry);
        }
        await redis.set(`topic:ids:${topic}`, id);
        await setRetention(redis, topic, { maxLen });
        await openTopic(redis, topic).sweep();
        const floor = Math.max(0, id - maxLen);
        expect((await topicStatus(redis, topic)).floor).toBe(floor);
        const gap = floor > 0 ? [`gap 1-${floor}`] : [];
        expect(await received(topic, 's')).toEqual([...gap, ...ids(floor + 1, id)]);
      },
    ),
    { numRuns: 60 },
  );
});

test('a lapsed subscriber holds nothing back, and gets a gap for what it missed', async () => {
  const redis = server.client();
  await register('lapse', 'gone');
  await setRetention(redis, 'lapse', { lapseMs: 60_000 });
  await publish(redis, 'lapse', many(100));
  await received('lapse', 'here');
  expect(await topicStatus(redis, 'lapse')).toMatchObject({ floor: 0, retained: 100 });

  const lease = await redis.hget('topic:seats:lapse', 'gone');
  const [token, , ...rest] = lease?.split(' ') ?? [];
  await redis.hset('topic:seats:lapse', 'gone', [token, Date.now() - 61_000, ...rest].join(' '));
  await openTopic(redis, 'lapse').sweep();
  expect(await topicStatus(redis, 'lapse')).toMatchObject({
    floor: 100,
    retained: 0,
    subscribers: [
      { name: 'gone', state: 'lapsed', lag: 100, missed: 100 },
      { name: 'here', state: 'idle', lag: 0, missed: 0 },
    ],
  });
  await publish(redis, 'lapse', 'again');
  expect(await received('lapse', 'gone')).toEqual(['gap 1-100', 101]);
});

test('publishing alone keeps to the limits, also one message at a time', async () => {
  const redis = server.client();
  await setRetention(redis, 'alone', { maxLen: 50 });
  for (let id = 0; id < 1000; id += 1) await publish(redis, 'alone', 'x');
  await vi.waitFor(async () => {
    expect((await topicStatus(redis, 'alone')).retained).toBeLessThan(50 + 64);
  });
});

test('when everybody has everything, nothing is left', async () => {
  const redis = server.client();
  await register('empty', 'a');
  await register('empty', 'b');
  await publish(redis, 'empty', many(1000));
  await received('empty', 'a');
  expect((await topicStatus(redis, 'empty')).retained).toBe(1000);
  await received('empty', 'b');
  expect(await redis.xlen('topic:msgs:empty')).toBe(0);
  await publish(redis, 'empty', 'next');
  expect(await received('empty', 'a')).toEqual([1001]);
});
