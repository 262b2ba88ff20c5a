import { afterAll, beforeAll, expect, test } from 'vitest';
import { discover } from '../../source/features/topic/discover.ts';
import { type Item, isGap } from '../../source/features/topic/layout.ts';
import { publish, settlePublished } from '../../source/features/topic/publish.ts';
import { subscribe } from '../../source/features/topic/subscriber/subscribe.ts';
import { Subscription } from '../../source/features/topic/subscriber/subscription.ts';
import { dropSubscriber, inspectAll, topicStatus } from '../../source/features/topic/topic.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';

/** In Cluster a topic's keys share a slot, and the notification is sharded. */

let cluster: RedisCluster;
let redis: ReturnType<RedisCluster['client']>;
beforeAll(async () => {
  cluster = await startCluster();
  redis = cluster.client();
});
afterAll(() => cluster.close());

const ids = (items: readonly Item[]): number[] => items.map((item) => (isGap(item) ? -1 : item.id));

test.each(['news', 'news:eu', '{tag}:eu', 'a{b', 'with space'])(
  'topic %j, from publish to drop',
  async (name) => {
    expect(await publish(redis, name, ['a', 'b'])).toEqual({ first: 1, last: 2, count: 2 });
    const received: Item[] = [];
    await subscribe(redis, name, { as: 's', untilCaughtUp: true }, (item) => received.push(item));
    expect(ids(received)).toEqual([1, 2]);
    expect(await topicStatus(redis, name)).toMatchObject({
      lastId: 2,
      floor: 2,
      subscribers: [{ position: 2 }],
    });
    expect((await inspectAll(redis)).topics.map((each) => each.topic)).toContain(name);
    await dropSubscriber(redis, name, 's');
    await settlePublished(redis);
  },
);

test('the sharded notification wakes a subscriber, long before the poll', async () => {
  const live = await Subscription.open(redis, 'live', { as: 's', pollMs: 60_000 });
  for (let id = 1; id <= 20; id += 1) {
    const waiting = live.take();
    await publish(redis, 'live', `m${id}`);
    expect(ids(await waiting)).toEqual([id]);
    live.ack(id);
  }
  await live.close();
});

test('while the topic moves to another primary, everything arrives once, in order', async () => {
  const received: number[] = [];
  const controller = new AbortController();
  const running = subscribe(redis, 'moving', { as: 's', signal: controller.signal }, (item) => {
    received.push(...ids([item]));
    if (received.length >= 600) controller.abort();
  });
  const publishing = (async () => {
    for (let index = 0; index < 300; index += 1) await publish(redis, 'moving', [`${index}`, 'again']);
  })();
  await cluster.moveSlotOf('topic:msgs:{moving}');
  await publishing;
  await running;
  expect(received).toEqual(Array.from({ length: 600 }, (_, index) => index + 1));
});

test("the seed's keys lie in different slots: refused", async () => {
  await expect(publish(redis, 'news', 'x', { layout: 'seed' })).rejects.toMatchObject({ code: 'LAYOUT' });
});

test('topics are found by their keys on every primary; the seed layout, which cannot be read here, is said', async () => {
  await cluster.flush();
  const names = ['news', 'news:eu', '{tag}:eu', 'a{b', 'with space', 'ops'];
  for (const name of names) await publish(redis, name, 'message');
  await redis.set('pubsub:msg_id', 1);
  await redis.set('topic:msgs:text', 'x');
  const found = await discover(redis);
  expect(found.topics).toEqual(names.toSorted());
  expect(found.foreign.toSorted()).toEqual(['pubsub:msg_id', 'topic:msgs:text']);
});
