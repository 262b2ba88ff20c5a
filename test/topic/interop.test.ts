import { beforeEach, expect, test, vi } from 'vitest';
import { isGap } from '../../source/features/topic/layout.ts';
import { publish, settlePublished } from '../../source/features/topic/publish.ts';
import { subscribe } from '../../source/features/topic/subscriber/subscribe.ts';
import { Subscription } from '../../source/features/topic/subscriber/subscription.ts';
import { inspectAll, topicStatus } from '../../source/features/topic/topic.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** Programs that follow the seed, in the commands they send, share one topic with ours in both directions. */

const server = await redisForThisFile();
const redis = server.client();
const other = server.client();
beforeEach(async () => {
  await settlePublished(redis);
  await redis.flushall();
});

const seed = { layout: 'seed' } as const;

/** Its publisher: lock, id, store, unlock, and only then the channel. */
async function theirPublish(message: string): Promise<number> {
  while ((await other.setnx('pubsub:lock', 'uuid')) === 0) await other.ping();
  const id = await other.incr('pubsub:msg_id');
  const json = JSON.stringify({ msg_id: id, message });
  await other.zadd('pubsub:messages', id, json);
  await other.del('pubsub:lock');
  await other.publish('news_id_pubsub', json);
  return id;
}

/** Its catching up: position, then everything after it; each is marked, then the store trimmed to the slowest. */
async function theirCatchUp(name: string): Promise<string[]> {
  const position = await other.zscore('pubsub:process_stats', name);
  if (position === null) return [];
  const pending = await other.zrangebyscore('pubsub:messages', Number(position) + 1, '+inf');
  const messages = pending.map((json) => JSON.parse(json) as { msg_id: number; message: string });
  for (const { msg_id } of messages) {
    await other.zadd('pubsub:process_stats', msg_id, name);
    const [, slowest = '0'] = await other.zrange('pubsub:process_stats', '0', '0', 'WITHSCORES');
    await other.zremrangebyscore('pubsub:messages', 0, slowest);
  }
  return messages.map(({ message }) => message);
}

async function ourCatchUp(name: string): Promise<string[]> {
  const messages: string[] = [];
  await subscribe(redis, 'news', { as: name, untilCaughtUp: true, ...seed }, (item) => {
    messages.push(isGap(item) ? `gap ${item.gap.from}-${item.gap.to}` : item.message);
  });
  return messages;
}

test('both publish, both subscribe, the slowest of both decides what is kept', async () => {
  await other.zadd('pubsub:process_stats', 0, 'sentiment_analysis');
  const heard: string[] = [];
  const listener = server.client();
  listener.on('pmessage', (_pattern, _channel, json) => heard.push(json));
  await listener.psubscribe('news_id_pubsub');

  await theirPublish('theirs');
  await publish(redis, 'news', ['ours', 'ö"\\'], seed);
  await theirPublish('theirs again');
  const all = ['theirs', 'ours', 'ö"\\', 'theirs again'];
  expect(await ourCatchUp('ours')).toEqual(all);
  expect(await redis.zcard('pubsub:messages')).toBe(4);
  expect(await theirCatchUp('sentiment_analysis')).toEqual(all);
  expect(await redis.zcard('pubsub:messages')).toBe(0);
  expect(heard.map((json) => JSON.parse(json) as unknown)).toEqual(
    all.map((message, index) => ({ msg_id: index + 1, message })),
  );
  expect(await topicStatus(redis, 'news', 'seed')).toMatchObject({
    lastId: 4,
    retained: 0,
    subscribers: [
      { name: 'ours', position: 4, lag: 0 },
      { name: 'sentiment_analysis', position: 4, lag: 0 },
    ],
  });
});

test('what their publisher announces wakes our subscriber; the body comes from the store', async () => {
  const live = await Subscription.open(redis, 'news', { as: 'ours', pollMs: 60_000, ...seed });
  const waiting = live.take();
  await theirPublish('theirs');
  expect(await waiting).toEqual([{ id: 1, at: null, message: 'theirs' }]);
  await theirPublish('the last');
  // The bare word with which its publisher ends: no message, and nothing is left behind it.
  await other.publish('news_id_pubsub', 'COMPLETE');
  expect(await live.take()).toEqual([{ id: 2, at: null, message: 'the last' }]);
  expect(await live.take()).toEqual([]);
  expect(live.isStopped).toBe(true);
  await live.close();
});

test('ours ends with the same word: it is not stored, and their subscribers hear it', async () => {
  const heard: string[] = [];
  const listener = server.client();
  await listener.subscribe('news_id_pubsub');
  listener.on('message', (_, message: string) => heard.push(message));
  const live = await Subscription.open(redis, 'news', { as: 'ours', pollMs: 60_000, ...seed });
  expect(await publish(redis, 'news', ['a', 'b', 'COMPLETE'], seed)).toEqual({
    first: 1,
    last: 2,
    count: 2,
    isComplete: true,
  });
  const got: unknown[] = [];
  for (let items = await live.take(); items.length > 0; items = await live.take()) got.push(...items);
  expect(got).toMatchObject([{ message: 'a' }, { message: 'b' }]);
  await live.close();
  await vi.waitFor(() => expect(heard.at(-1)).toBe('COMPLETE'));
  expect(await redis.get('pubsub:msg_id')).toBe('2');
  await publish(redis, 'news', 'COMPLETE');
  expect((await topicStatus(redis, 'news')).lastId).toBe(1);
});

test('while they hold the lock, ours waits: an id that is not stored yet is not overtaken', async () => {
  await other.setnx('pubsub:lock', 'uuid');
  const id = await other.incr('pubsub:msg_id');
  const publishing = publish(redis, 'news', 'ours', seed);
  await ourCatchUp('reader');
  await other.zadd('pubsub:messages', id, JSON.stringify({ msg_id: id, message: 'theirs' }));
  await other.del('pubsub:lock');
  expect(await publishing).toEqual({ first: 2, last: 2, count: 1 });
  expect(await ourCatchUp('reader')).toEqual(['theirs', 'ours']);
});

test('their publisher resets every position when it starts: ours repeats nothing and reports no gap', async () => {
  await publish(redis, 'news', ['a', 'b', 'c'], seed);
  expect(await ourCatchUp('ours')).toEqual(['a', 'b', 'c']);
  await other.zadd('pubsub:process_stats', 0, 'ours', 0, 'news_importance');
  await theirPublish('d');
  expect(await ourCatchUp('ours')).toEqual(['d']);
});

test('what only other programs use is shown as well', async () => {
  expect((await inspectAll(redis)).topics).toEqual([]);
  await other.zadd('pubsub:process_stats', 0, 'news_importance');
  await theirPublish('theirs');
  expect((await inspectAll(redis)).topics).toMatchObject([
    {
      topic: 'pubsub',
      layout: 'seed',
      lastId: 1,
      retained: 1,
      subscribers: [{ name: 'news_importance', lag: 1, seenMs: 0, state: 'idle' }],
    },
  ]);
});

test('whatever lies in the store comes as text', async () => {
  await other.zadd('pubsub:process_stats', 0, 'ours');
  await other.set('pubsub:msg_id', 4);
  await other.zadd(
    'pubsub:messages',
    1,
    '{"msg_id":1,"message":{"a":1}}',
    2,
    'no JSON',
    3,
    '[1]',
    4,
    '{"msg_id":4}',
  );
  expect(await ourCatchUp('ours')).toEqual(['{"a":1}', 'no JSON', '[1]', '{"msg_id":4}']);
});
