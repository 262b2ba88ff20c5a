import { expect, expectTypeOf, test } from 'vitest';
import { chat, lock, type QuarterdeckError, topic, type Warning } from '../../source/index.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

// lock, chat and topic as a program imports them.

const server = await redisForThisFile();
const redis = server.client({ maxRetriesPerRequest: null });

test('lock: held, listed, lost to whoever breaks it, free again', async () => {
  {
    await using held = await lock.hold(redis, 'deploy', { ttlMs: 20_000, label: 'web' });
    expect(held?.fence).toBeGreaterThan(0);
    expectTypeOf(held).toEqualTypeOf<lock.Held | undefined>();
    expect(await lock.acquire(redis, 'deploy')).toBeUndefined();
    expect(await lock.list(redis)).toMatchObject([{ name: 'deploy', owner: { label: 'web' } }]);
    expect(await lock.remove(redis, 'deploy', { token: 'another' })).toBe(false);
    expect(await lock.remove(redis, 'deploy')).toBe(true);
    await expect(held?.extend()).rejects.toBeInstanceOf(lock.LockLostError);
    expect(held?.signal.aborted).toBe(true);
  }
  expect(await lock.status(redis, 'deploy')).toMatchObject({ name: 'deploy', token: undefined });
  expect(await lock.remove(redis, 'deploy')).toBe(false);
});

test('lock: whoever waits gets it when the holder closes', async () => {
  const first = await lock.acquire(redis, 'next', { ttlMs: 20_000 });
  const reason = new Error('enough');
  await expect(first?.extend(undefined, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const second = lock.acquire(redis, 'next', { ttlMs: 20_000, timeoutMs: 20_000 });
  await expect.poll(async () => (await lock.status(redis, 'next')).waiting).toBe(1);
  await first?.close();
  const held = await second;
  expect(held?.fence).toBeGreaterThan(first?.fence ?? Number.POSITIVE_INFINITY);
  expect(await lock.extend(redis, 'next', held?.token ?? '', { ttlMs: 1000 })).toEqual({
    fence: held?.fence,
  });
  expect(await lock.release(redis, 'next', held?.token ?? '')).toBe(true);
});

test('lock: a wait that is cancelled rejects with the reason of its signal', async () => {
  await using _held = await lock.acquire(redis, 'busy', { ttlMs: 20_000 });
  const controller = new AbortController();
  const waiting = lock.acquire(redis, 'busy', { timeoutMs: 20_000, signal: controller.signal });
  const reason = new Error('enough');
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
});

test('chat: sent, peeked at, read, consumed', async () => {
  expect(await chat.create(redis, { room: 'ops', members: ['ada', 'bob'] })).toMatchObject({
    room: 'ops',
    messages: 0,
  });
  expect(await chat.join(redis, 'ops', { as: 'cy' })).toMatchObject({ members: [{}, {}, {}] });
  expect((await chat.send(redis, 'ops', 'hello', { as: 'ada' })).id).toBe(1);
  const [message] = await chat.read(redis, 'ops', { as: 'bob', peek: true });
  expect(message).toMatchObject({ id: 1, sender: 'ada', text: 'hello' });
  expect(await chat.read(redis, 'ops', { as: 'bob' })).toEqual([message]);
  expect(await chat.read(redis, 'ops', { as: 'bob' })).toEqual([]);

  const controller = new AbortController();
  const consumed: string[] = [];
  for await (const { text } of chat.consume(redis, 'ops', { as: 'cy', signal: controller.signal })) {
    consumed.push(text);
    if (consumed.length === 1) await chat.send(redis, 'ops', 'more', { as: 'ada' });
    else controller.abort();
  }
  expect(consumed).toEqual(['hello', 'more']);
  expect(await chat.status(redis, 'nowhere')).toBeUndefined();
  expect(await chat.list(redis)).toMatchObject([{ room: 'ops' }]);
  await expect(chat.send(redis, 'nowhere', 'x', { as: 'ada' })).rejects.toBeInstanceOf(chat.UnknownRoomError);
  for (const as of ['ada', 'bob']) await chat.leave(redis, 'ops', { as });
  expect(await chat.leave(redis, 'ops', { as: 'cy' })).toBeUndefined();
});

test('topic: published, consumed in order, acknowledged by asking for the next', async () => {
  await topic.publish(redis, 'orders', 'order 1');
  expect(await topic.publish(redis, 'orders', ['order 2', 'order 3'])).toEqual({
    first: 2,
    last: 3,
    count: 2,
  });
  const options = { as: 'billing', from: 'start', untilCaughtUp: true } as const;
  const seen: string[] = [];
  for await (const item of topic.consume(redis, 'orders', options)) {
    expectTypeOf(item.type).toEqualTypeOf<'message' | 'gap'>();
    if (item.type === 'message') seen.push(item.text);
    if (seen.length === 2) break;
  }
  expect(await topic.status(redis, 'orders')).toMatchObject({
    lastId: 3,
    subscribers: [{ name: 'billing', position: 1, lag: 2 }],
  });
  const rest: string[] = [];
  await topic.subscribe(redis, 'orders', options, (item) => {
    if (item.type === 'message') rest.push(item.text);
  });
  expect([...seen, ...rest]).toEqual(['order 1', 'order 2', 'order 2', 'order 3']);
  await topic.configure(redis, 'orders', { maxLen: 10 });
  expect(await topic.list(redis)).toMatchObject([{ topic: 'orders' }]);
  expect(await topic.remove(redis, 'orders', { subscriber: 'nobody' })).toBe(false);
  expect(await topic.remove(redis, 'orders', { subscriber: 'billing' })).toBe(true);
  expect(await topic.status(redis, 'nosuch')).toBeUndefined();
});

test('topic: one that the index has lost is listed when asked for, and no more than were asked for', async () => {
  await redis.zrem('quarterdeck:topic', 'orders');
  await redis.set('topic:msgs:odd', 'x');
  expect(await topic.list(redis)).toEqual([]);
  const warnings: Warning[] = [];
  const onEvent = (event: Warning) => warnings.push(event);
  expect(await topic.list(redis, { discover: true, onEvent })).toMatchObject([{ topic: 'orders' }]);
  expect(warnings.map(({ error }) => error.message).join()).toContain('topic:msgs:odd');
  await topic.publish(redis, 'news', 'extra');
  expect(await topic.list(redis, { discover: true, limit: 1, onEvent })).toMatchObject([{ topic: 'news' }]);
  await redis.del('topic:msgs:odd');
});

test('lock: no more are listed than were asked for, and what is no lock is warned of', async () => {
  await using _held = await lock.acquire(redis, 'listed', { ttlMs: 20_000 });
  await redis.set('lock:theirs', 'a token of another program', 'PX', 20_000);
  expect(await lock.list(redis, { discover: true, limit: 1 })).toMatchObject([{ name: 'listed' }]);
  await redis.rpush('lock:odd', 'x');
  await redis.zadd('quarterdeck:lock', 0, 'odd');
  const warnings: Warning[] = [];
  await lock.list(redis, { onEvent: (event) => warnings.push(event) });
  expect(warnings.map(({ error }) => error.message).join()).toContain('lock:odd');
});

test('chat: whoever reads is warned of what cannot be read', async () => {
  await chat.create(redis, { room: 'odd', members: ['ada', 'bob'] });
  await chat.send(redis, 'odd', 'fine', { as: 'ada' });
  await redis.zadd('msgs:odd', 2, 'no JSON');
  await redis.set('ids:odd', 2);
  const warnings: Warning[] = [];
  const messages = await chat.read(redis, 'odd', { as: 'bob', onEvent: (event) => warnings.push(event) });
  expect(messages.map(({ text }) => text)).toEqual(['fine']);
  expect(warnings.map(({ error }) => error.code)).toEqual(['CHAT_MALFORMED']);
});

test('topic: the connection that a caller makes for listening is closed in the end', async () => {
  const made: ReturnType<typeof server.client>[] = [];
  const subscriber = () => {
    const client = redis.duplicate();
    made.push(client);
    return client;
  };
  for await (const _ of topic.consume(redis, 'orders', { as: 'x', untilCaughtUp: true, subscriber }));
  expect(made.length).toBe(1);
  await expect.poll(() => made[0]?.status).toBe('end');
});

async function collected<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

test('topic: what a handler fails on for good is set aside, done again by another, or dropped', async () => {
  const errors: QuarterdeckError[] = [];
  const failing = (failed: RegExp) => (item: topic.Message | topic.Gap) => {
    if (item.type === 'message' && failed.test(item.text)) throw new Error('no such row');
  };
  const all = async (name = 'mails') => {
    const rows = await collected(topic.aside(redis, name));
    return rows.sort((a, b) => a.id - b.id);
  };
  expect(await all()).toEqual([]);
  await topic.publish(redis, 'mails', ['good', 'bad', 'worse', 'worst', 'bad']);
  await topic.subscribe(
    redis,
    'mails',
    {
      ...{ as: 'mailer', from: 'start', untilCaughtUp: true, retries: 0, aside: 5 },
      onEvent: ({ error }) => errors.push(error),
    },
    failing(/bad|wors/),
  );
  expect(errors).toMatchObject([2, 3, 4, 5].map((id) => ({ code: 'MESSAGE_SET_ASIDE', id })));
  expect(await all()).toEqual(
    ['bad', 'worse', 'worst', 'bad'].map((text, index) => ({
      topic: 'mails',
      subscriber: 'mailer',
      id: index + 2,
      at: expect.any(Number),
      text,
      reason: 'no such row',
      sinceAt: expect.any(Number),
      tries: 1,
    })),
  );

  const retried: (readonly [number, string])[] = [];
  const mailer = { subscriber: 'mailer' };
  expect(await topic.retry(redis, 'mails', [2, 99], mailer, ({ id, text }) => retried.push([id, text]))).toBe(
    1,
  );
  expect(retried).toEqual([[2, 'bad']]);
  const worst = new Error('still no such row');
  const retrying = topic.retry(redis, 'mails', 'all', mailer, async ({ text }) => {
    if (text === 'worst') throw worst;
  });
  await expect(retrying).rejects.toMatchObject({ code: 'STILL_ASIDE', cause: worst });
  await expect(retrying).rejects.toBeInstanceOf(topic.StillAsideError);
  expect(await all()).toMatchObject([{ id: 4 }]);
  expect(await topic.drop(redis, 'mails', [4, 5], mailer)).toEqual([4]);
  expect(await topic.drop(redis, 'mails', [4], mailer)).toEqual([]);
  expect(await all()).toEqual([]);
  expect(await topic.retry(redis, 'mails', 'all', { subscriber: 'nobody' }, () => {})).toBe(0);
});

test('topic: retrying ends with the reason of its signal, and what was not done stays aside', async () => {
  await topic.publish(redis, 'jobs', ['one', 'two', 'three']);
  const options = { as: 'worker', from: 'start', untilCaughtUp: true, retries: 0, aside: 5 } as const;
  await topic.subscribe(redis, 'jobs', { ...options, onEvent: () => {} }, () => {
    throw new Error('no');
  });
  const controller = new AbortController();
  const reason = new Error('enough');
  const call = { subscriber: 'worker', signal: controller.signal };
  const retrying = topic.retry(redis, 'jobs', 'all', call, ({ text }) => {
    if (text === 'two') controller.abort(reason);
  });
  await expect(retrying).rejects.toBe(reason);
  expect(await collected(topic.aside(redis, 'jobs'))).toMatchObject([{ text: 'three' }]);
  // A name of 0.1, for a subscriber.
  expect(await topic.drop(redis, 'jobs', 'worker')).toBe(0);
  expect(await topic.status(redis, 'jobs')).toMatchObject({ subscribers: [] });
});
