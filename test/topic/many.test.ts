import { describe, expect, test } from 'vitest';
import { readConfig } from '../../source/config.ts';
import { feed } from '../../source/features/topic/feed.ts';
import feature from '../../source/features/topic/index.ts';
import { publish, settlePublished } from '../../source/features/topic/publish.ts';
import { initial } from '../../source/features/topic/state.ts';
import { subscribe } from '../../source/features/topic/subscriber/subscribe.ts';
import { inspectAll, openTopic, topicStatus } from '../../source/features/topic/topic.ts';
import { needSentence } from '../../source/need.ts';
import { run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** However many topics and subscribers there are, and whatever one of their keys holds. */

const server = await redisForThisFile();
const redis = server.client();
const config = readConfig({ readOnly: true }, {});

test('1,500 topics: listed all, counted all, and the oldest trouble is reported', async () => {
  await redis.flushall();
  const longAgo = Date.now() - 3_600_000;
  const pipeline = redis.pipeline();
  for (let index = 0; index < 1500; index += 1) {
    const name = `order:${index}`;
    pipeline.xadd(`topic:msgs:${name}`, `${longAgo}-1`, 'm', 'x');
    pipeline.set(`topic:ids:${name}`, 1);
    pipeline.zadd(`topic:subs:${name}`, index === 0 ? 0 : 1, 'worker');
    pipeline.hset(`topic:seats:${name}`, 'worker', `- ${longAgo} 5000 ${longAgo} 0 host:1`);
    pipeline.zadd('quarterdeck:topic', index + 1, name);
  }
  await pipeline.exec();
  const status = await run(['topic', 'status', '--json'], { url: server.url });
  expect(JSON.parse(status.stdout) as unknown[]).toHaveLength(1500);
  const failing = await run(
    ['snapshot', '--pane', 'topic', '--fail-if', 'topic.condition == dead', '--json'],
    {
      url: server.url,
    },
  );
  expect(failing.code).toBe(1);

  const context = { redis, connections: [], config };
  let slice = (await feed.read(context, initial))(initial);
  expect(feature.headline(slice)).toBe('100 of 1,500 topics');
  for (let reading = 0; reading < 12; reading += 1) slice = (await feed.read(context, slice))(slice);
  expect(feature.headline(slice)).toBe('101 of 1,500 topics  101 of 1,500 subscribers');
  expect(feature.needs(slice, Date.now()).map(needSentence)).toEqual(['order:0/worker DEAD, 1 wait']);
});

test('a topic with 1,300 subscribers: all of them, and trouble among those that are not shown', async () => {
  await redis.flushall();
  await publish(redis, 'wide', ['a', 'b']);
  const names = Array.from({ length: 1300 }, (_, index) => `s${String(index).padStart(4, '0')}`);
  await redis.zadd('topic:subs:wide', ...names.flatMap((name) => [1, name]));
  await redis.zadd('topic:subs:wide', 2, 'zealous');
  await redis.hset('topic:state:wide', 'aside:zealous', 3);
  await settlePublished(redis);
  expect((await topicStatus(redis, 'wide')).subscribers).toHaveLength(1301);
  // A client of its own: the round of the other one still holds what was there before.
  const context = { redis: server.client(), connections: [], config };
  let slice = initial;
  for (let reading = 0; reading < 10; reading += 1) slice = (await feed.read(context, slice))(slice);
  expect(feature.headline(slice)).toBe('1 of 1 topic  50 of 1,301 subscribers');
  expect(feature.needs(slice, Date.now()).map(needSentence)).toContain('wide/zealous 3 messages set aside');
});

test('one bad key hides no other, and is named', async () => {
  await redis.flushall();
  await publish(redis, 'good', 'x');
  await subscribe(redis, 'good', { as: 's', untilCaughtUp: true }, () => {});
  await redis.hset('topic:state:good', 'blocked:s', 'not json');
  await redis.set('topic:msgs:text', 'x');
  await redis.set('topic:ids:odd', 'x');
  await redis.zadd('quarterdeck:topic', ...['text', 'odd'].flatMap((name) => [Date.now(), name]));
  await settlePublished(redis);
  const { topics, unreadable } = await inspectAll(redis);
  expect(topics).toMatchObject([{ topic: 'good', subscribers: [{ name: 's', blocked: null }] }]);
  expect(unreadable.map(({ key }) => key).sort()).toEqual([
    'topic:ids:odd',
    'topic:msgs:text',
    'topic:state:good',
  ]);
  const snapshot = await run(['snapshot', '--pane', 'topic', '--json'], { url: server.url });
  expect((JSON.parse(snapshot.stdout) as { topic: unknown[] }).topic).toHaveLength(1);
  for (const key of ['topic:ids:odd', 'topic:msgs:text', 'topic:state:good']) {
    expect(snapshot.stderr).toContain(key);
  }
  const doctor = await run(['doctor', '--json'], { url: server.url });
  expect(doctor.code).toBe(1);
  for (const key of ['topic:msgs:text', 'topic:state:good']) expect(doctor.stdout).toContain(key);

  await redis.set('quarterdeck:topic', 'x');
  const again = await run(['doctor', '--json'], { url: server.url });
  expect(again.code).toBe(1);
  expect(again.stdout).toContain('"quarterdeck:topic"');
});

describe('with rights for topics alone', () => {
  test('status needs none for the legacy layout, and none to ask for memory', async () => {
    await redis.flushall();
    await publish(redis, 'news', ['a', 'b']);
    await settlePublished(redis);
    await redis.call(
      'ACL',
      'SETUSER',
      'reader',
      'on',
      '>pw',
      '%R~topic:*',
      '%R~quarterdeck:topic',
      'resetchannels',
      '+@read',
      '+@connection',
      '+time',
      '+eval_ro',
      '+evalsha_ro',
      '-memory',
    );
    const user = server.client({ username: 'reader', password: 'pw' });
    expect((await inspectAll(user)).topics).toMatchObject([{ topic: 'news', lastId: 2, bytes: null }]);
  });

  test('retention works where memory may not be asked for: by the lengths of what is stored', async () => {
    await redis.flushall();
    await redis.call(
      'ACL',
      'SETUSER',
      'writer',
      'on',
      '>pw',
      '~topic:*',
      '~quarterdeck:*',
      '&*',
      '+@all',
      '-memory',
    );
    const user = server.client({ username: 'writer', password: 'pw' });
    await subscribe(user, 'bytes', { as: 's', untilCaughtUp: true }, () => {});
    await redis.hset('topic:state:bytes', 'maxBytes', 256 * 1024);
    for (let part = 0; part < 40; part += 1) {
      await publish(
        user,
        'bytes',
        Array.from({ length: 10 }, (_, index) => String(index).padEnd(5000, 'x')),
      );
    }
    await openTopic(user, 'bytes').sweep();
    expect((await topicStatus(redis, 'bytes')).bytes).toBeLessThan(300 * 1024);
    expect((await topicStatus(redis, 'bytes')).retained).toBeGreaterThan(20);
  });
});
