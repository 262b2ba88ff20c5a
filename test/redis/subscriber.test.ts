import type { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readConfig } from '../../source/config.ts';
import { type Connection, connect } from '../../source/redis/connection/connect.ts';
import { type Heard, type Subscriber, startSubscriber } from '../../source/redis/subscriber.ts';
import { startCluster } from '../helpers/redis-cluster.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

let connection: Connection;
let subscriber: Subscriber;
const server = await redisForThisFile();
beforeEach(() => {
  const [opened] = connect(
    readConfig({ url: [server.url] }, { XDG_CONFIG_HOME: '/nonexistent', USER: 'tester' }),
  );
  if (!opened) throw new Error('Nothing opened');
  connection = opened;
});
afterEach(() => {
  subscriber.stop();
  connection.close();
});

function listen() {
  const batches: (readonly Heard[])[] = [];
  const gaps: string[][] = [];
  subscriber = startSubscriber(connection.listen, {
    onMessages: (messages) => batches.push(messages),
    onGap: (channels) => gaps.push([...channels]),
  });
  return { batches, gaps };
}

test('a burst arrives in few batches, in order', async () => {
  const { batches, gaps } = listen();
  subscriber.want(['news']);
  await vi.waitFor(() => expect(gaps).toEqual([['news']]));
  const publisher = server.client();
  const burst = publisher.pipeline();
  for (let index = 0; index < 500; index += 1) burst.publish('news', String(index));
  await burst.exec();
  await vi.waitFor(() => expect(batches.flat()).toHaveLength(500));
  expect(batches.flat().map(({ message }) => Number(message))).toEqual([...Array(500).keys()]);
  expect(batches.length).toBeLessThan(100);
});

test('it hears exactly the channels it wants', async () => {
  const { batches, gaps } = listen();
  subscriber.want(['a', 'b']);
  await vi.waitFor(() => expect(gaps.flat().sort()).toEqual(['a', 'b']));
  subscriber.want(['b', 'c']);
  await vi.waitFor(() => expect(gaps.flat()).toContain('c'));
  const publisher = server.client();
  for (const channel of ['a', 'b', 'c']) await publisher.publish(channel, `from ${channel}`);
  await vi.waitFor(() => expect(batches.flat().map(({ channel }) => channel)).toEqual(['b', 'c']));
});

test('a reconnect is reported as a gap, and listening goes on', async () => {
  const { batches, gaps } = listen();
  subscriber.want(['news']);
  await vi.waitFor(() => expect(gaps).toHaveLength(1));
  await server.stop();
  await server.start();
  await vi.waitFor(() => expect(gaps.length).toBeGreaterThanOrEqual(2), 10_000);
  const publisher = server.client();
  await vi.waitFor(async () => expect(await publisher.publish('news', 'again')).toBeGreaterThan(0));
  await vi.waitFor(() => expect(batches.flat().some(({ message }) => message === 'again')).toBe(true));
});

test('a slot that moves in a cluster is reported as a gap: it is heard again only after a while', async () => {
  const cluster = await startCluster();
  try {
    const gaps: string[][] = [];
    const listener = cluster.client();
    subscriber = startSubscriber(() => listener, {
      onMessages: () => {},
      onGap: (channels) => gaps.push([...channels]),
    });
    subscriber.want(['news']);
    await vi.waitFor(() => expect(gaps).toEqual([['news']]));
    await cluster.moveSlotOf('news');
    await vi.waitFor(() => expect(gaps.length).toBeGreaterThan(1));
    expect(gaps.at(-1)).toEqual(['news']);
  } finally {
    await cluster.close();
  }
});

async function refusals(admin: Redis): Promise<number> {
  const log = await admin.call('ACL', 'LOG');
  return Array.isArray(log) ? log.filter((entry) => String(entry).includes('channel')).length : 0;
}

test('what was refused at first is asked for again after a reconnect', async () => {
  const admin = server.client();
  await admin.call('ACL', 'LOG', 'RESET');
  await admin.call('ACL', 'SETUSER', 'default', 'resetchannels');
  const { gaps } = listen();
  subscriber.want(['news']);
  await vi.waitFor(async () => expect(await refusals(admin)).toBeGreaterThan(0));
  await admin.call('ACL', 'SETUSER', 'default', 'allchannels');
  expect(gaps).toEqual([]);
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await vi.waitFor(() => expect(gaps).toEqual([['news']]), 10_000);
});

test('a channel taken away while it is heard ends nobody, and is asked for again', async () => {
  const admin = server.client();
  const { gaps } = listen();
  subscriber.want(['news']);
  await vi.waitFor(() => expect(gaps).toEqual([['news']]));
  await admin.call('ACL', 'LOG', 'RESET');
  // The server cuts those who hear what they no longer may; a rejection nobody handles would fail this run.
  await admin.call('ACL', 'SETUSER', 'default', 'resetchannels');
  await vi.waitFor(async () => expect(await refusals(admin)).toBeGreaterThan(0), 10_000);
  await admin.call('ACL', 'SETUSER', 'default', 'allchannels');
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await vi.waitFor(() => expect(gaps).toEqual([['news'], ['news']]), 10_000);
});

test('whoever leaves a channel that others on the connection want takes it from nobody', async () => {
  const { batches } = listen();
  const gaps: string[] = [];
  const join = () => {
    const joined = startSubscriber(connection.listen, {
      onMessages: (messages) => batches.push(messages),
      onGap: (channels) => gaps.push(...channels),
    });
    joined.want(['shared']);
    return joined;
  };
  const first = join();
  const second = join();
  await vi.waitFor(() => expect(gaps).toHaveLength(2));
  const publisher = server.client();
  first.want([]);
  first.stop();
  await publisher.publish('shared', 'to the second');
  await vi.waitFor(() => expect(batches.flat()).toHaveLength(1));

  // One comes while the last one leaves.
  second.want([]);
  second.stop();
  const third = join();
  await vi.waitFor(async () => expect(await publisher.publish('shared', 'to the third')).toBe(1));
  await vi.waitFor(() => expect(batches.flat().at(-1)?.message).toBe('to the third'));
  third.want([]);
  third.stop();
  await vi.waitFor(async () => expect(await publisher.publish('shared', 'to nobody')).toBe(0));
});
