import type { Cluster } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { readConfig } from '../../source/config.ts';
import { feed } from '../../source/features/chat/feed.ts';
import { ack, create, join, leave, pending } from '../../source/features/chat/room/chat.ts';
import { discover, history, inspect } from '../../source/features/chat/room/rooms.ts';
import { send } from '../../source/features/chat/room/send.ts';
import { follow } from '../../source/features/chat/room/tail.ts';
import { initial, selectedHistory } from '../../source/features/chat/state.ts';
import { run } from '../helpers/cli.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';

/** Chat on three primaries: a room's keys share a slot, its members' `seen:` lie elsewhere. */

let cluster: RedisCluster;
let redis: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
  redis = cluster.client();
});
beforeEach(() => cluster.flush());
afterAll(() => cluster.close());

const ids = async (room: string, member: string): Promise<number[]> =>
  (await pending(redis, room, member, { limit: 10_000 })).entries.map(({ id }) => id);

test('rooms on every primary: joining, sending, reading, leaving', async () => {
  const rooms = Array.from({ length: 12 }, (_, index) => `room ${index}`);
  for (const room of rooms) {
    await create(redis, room, ['ann', 'bob']);
    await join(redis, room, 'eve');
    await send(redis, room, 'ann', 'hello');
    expect(await ids(room, 'bob')).toEqual([1]);
    await ack(redis, room, 'bob', 1);
    await ack(redis, room, 'eve', 1);
    expect(await history(redis, room)).toEqual([]);
  }
  const { rooms: found } = await inspect(redis, rooms);
  expect(found.map(({ room }) => room)).toEqual(rooms);
  expect(found[0]).toMatchObject({ lastId: 1, messages: 0, memberCount: 3 });
  expect(await redis.zrange('seen:eve', '0', '-1', 'WITHSCORES')).toEqual(
    rooms.toSorted().flatMap((room) => [room, '1']),
  );
  expect((await discover(redis)).toSorted()).toEqual(rooms.toSorted());
  for (const room of rooms) for (const name of ['ann', 'bob', 'eve']) await leave(redis, room, name);
  expect(await redis.exists('seen:ann')).toBe(0);
  expect((await inspect(redis, rooms)).rooms).toEqual([]);
});

test('a tag the user wrote is respected', async () => {
  await create(redis, '{logs}:', ['0'], { writers: ['source'] });
  await send(redis, '{logs}:', 'source', 'app.log');
  expect(await redis.zcard('chat:{logs}:')).toBe(2);
  expect(await ids('{logs}:', '0')).toEqual([1]);
});

test('the notification is published in the slot of its room', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  const ending = new AbortController();
  const heard: number[] = [];
  const tailing = (async () => {
    for await (const page of follow(redis, () => cluster.client(), 'ops', 'bob', { signal: ending.signal })) {
      heard.push(...page.map(({ id }) => id));
    }
  })();
  await vi.waitFor(async () => {
    const counts = await Promise.all(
      redis.nodes('master').map((node) => node.call('PUBSUB', 'SHARDNUMSUB', 'chat:{ops}')),
    );
    expect(counts).toContainEqual(['chat:{ops}', 1]);
  });
  const latencies: number[] = [];
  for (let id = 1; id <= 10; id += 1) {
    const sentAtMs = performance.now();
    await send(redis, 'ops', 'ann', 'ring');
    await vi.waitFor(() => expect(heard).toHaveLength(id), { interval: 1 });
    latencies.push(performance.now() - sentAtMs);
  }
  expect(latencies.toSorted((a, b) => a - b)[5]).toBeLessThan(700);
  ending.abort();
  await tailing;
});

test('a slot that moves while everybody goes on: every message once, in order', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  const ending = new AbortController();
  const heard: number[] = [];
  const tailing = (async () => {
    for await (const page of follow(redis, () => cluster.client(), 'ops', 'bob', { signal: ending.signal })) {
      heard.push(...page.map(({ id }) => id));
    }
  })();
  let isMoving = true;
  const moving = (async () => {
    for (let move = 0; move < 4; move += 1) await cluster.moveSlotOf('chat:{ops}');
    isMoving = false;
  })();
  let sent = 0;
  while (isMoving || sent < 300) {
    sent += 1;
    expect((await send(redis, 'ops', 'ann', `m${sent}`)).id).toBe(sent);
  }
  await moving;
  await vi.waitFor(() => expect(heard).toHaveLength(sent), { timeout: 15_000 });
  expect(heard).toEqual(Array.from({ length: sent }, (_, index) => index + 1));
  ending.abort();
  await tailing;
});

test('the feed and the commands work the same', async () => {
  const config = readConfig({}, {});
  await create(redis, 'ops', ['ann', 'bob']);
  await create(redis, 'random', ['bob']);
  await send(redis, 'ops', 'bob', 'hello');
  const slice = (await feed.read({ redis, connections: [], config }, initial('ann')))(initial('ann'));
  expect(slice).toMatchObject({
    selected: 'ops',
    rooms: [{ channel: 'chat:{ops}' }, { channel: 'chat:{random}' }],
  });
  expect(selectedHistory(slice)?.entries).toMatchObject([{ message: 'hello' }]);

  const url = cluster.urls[0] ?? '';
  const words = ['chat', 'read', 'ops', '--as', 'ann', '--cluster', '--url', url, '--json'];
  const { code, stdout, stderr } = await run(words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject([{ id: 1, sender: 'bob', message: 'hello' }]);
  expect(await ids('ops', 'ann')).toEqual([]);
});
