import { describe, expect, test, vi } from 'vitest';
import type { QuarterdeckError } from '../../source/errors.ts';
import { publish, settlePublished } from '../../source/features/topic/publish.ts';
import {
  Subscription,
  type SubscriptionOptions,
} from '../../source/features/topic/subscriber/subscription.ts';
import { topicStatus } from '../../source/features/topic/topic.ts';
import { errorOf, finished, run, start } from '../helpers/cli.ts';
import type { RedisServer } from '../helpers/redis-server.ts';
import { ownServer, refuseWrites } from '../helpers/refusing-server.ts';

/** A server that refuses for a while, or has lost what it knew: what is ridden out, and what is said of it. */

async function open(server: RedisServer, topic: string, options: Partial<SubscriptionOptions> = {}) {
  const troubles: QuarterdeckError[] = [];
  const subscription = await Subscription.open(server.client(), topic, {
    as: 's',
    leaseMs: 2000,
    onTrouble: (error) => troubles.push(error),
    ...options,
  });
  return { subscription, codes: () => troubles.map(({ code }) => code) };
}

describe('MISCONF', () => {
  test('is ridden out by a subscriber and, when asked, by a publisher: nothing is lost or said twice', async () => {
    const server = await ownServer();
    const redis = server.client();
    await publish(redis, 'news', ['a', 'b']);
    const { subscription, codes } = await open(server, 'news', { notificationsOnly: true, pollMs: 50 });
    await subscription.take();
    const allow = await refuseWrites(server);
    await expect(publish(redis, 'news', 'refused')).rejects.toMatchObject({ code: 'REDIS_NOT_SAVING' });
    const refusals: unknown[] = [];
    const waiting = publish(redis, 'news', ['c', 'd'], {
      timeoutMs: 60_000,
      onRefused: (refusal) => refusals.push(refusal),
    });
    subscription.ack(2);
    const settled = subscription.settle();
    await vi.waitFor(() => expect([refusals.length, codes()]).toEqual([1, ['REDIS_NOT_SAVING']]), 10_000);
    await allow();
    expect(await waiting).toMatchObject({ count: 2 });
    await settled;
    expect(await subscription.take()).toMatchObject([{ message: 'c' }, { message: 'd' }]);
    await subscription.close();
    expect(refusals).toHaveLength(1);
    expect(codes()).toEqual(['REDIS_NOT_SAVING']);
  });

  test('is the end after the time given, with the reason', async () => {
    const server = await ownServer();
    const redis = server.client();
    await publish(redis, 'news', 'a');
    await settlePublished(redis);
    await refuseWrites(server);
    await expect(publish(redis, 'news', 'b', { timeoutMs: 500 })).rejects.toMatchObject({
      code: 'REDIS_NOT_SAVING',
    });
    const words = ['topic', 'publish', 'news', 'b', '--timeout', '1s', '--json'];
    const refused = await run(words, { url: server.url });
    expect(refused.code).toBe(3);
    expect(errorOf(refused)).toMatchObject({ code: 'REDIS_NOT_SAVING' });
  });
});

test('a full server is ridden out by `topic publish -`, whose lines go out when there is room', async () => {
  const server = await ownServer();
  const redis = server.client();
  await redis.set('filler', 'x'.repeat(1024 * 1024));
  await redis.config('SET', 'maxmemory', '1');
  const child = start(['topic', 'publish', 'news', '-', '--json'], { url: server.url, stdin: 'one\ntwo\n' });
  const done = finished(child);
  const rejected = async () =>
    Number(/errorstat_OOM:count=(\d+)/.exec(await redis.info('errorstats'))?.[1] ?? 0);
  await vi.waitFor(async () => expect(await rejected()).toBeGreaterThan(1), 20_000);
  await redis.config('SET', 'maxmemory', '0');
  const ended = await done;
  expect([ended.code, JSON.parse(ended.stdout)]).toEqual([0, { topic: 'news', first: 1, last: 2, count: 2 }]);
  expect(ended.stderr).toContain('maxmemory');
});

test('a subscriber that waits goes on when its server has been a replica for a while', async () => {
  const server = await ownServer();
  const redis = server.client();
  await publish(redis, 'news', 'before');
  const { subscription, codes } = await open(server, 'news', { pollMs: 20_000 });
  await subscription.take();
  const taken = subscription.take({ wait: true });
  await vi.waitFor(async () => expect(await redis.info('clients')).toContain('blocked_clients:1'));
  // It answers UNBLOCKED to whoever waits.
  await redis.replicaof('127.0.0.1', '1');
  await vi.waitFor(() => expect(codes()).toContain('REDIS_REPLICA'));
  await redis.replicaof('NO', 'ONE');
  await publish(redis, 'news', 'after');
  expect(await taken).toMatchObject([{ message: 'after' }]);
  await subscription.close();
});

describe('a server that lost everything', () => {
  test('FLUSHALL: the subscriber is registered again, reports it, and gets what is published from then on', async () => {
    const server = await ownServer();
    const redis = server.client();
    await publish(redis, 'news', ['a', 'b', 'c']);
    const { subscription, codes } = await open(server, 'news', { pollMs: 100 });
    await subscription.take();
    subscription.ack(3);
    await subscription.settle();
    await redis.flushall();
    const next = subscription.take();
    await vi.waitFor(() => expect(codes()).toEqual(['SUBSCRIBER_REGISTERED_AGAIN']), 20_000);
    await publish(redis, 'news', 'new');
    expect(await next).toMatchObject([{ id: 1, message: 'new' }]);
    subscription.ack(1);
    await subscription.close();
    expect((await topicStatus(redis, 'news')).subscribers).toMatchObject([{ name: 's', position: 1 }]);
    expect(codes()).toEqual(['SUBSCRIBER_REGISTERED_AGAIN']);
  });

  test('a restart without its data, from the command line: it goes on, and says what happened', async () => {
    const server = await ownServer();
    const redis = server.client();
    const words = ['topic', 'subscribe', 'news', '--as', 's', '--count', '2', '--json'];
    const child = start(words, { url: server.url, stdin: '' });
    const done = finished(child);
    const live = () =>
      vi.waitFor(async () => {
        expect((await topicStatus(redis, 'news')).subscribers).toMatchObject([{ state: 'live' }]);
      }, 20_000);
    await live();
    await publish(redis, 'news', 'before');
    await vi.waitFor(async () => {
      expect((await topicStatus(redis, 'news')).subscribers).toMatchObject([{ position: 1 }]);
    });
    await settlePublished(redis);
    await server.stop();
    await server.start();
    await live();
    await publish(redis, 'news', 'after');
    const ended = await done;
    expect(ended.code).toBe(0);
    expect(
      ended.stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { message: string }).message),
    ).toEqual(['before', 'after']);
    expect(ended.stderr).toContain('registered again');
  });

  test('a name that is lost alone goes on where it was, and one that was dropped does not come back', async () => {
    const server = await ownServer();
    const redis = server.client();
    await publish(redis, 'news', ['a', 'b', 'c']);
    const { subscription, codes } = await open(server, 'news', { pollMs: 100 });
    await subscription.take();
    subscription.ack(2);
    await subscription.settle();
    await redis.del('topic:subs:news', 'topic:seats:news');
    await vi.waitFor(async () => {
      expect((await topicStatus(redis, 'news')).subscribers).toMatchObject([{ position: 2, state: 'live' }]);
    }, 20_000);
    expect(codes()).toEqual(['SUBSCRIBER_REGISTERED_AGAIN']);
    await subscription.close();
  });
});

test('a server that falls silent holds up no end, and what was not saved is said', async () => {
  const server = await ownServer();
  await publish(server.client(), 'news', ['a', 'b']);
  const { subscription, codes } = await open(server, 'news');
  await subscription.take();
  server.signal('SIGSTOP');
  subscription.ack(2);
  const startedAt = performance.now();
  await subscription.close();
  expect(performance.now() - startedAt).toBeLessThan(5000);
  expect(codes()).toEqual(['NOT_ACKNOWLEDGED']);
});

test("another program's entries are passed over, and what cannot be read is a gap, never silence", async () => {
  const server = await ownServer();
  const redis = server.client();
  await publish(redis, 'odd', 'a');
  const [entry] = await redis.xrange('topic:msgs:odd', '-', '+');
  const at = Number(entry?.[0].split('-')[0]);
  await redis.xadd('topic:msgs:odd', `${at}-3`, 'f2', '["only one"]');
  await redis.xadd('topic:msgs:odd', `${at + 1}-0`, 'foreign', 'x');
  await redis.set('topic:ids:odd', 3);
  await publish(redis, 'odd', 'b');
  for (const notificationsOnly of [true, false]) {
    const { subscription } = await open(server, 'odd', { as: `s${notificationsOnly}`, notificationsOnly });
    expect(await subscription.take()).toMatchObject([
      { id: 1, message: 'a' },
      { gap: { from: 2, to: 3 } },
      { id: 4, message: 'b' },
    ]);
    await subscription.close();
  }
});
