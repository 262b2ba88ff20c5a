import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ack, create, join, leave, pending } from '../../source/features/chat/room/chat.ts';
import { inspect } from '../../source/features/chat/room/rooms.ts';
import { send } from '../../source/features/chat/room/send.ts';
import { type FaultProxy, startFaultProxy } from '../helpers/fault-proxy.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';

/** Redis executes, the reply is lost, ioredis sends again: every act must come out as if it had happened once. */

let server: RedisServer;
let proxy: FaultProxy;
let direct: ReturnType<RedisServer['client']>;
let redis: ReturnType<FaultProxy['client']>;

beforeAll(async () => {
  server = await startRedis();
  proxy = await startFaultProxy(server.socket);
  direct = server.client();
  redis = proxy.client({ enableAutoPipelining: true });
});
beforeEach(() => direct.flushall());
afterAll(async () => {
  await proxy.close();
  await server.close();
});

const stored = async (): Promise<string[]> => {
  const { entries } = await pending(direct, 'ops', 'bob', { limit: 10_000 });
  return entries.map((entry) => ('message' in entry ? entry.message : 'malformed'));
};

test('a message whose reply was lost is there once, under the id that is returned', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'ann', 'before');
  const before = proxy.accepted();
  const lost = proxy.swallowReplyTo('only once');
  const sent = await send(redis, 'ops', 'ann', 'only once');
  await lost;
  expect(proxy.accepted()).toBeGreaterThan(before);
  expect(sent.id).toBe(2);
  expect(await stored()).toEqual(['before', 'only once']);
  expect(await direct.get('ids:ops')).toBe('2');
  const [entry] = (await pending(direct, 'ops', 'bob', { after: 1 })).entries;
  expect(entry).toMatchObject({ id: 2, at: sent.at });
});

test('two thousand sends in flight when the connection breaks arrive once each', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  const messages = Array.from({ length: 2000 }, (_, index) => `message ${index}`);
  const lost = proxy.swallowReplyTo('message 1000');
  const sent = await Promise.all(messages.map((message) => send(redis, 'ops', 'ann', message)));
  await lost;
  const { entries } = await pending(direct, 'ops', 'bob', { limit: 10_000 });
  const byId = new Map(entries.map((entry) => [entry.id, 'message' in entry && entry.message]));
  expect(sent.map(({ id }) => byId.get(id))).toEqual(messages);
  expect(byId.size).toBe(2000);
});

test('the guard holds no more than what is in flight, and goes by itself', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  for (let index = 0; index < 100; index += 1) await send(redis, 'ops', 'ann', `message ${index}`);
  const [guard = ''] = await direct.keys('sent:*');
  expect(await direct.hlen(guard)).toBe(1);
  expect(await direct.pttl(guard)).toBeGreaterThan(3_500_000);
});

test('leaving, joining, creating and marking twice is the same as once', async () => {
  let lost = proxy.swallowReplyTo('eve');
  await create(redis, 'ops', ['ann', 'bob', 'eve']);
  await lost;
  await send(redis, 'ops', 'ann', 'one');

  lost = proxy.swallowReplyTo('zed');
  expect(await join(redis, 'ops', 'zed')).toBe(1);
  await lost;

  lost = proxy.swallowReplyTo('eve');
  expect(await leave(redis, 'ops', 'eve')).toBe(3);
  await lost;

  lost = proxy.swallowReplyTo('bob');
  expect(await ack(redis, 'ops', 'bob', 1)).toBe(1);
  await lost;
  expect((await inspect(direct, ['ops'])).rooms).toMatchObject([{ messages: 0, lastId: 1, memberCount: 3 }]);
});

test('a numbered room whose reply was lost is one room', async () => {
  const lost = proxy.swallowReplyTo('chat:1');
  expect(await create(redis, undefined, ['ann'])).toBe('1');
  await lost;
  expect(await direct.keys('chat:*')).toEqual(['chat:1']);
});

test('the last who leaves with a lost reply does not take a room with it that was made anew', async () => {
  await create(redis, 'ops', ['ann']);
  const guarded = proxy.swallowReplyTo('chat:ops');
  const left = leave(redis, 'ops', 'ann');
  await guarded;
  // Whether this comes before or after the second sending, eve must be in the room in the end.
  await create(direct, 'ops', ['eve']);
  await left;
  expect(await direct.zrange('chat:ops', '0', '-1')).toEqual(['eve']);
});
