import { describe, expect, test } from 'vitest';
import { type Item, isGap } from '../../source/features/topic/layout.ts';
import { setRetention } from '../../source/features/topic/own-layout/own-layout.ts';
import { publish } from '../../source/features/topic/publish.ts';
import { subscribe } from '../../source/features/topic/subscriber/subscribe.ts';
import { Subscription } from '../../source/features/topic/subscriber/subscription.ts';
import { dropSubscriber, openTopic, topicStatus } from '../../source/features/topic/topic.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();

const ids = (items: readonly Item[]): (number | string)[] =>
  items.map((item) => (isGap(item) ? `gap ${item.gap.from}-${item.gap.to}` : item.id));

async function received(topic: string, as: string, options: object = {}): Promise<Item[]> {
  const items: Item[] = [];
  await subscribe(server.client(), topic, { as, untilCaughtUp: true, ...options }, (item) =>
    items.push(item),
  );
  return items;
}

describe('publishing', () => {
  test('gives ids in the order of the calls, and one frame to calls of one tick', async () => {
    const redis = server.client();
    const published = await Promise.all([
      publish(redis, 'order', 'a'),
      publish(redis, 'order', ['b', 'c']),
      publish(redis, 'order', 'd'),
    ]);
    expect(published).toEqual([
      { first: 1, last: 1, count: 1 },
      { first: 2, last: 3, count: 2 },
      { first: 4, last: 4, count: 1 },
    ]);
    expect(await redis.xlen('topic:msgs:order')).toBe(1);
    const items = await received('order', 'reader');
    expect(items.map((item) => !isGap(item) && item.message)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('a frame sent twice is stored once, with the same ids', async () => {
    const redis = server.client();
    const store = openTopic(redis, 'twice');
    expect(await store.publish('p', 1, ['a', 'b'])).toBe(2);
    expect(await store.publish('p', 2, ['c'])).toBe(3);
    expect(await store.publish('p', 1, ['a', 'b'])).toBe(2);
    expect(await store.publish('p', 2, ['c'])).toBe(3);
    expect(await store.publish('q', 1, ['d'])).toBe(4);
    for (let sequence = 2; sequence < 300; sequence += 1) {
      expect(await store.publish('q', sequence + 1, ['overtakes'])).toBe(-1);
      expect(await store.publish('q', sequence, ['next'])).toBe(sequence + 3);
      expect(await store.publish('q', sequence, ['next'])).toBe(sequence + 3);
    }
    expect(ids(await received('twice', 'reader'))).toEqual(
      Array.from({ length: 302 }, (_, index) => index + 1),
    );
  });

  test('a batch larger than a frame is stored whole', async () => {
    const redis = server.client();
    const messages = Array.from({ length: 5000 }, (_, index) => `message ${index}`);
    expect(await publish(redis, 'large', messages)).toEqual({ first: 1, last: 5000, count: 5000 });
    const items = await received('large', 'reader');
    expect(items.map((item) => !isGap(item) && item.message)).toEqual(messages);
  });
});

describe('subscribing', () => {
  test('a new name begins at the start or now, a known one where it was', async () => {
    const redis = server.client();
    await publish(redis, 'begin', ['a', 'b']);
    expect(ids(await received('begin', 'start'))).toEqual([1, 2]);
    expect(ids(await received('begin', 'now', { from: 'now' }))).toEqual([]);
    await publish(redis, 'begin', 'c');
    expect(ids(await received('begin', 'now'))).toEqual([3]);
    expect(ids(await received('begin', 'start'))).toEqual([3]);
    expect(await topicStatus(redis, 'begin')).toMatchObject({ lastId: 3, floor: 3, retained: 0 });
  });

  test('what was not acknowledged comes again', async () => {
    const redis = server.client();
    await publish(redis, 'again', ['a', 'b', 'c']);
    const first = await Subscription.open(redis, 'again', { as: 's' });
    expect(ids(await first.take())).toEqual([1, 2, 3]);
    first.ack(1);
    await first.close();
    expect(ids(await received('again', 's'))).toEqual([2, 3]);
  });

  test('live messages arrive by the notification, long before the poll', async () => {
    const redis = server.client();
    const live = await Subscription.open(redis, 'live', { as: 's', pollMs: 60_000 });
    for (let id = 1; id <= 20; id += 1) {
      const waiting = live.take();
      await publish(redis, 'live', `m${id}`);
      expect(ids(await waiting)).toEqual([id]);
      live.ack(id);
    }
    await live.close();
  });

  test('the slowest subscriber decides what is kept; dropping it frees the rest', async () => {
    const redis = server.client();
    await Subscription.open(redis, 'slow', { as: 'slow' }).then((slow) => slow.close());
    await publish(
      redis,
      'slow',
      Array.from({ length: 300 }, (_, index) => `${index}`),
    );
    await received('slow', 'fast');
    expect(await topicStatus(redis, 'slow')).toMatchObject({ lastId: 300, floor: 0, retained: 300 });
    await dropSubscriber(redis, 'slow', 'slow');
    expect(await topicStatus(redis, 'slow')).toMatchObject({ floor: 300, retained: 0 });
    expect(await redis.xlen('topic:msgs:slow')).toBe(0);
  });

  test('retention by length leaves a gap, in order', async () => {
    const redis = server.client();
    await Subscription.open(redis, 'short', { as: 's' }).then((s) => s.close());
    await setRetention(redis, 'short', { maxLen: 10 });
    await publish(
      redis,
      'short',
      Array.from({ length: 100 }, (_, index) => `${index}`),
    );
    await openTopic(redis, 'short').sweep();
    expect(ids(await received('short', 's'))).toEqual(['gap 1-90', 91, 92, 93, 94, 95, 96, 97, 98, 99, 100]);
  });
});

test('the seed layout is shared with a program that follows it', async () => {
  const redis = server.client();
  await redis.zadd('pubsub:process_stats', 0, 'sentiment_analysis');
  await publish(redis, 'news', ['x', 'y'], { layout: 'seed' });
  expect(await redis.zrange('pubsub:messages', '0', '-1', 'WITHSCORES')).toEqual([
    '{"msg_id": 1, "message": "x"}',
    '1',
    '{"msg_id": 2, "message": "y"}',
    '2',
  ]);
  const id = await redis.incr('pubsub:msg_id');
  await redis.zadd('pubsub:messages', id, JSON.stringify({ message: 'from afar', msg_id: id }));
  await redis.publish('news_id_pubsub', JSON.stringify({ message: 'from afar', msg_id: id }));
  const items = await received('news', 'ours', { layout: 'seed' });
  expect(items).toEqual([
    { id: 1, at: null, message: 'x' },
    { id: 2, at: null, message: 'y' },
    { id: 3, at: null, message: 'from afar' },
  ]);
  expect(await redis.zscore('pubsub:process_stats', 'ours')).toBe('3');
  expect(await redis.zcard('pubsub:messages')).toBe(3);
  await redis.zadd('pubsub:process_stats', 3, 'sentiment_analysis');
  await received('news', 'ours', { layout: 'seed' });
  expect(await redis.zcard('pubsub:messages')).toBe(0);
});
