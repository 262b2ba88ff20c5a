import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { isGap, type Message } from '../../source/features/topic/layout.ts';
import { publish, settlePublished } from '../../source/features/topic/publish.ts';
import { subscribe } from '../../source/features/topic/subscriber/subscribe.ts';
import { Subscription } from '../../source/features/topic/subscriber/subscription.ts';
import { inspectAll, openTopic, topicStatus } from '../../source/features/topic/topic.ts';
import { type FaultProxy, startFaultProxy } from '../helpers/fault-proxy.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';

let server: RedisServer;
let redis: ReturnType<RedisServer['client']>;
let proxy: FaultProxy;
beforeAll(async () => {
  server = await startRedis();
  proxy = await startFaultProxy(server.socket);
  redis = server.client();
});
beforeEach(async () => {
  await settlePublished(redis);
  await redis.flushall();
});
afterAll(async () => {
  await proxy.close();
  await server.close();
});

async function received(topic: string, as = 's'): Promise<Message[]> {
  const messages: Message[] = [];
  await subscribe(server.client(), topic, { as, untilCaughtUp: true }, (item) => {
    if (!isGap(item)) messages.push(item);
  });
  return messages;
}

test.each(['news:eu', '{news}:eu', '{news}', 'a {b', 'news\n2', 'topic:msgs:news', '*', '日本'])(
  'a topic may be called %j',
  async (name) => {
    await publish(redis, name, 'a');
    await publish(redis, 'news', 'of another topic');
    expect(await received(name)).toMatchObject([{ id: 1, message: 'a' }]);
  },
);

test.each(['', '}news', 'x'.repeat(513)])('a topic may not be called %j', async (name) => {
  await expect(publish(redis, name, 'a')).rejects.toMatchObject({ code: 'TOPIC_NAME', kind: 'usage' });
});

test('messages are text: any of it comes back as it was', async () => {
  const texts = ['', 'two\nlines', '"quoted" \\ slashed', '\u0000\u0007', '日本 🎉', '["json"]'];
  await publish(redis, 'text', texts);
  for (const text of texts) await publish(redis, 'text', text);
  expect((await received('text')).map(({ message }) => message)).toEqual([...texts, ...texts]);
});

test('a message over 16 MiB is refused, and nothing of its batch is published', async () => {
  const most = 'é'.repeat(8 * 1024 ** 2);
  await expect(publish(redis, 'big', ['small', `${most}x`])).rejects.toMatchObject({
    code: 'MESSAGE_TOO_LARGE',
    kind: 'data',
  });
  expect((await topicStatus(redis, 'big')).lastId).toBe(0);
  await publish(redis, 'big', most);
  const [message] = await received('big');
  expect(message?.message === most).toBe(true);
});

test('a key of another type is named, not overwritten', async () => {
  await redis.set('topic:msgs:taken', 'something else');
  await publish(redis, 'fine', 'a');
  await expect(publish(redis, 'taken', 'a')).rejects.toMatchObject({ code: 'WRONG_TYPE' });
  await expect(publish(redis, 'taken', 'a')).rejects.toThrow('`topic:msgs:taken`');
  await expect(Subscription.open(redis, 'taken', { as: 's' }).then((s) => s.take())).rejects.toMatchObject({
    code: 'WRONG_TYPE',
  });
  expect(await redis.get('topic:msgs:taken')).toBe('something else');
  await redis.zadd('quarterdeck:topic', Date.now(), 'taken');
  const { topics, unreadable } = await inspectAll(redis);
  expect(topics).toMatchObject([{ topic: 'fine', lastId: 1 }]);
  expect(unreadable).toMatchObject([
    { topic: 'taken', key: 'topic:msgs:taken', error: { code: 'WRONG_TYPE' } },
  ]);
});

test('a lost counter goes on from the stream; ids still rise', async () => {
  await publish(redis, 'counter', ['a', 'b']);
  await redis.del('topic:ids:counter');
  expect(await publish(redis, 'counter', 'c')).toEqual({ first: 3, last: 3, count: 1 });
});

test('a server that forgot ids already read gives them again, and they are read', async () => {
  await publish(redis, 'forgot', ['a', 'b', 'c']);
  const subscription = await Subscription.open(redis, 'forgot', { as: 's' });
  await subscription.take();
  subscription.ack(2);
  await subscription.settle();
  // As after a failover: the newest two messages, and what was said about them, are gone.
  await redis.xtrim('topic:msgs:forgot', 'MAXLEN', 0);
  await redis.del('topic:msgs:forgot');
  await redis.set('topic:ids:forgot', 1);
  expect(await subscription.take({ wait: false })).toEqual([]);
  await publish(redis, 'forgot', ['B', 'C']);
  expect(await subscription.take()).toMatchObject([
    { id: 2, message: 'B' },
    { id: 3, message: 'C' },
  ]);
  await subscription.close();
});

test('a server that forgot them, and gave their ids anew before anybody looked: they are read', async () => {
  await publish(redis, 'anew', ['a', 'b', 'c']);
  const published = Date.now();
  const subscription = await Subscription.open(redis, 'anew', { as: 's' });
  await subscription.take();
  subscription.ack(3);
  await subscription.settle();
  await redis.set('topic:ids:anew', 1);
  // The clock goes on, as it does while a replica takes over.
  await vi.waitFor(async () => {
    const [seconds = 0, micros = 0] = (await redis.time()).map(Number);
    expect(seconds * 1000 + micros / 1000).toBeGreaterThan(published + 5);
  });
  await publish(redis, 'anew', ['B', 'C', 'D']);
  const texts: unknown[] = [];
  while (texts.length < 3)
    for (const item of await subscription.take()) texts.push('message' in item && item.message);
  expect(texts).toEqual(['B', 'C', 'D']);
  subscription.ack(4);
  await subscription.close();
  expect(await received('anew')).toEqual([]);
});

test.each([
  ['fewer ids', ['B']],
  ['just as many ids', ['B', 'C', 'D']],
  ['more ids', ['B', 'C', 'D', 'E', 'F']],
])(
  'a sweep that comes first, when %s were given anew: nothing unread goes, and it is read',
  async (_, anew) => {
    const published = await publish(redis, 'swept', ['a', 'b', 'c', 'd']).then(() => Date.now());
    const subscription = await Subscription.open(redis, 'swept', {
      as: 's',
      notificationsOnly: true,
      pollMs: 50,
    });
    await subscription.take();
    subscription.ack(4);
    await subscription.settle();
    await openTopic(redis, 'swept').sweep();
    expect(await topicStatus(redis, 'swept')).toMatchObject({ floor: 4, lastId: 4 });

    // As after a failover: three messages are gone, and of what was said about them a part came again.
    await redis.set('topic:ids:swept', 1);
    await vi.waitFor(async () => {
      const [seconds = 0, micros = 0] = (await redis.time()).map(Number);
      expect(seconds * 1000 + micros / 1000).toBeGreaterThan(published + 5);
    });
    for (const text of anew) await publish(redis, 'swept', text);
    await openTopic(redis, 'swept').sweep();
    const texts: unknown[] = [];
    while (texts.length < anew.length) {
      for (const item of await subscription.take()) texts.push('message' in item && item.message);
    }
    expect(texts).toEqual(anew);
    subscription.ack(1 + anew.length);
    await subscription.close();
    expect(await topicStatus(redis, 'swept')).toMatchObject({
      lastId: 1 + anew.length,
      floor: 1 + anew.length,
      subscribers: [{ position: 1 + anew.length }],
    });
  },
);

test('what was done under ids the server does not know yet is not taken for done', async () => {
  await publish(redis, 'early', ['a', 'b', 'c', 'd']);
  const subscription = await Subscription.open(redis, 'early', { as: 's', notificationsOnly: true });
  await subscription.take();
  await redis.set('topic:ids:early', 2);
  subscription.ack(4);
  await subscription.settle();
  expect(await topicStatus(redis, 'early')).toMatchObject({ subscribers: [{ position: 0 }] });
  await subscription.close();
});

test('a clock set back: ids and times still rise', async () => {
  const ahead = Date.now() + 3_600_000;
  await redis.xadd('topic:msgs:clock', `${ahead}-1`, 'm', 'from the future');
  await redis.set('topic:ids:clock', 1);
  const subscription = await Subscription.open(redis, 'clock', { as: 's' });
  await publish(redis, 'clock', ['a', 'b']);
  await publish(redis, 'clock', 'c');
  expect(await subscription.take()).toMatchObject([
    { id: 1, at: ahead },
    { id: 2, at: ahead },
    { id: 3, at: ahead },
    { id: 4, at: ahead },
  ]);
  await subscription.close();
});

test('thousands of messages in flight when connections break are stored once each, in order', async () => {
  const client = proxy.client();
  const texts = Array.from({ length: 3000 }, (_, index) => `message ${index}`);
  await publish(client, 'cut', 'first');
  const lost = proxy.swallowReplyTo('message 1500');
  const published = [];
  for (const [index, text] of texts.entries()) {
    published.push(publish(client, 'cut', text));
    if (index % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (index % 700 === 699) proxy.cut();
    // The scripts are gone with a restart: what is in flight must not overtake each other.
    if (index === 1000) await redis.script('FLUSH');
  }
  await lost;
  const ids = (await Promise.all(published)).map(({ first }) => first);
  const messages = await received('cut');
  expect(messages.map(({ message }) => message)).toEqual(['first', ...texts]);
  expect(ids).toEqual(messages.slice(1).map(({ id }) => id));
});

test('many publishers: every message once, ids without holes, each publisher in its order', async () => {
  const publishers = Array.from({ length: 8 }, () => server.client());
  await Promise.all(
    publishers.flatMap((client, who) =>
      Array.from({ length: 250 }, async (_, index) => {
        await publish(client, 'many', `${who}:${index}`);
      }),
    ),
  );
  const messages = await received('many');
  expect(messages.map(({ id }) => id)).toEqual(Array.from({ length: 2000 }, (_, index) => index + 1));
  for (let who = 0; who < 8; who += 1) {
    const own = messages.filter(({ message }) => message.startsWith(`${who}:`));
    expect(own.map(({ message }) => message)).toEqual(Array.from({ length: 250 }, (_, i) => `${who}:${i}`));
  }
});

test('with the memory full, reading and acknowledging go on and make room', async () => {
  const texts = Array.from({ length: 500 }, () => 'x'.repeat(2000));
  await publish(redis, 'full', texts);
  const { used_memory: used = 0 } = Object.fromEntries(
    (await redis.info('memory')).split('\r\n').map((line) => line.split(':')),
  ) as { used_memory?: number };
  await redis.config('SET', 'maxmemory', used);
  await expect(publish(redis, 'full', texts)).rejects.toThrow('OOM');
  expect(await received('full')).toHaveLength(500);
  await redis.config('SET', 'maxmemory', 0);
  expect(await topicStatus(redis, 'full')).toMatchObject({ retained: 0 });
});

test('a retired producer leaves nothing behind', async () => {
  await publish(redis, 'retired', ['a']);
  expect(await redis.keys('topic:sent:*')).toHaveLength(1);
  await settlePublished(redis);
  expect(await redis.keys('topic:sent:*')).toEqual([]);
  expect(await topicStatus(redis, 'retired')).toMatchObject({ lastId: 1 });
});
