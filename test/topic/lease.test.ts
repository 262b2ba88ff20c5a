import { expect, test, vi } from 'vitest';
import { isGap } from '../../source/features/topic/layout.ts';
import { publish } from '../../source/features/topic/publish.ts';
import { subscribe } from '../../source/features/topic/subscriber/subscribe.ts';
import { Subscription } from '../../source/features/topic/subscriber/subscription.ts';
import { dropSubscriber, topicStatus } from '../../source/features/topic/topic.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** One live process serves a subscriber name. */

const server = await redisForThisFile();

const leaseMs = 600;

test('a name in use is refused, with who uses it', async () => {
  const redis = server.client();
  const first = await Subscription.open(redis, 'used', { as: 's' });
  const second = Subscription.open(redis, 'used', { as: 's' });
  await expect(second).rejects.toMatchObject({ code: 'SUBSCRIBER_IN_USE', kind: 'data' });
  await expect(second).rejects.toThrow(`:${process.pid}`);
  await first.close();
});

test('the one standing by takes over at once when the lease is given up', async () => {
  const redis = server.client();
  await publish(redis, 'handed', ['a', 'b']);
  const first = await Subscription.open(redis, 'handed', { as: 's' });
  const standby = Subscription.open(redis, 'handed', { as: 's', standby: true });
  await first.take();
  first.ack(1);
  await first.close();
  const second = await standby;
  expect(await second.take()).toMatchObject([{ id: 2 }]);
  await second.close();
});

test('the lease of a process that died is taken when its lease ends', async () => {
  const redis = server.client();
  const dying = server.client();
  const first = await Subscription.open(dying, 'died', { as: 's', leaseMs });
  await publish(redis, 'died', 'a');
  await first.take();
  dying.disconnect();
  const second = await Subscription.open(redis, 'died', { as: 's', leaseMs });
  expect(await second.take()).toMatchObject([{ id: 1 }]);
  await second.close();
});

test('whoever was silent for longer than the lease hands out nothing more', async () => {
  const redis = server.client();
  const first = await Subscription.open(redis, 'silent', { as: 's', leaseMs });
  await publish(redis, 'silent', ['a', 'b']);
  await first.take();
  // A blocked event loop renews nothing.
  const wakeAt = performance.now() + leaseMs + 100;
  while (performance.now() < wakeAt);
  await redis.hset('topic:seats:silent', 's', `another ${Date.now()} 5000 ${Date.now()} 0 elsewhere:1`);
  expect(first.isSure).toBe(false);
  first.ack(2);
  await expect(first.settle()).rejects.toMatchObject({ code: 'SUBSCRIBER_TAKEN_OVER' });
  await expect(first.take()).rejects.toMatchObject({ code: 'SUBSCRIBER_TAKEN_OVER' });
  await first.close();
  expect(await topicStatus(redis, 'silent')).toMatchObject({ subscribers: [{ position: 0 }] });
});

test('a dropped subscriber ends its process, and is not brought back by it', async () => {
  const redis = server.client();
  const live = await Subscription.open(redis, 'dropped', { as: 's' });
  const ended = expect(live.take()).rejects.toMatchObject({ code: 'SUBSCRIBER_DROPPED' });
  await dropSubscriber(redis, 'dropped', 's');
  await ended;
  await live.close();
  expect((await topicStatus(redis, 'dropped')).subscribers).toEqual([]);
  await expect(dropSubscriber(redis, 'dropped', 's')).rejects.toMatchObject({ code: 'NO_SUBSCRIBER' });
});

test('standing by ends with the signal', async () => {
  const redis = server.client();
  const first = await Subscription.open(redis, 'waiting', { as: 's' });
  const controller = new AbortController();
  const standby = Subscription.open(redis, 'waiting', {
    as: 's',
    standby: true,
    signal: controller.signal,
  });
  controller.abort();
  expect((await standby).isStopped).toBe(true);
  await first.close();
});

test('a handler that fails is tried again, then blocks the subscriber at that message', async () => {
  const redis = server.client();
  await publish(redis, 'blocked', ['a', 'b', 'c']);
  const handled: string[] = [];
  const tries: number[] = [];
  const running = subscribe(
    redis,
    'blocked',
    { as: 's', retries: 1, onRetry: (_item, _error, waitMs) => tries.push(waitMs) },
    (item) => {
      if (isGap(item)) return;
      if (item.message === 'b') throw new Error('no room');
      handled.push(item.message);
    },
  );
  await expect(running).rejects.toMatchObject({ code: 'SUBSCRIBER_BLOCKED', kind: 'program', id: 2 });
  expect(handled).toEqual(['a']);
  expect(tries).toEqual([200]);
  expect((await topicStatus(redis, 'blocked')).subscribers).toMatchObject([
    { position: 1, lag: 2, blocked: { id: 2, attempts: 2, error: 'no room' } },
  ]);

  await subscribe(redis, 'blocked', { as: 's', untilCaughtUp: true }, (item) => {
    if (!isGap(item)) handled.push(item.message);
  });
  expect(handled).toEqual(['a', 'b', 'c']);
  expect((await topicStatus(redis, 'blocked')).subscribers).toMatchObject([{ lag: 0, blocked: null }]);
});

test('the signal lets the handler finish, and its message counts', async () => {
  const redis = server.client();
  await publish(redis, 'ended', ['a', 'b']);
  const controller = new AbortController();
  const handled = await subscribe(redis, 'ended', { as: 's', signal: controller.signal }, async () => {
    controller.abort();
    await redis.ping();
  });
  expect(handled).toBe(1);
  expect((await topicStatus(redis, 'ended')).subscribers).toMatchObject([{ position: 1, state: 'idle' }]);
});

test('what is acknowledged is known to the server soon, without another reading', async () => {
  const redis = server.client();
  await publish(redis, 'soon', ['a', 'b']);
  const subscription = await Subscription.open(redis, 'soon', { as: 's' });
  await subscription.take();
  subscription.ack(1);
  await vi.waitFor(async () => {
    expect((await topicStatus(redis, 'soon')).subscribers).toMatchObject([{ position: 1, state: 'live' }]);
  });
  await subscription.close();
});
