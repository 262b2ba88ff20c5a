import { beforeEach, expect, test } from 'vitest';
import { doctor } from '../../source/features/topic/doctor.ts';
import { publish, settlePublished } from '../../source/features/topic/publish.ts';
import { subscribe } from '../../source/features/topic/subscriber/subscribe.ts';
import { inspectAll } from '../../source/features/topic/topic.ts';
import { type RedisServer, redisForThisFile } from '../helpers/redis-server.ts';

let redis: ReturnType<RedisServer['client']>;
const server = await redisForThisFile();
beforeEach(async () => {
  redis = server.client();
  await redis.flushall();
});

async function examined() {
  const keys = (await redis.keys('*')).filter((key) => doctor.claims(key));
  return await doctor.examine(redis, keys);
}

test('a topic in order has nothing', async () => {
  await publish(redis, 'fine', 'a');
  await subscribe(redis, 'fine', { as: 's', untilCaughtUp: true }, () => {});
  await publish(redis, 'fine', 'b');
  await settlePublished(redis);
  expect(await examined()).toEqual([]);
});

test('a subscriber that nobody has served for a minute, with messages waiting', async () => {
  await publish(redis, 'news', 'a');
  await subscribe(redis, 'news', { as: 'audit', untilCaughtUp: true }, () => {});
  await publish(redis, 'news', ['b', 'c']);
  const [token, , ...rest] = (await redis.hget('topic:seats:news', 'audit'))?.split(' ') ?? [];
  await redis.hset('topic:seats:news', 'audit', [token, Date.now() - 60_000, ...rest].join(' '));
  expect(await examined()).toMatchObject([
    {
      code: 'SUBSCRIBER_DEAD',
      message: expect.stringContaining('2 messages wait'),
      fix: expect.stringContaining('quarterdeck topic drop news audit --yes'),
    },
  ]);
});

test('a subscriber blocked at a message', async () => {
  await publish(redis, 'news', 'a');
  const fail = () => {
    throw new Error('no room');
  };
  await expect(subscribe(redis, 'news', { as: 's', retries: 0 }, fail)).rejects.toThrow('blocked');
  expect(await examined()).toMatchObject([
    { code: 'SUBSCRIBER_BLOCKED', severity: 'error', message: expect.stringContaining('no room') },
  ]);
});

test('messages that were set aside, by their number', async () => {
  // Named before anything is published, so that it is served from the first message on.
  await subscribe(redis, 'news', { as: 's', untilCaughtUp: true }, () => {});
  const fail = () => {
    throw new Error('no room');
  };
  for (const message of [
    '1 message of s was set aside because its handler could not do it',
    '2 messages of s were set aside because its handler could not do them',
  ]) {
    await publish(redis, 'news', 'a');
    await subscribe(redis, 'news', { as: 's', retries: 0, aside: 2, untilCaughtUp: true }, fail);
    expect(await examined()).toMatchObject([
      {
        code: 'MESSAGES_ASIDE',
        severity: 'warning',
        message,
        fix: expect.stringContaining('quarterdeck topic aside news'),
      },
    ]);
  }
});

test('a topic that is not listed is put back, and is seen again', async () => {
  await publish(redis, 'lost', 'a');
  await settlePublished(redis);
  await redis.del('quarterdeck:topic');
  const [finding] = await examined();
  expect(finding).toMatchObject({ code: 'TOPIC_NOT_LISTED', key: 'topic:msgs:lost' });
  await finding?.repair?.();
  expect(await examined()).toEqual([]);
  expect((await inspectAll(redis)).topics).toMatchObject([{ topic: 'lost' }]);
});

test('foreign data under our name, and a lock left behind by a publisher of the seed', async () => {
  await redis.set('topic:msgs:foreign', 'x');
  await redis.set('pubsub:lock', 'uuid');
  await redis.zadd('pubsub:process_stats', 0, 'sentiment_analysis');
  await redis.zadd('pubsub:messages', 1, '{"msg_id": 1, "message": "x"}');
  const codes = (await examined()).map(({ code }) => code).sort();
  expect(codes).toEqual(['SEED_LOCK_LEFT', 'TOPIC_NOT_LISTED', 'WRONG_TYPE']);
});
