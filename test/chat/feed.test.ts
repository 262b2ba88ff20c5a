import { beforeEach, expect, test, vi } from 'vitest';
import { readConfig } from '../../source/config.ts';
import { feed } from '../../source/features/chat/feed.ts';
import { ack, create, leave } from '../../source/features/chat/room/chat.ts';
import { send } from '../../source/features/chat/room/send.ts';
import { type ChatSlice, initial, selectedHistory, stepRoom } from '../../source/features/chat/state.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client({ enableAutoPipelining: true });
const context = { redis, connections: [], config: readConfig({}, {}) };
beforeEach(() => redis.flushall());

const read = async (slice: ChatSlice): Promise<ChatSlice> => (await feed.read(context, slice))(slice);
const texts = (slice: ChatSlice): (string | undefined)[] =>
  selectedHistory(slice)?.entries.map((entry) => ('message' in entry ? entry.message : 'malformed')) ?? [];

test('the first reading shows the rooms, and the history of one of them', async () => {
  await create(redis, 'elsewhere', ['bob']);
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'bob', 'hello');
  const slice = await read(initial('ann'));
  expect(slice.rooms).toEqual([
    { room: 'elsewhere', channel: 'chat:elsewhere', memberCount: 1, lastId: 0, own: undefined },
    { room: 'ops', channel: 'chat:ops', memberCount: 2, lastId: 1, own: { seen: 0, unread: 1 } },
  ]);
  expect(slice.selected).toBe('ops');
  expect(slice.members.map(({ name, unread }) => [name, unread])).toEqual([
    ['ann', 1],
    ['bob', 0],
  ]);
  expect(texts(slice)).toEqual(['hello']);
});

test('nothing new: the very same slice, so nothing is painted', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'bob', 'hello');
  const slice = await read(initial('ann'));
  expect(await read(slice)).toBe(slice);
  expect(await read(await read(initial('nobody')))).toEqual(await read(initial('nobody')));
});

test('messages stay after everybody has seen them', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'bob', 'hello');
  const before = await read(initial('ann'));
  await ack(redis, 'ops', 'ann', 1);
  expect(await redis.zcard('msgs:ops')).toBe(0);
  const after = await read(before);
  expect(texts(after)).toEqual(['hello']);
  expect(after.rooms[0]?.own).toEqual({ seen: 1, unread: 0 });
});

test('a notification brings the message itself; what is not a message is not believed', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  const slice = await read(initial('ann'));
  expect(feed.channels?.(context, slice)).toEqual(['chat:ops']);

  const listener = server.client();
  const heard: { channel: string; message: string }[] = [];
  listener.on('message', (channel, message) => heard.push({ channel, message }));
  await listener.subscribe('chat:ops');
  await send(redis, 'ops', 'bob', 'ring');
  await redis.publish('chat:ops', 'not a message');
  await redis.publish('chat:ops', '{"id": 99999999999999999999}');
  await redis.publish('chat:ops', '');
  await expect.poll(() => heard.length).toBe(4);
  const next = feed.heard?.(heard)?.(slice) ?? slice;
  expect(texts(next)).toEqual(['ring']);
  expect(next.rooms[0]).toMatchObject({ lastId: 1, own: { unread: 1 } });
  expect(texts(await read(next))).toEqual(['ring']);
});

test('another room is another subject, and its history is loaded', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await create(redis, 'random', ['ann', 'bob']);
  await send(redis, 'random', 'bob', 'elsewhere');
  const slice = await read(initial('ann'));
  const next = stepRoom(slice, 1);
  expect(feed.subject?.(next)).not.toBe(feed.subject?.(slice));
  expect(texts(await read(next))).toEqual(['elsewhere']);
});

test('a reading of the open room costs four commands, its scripts included; all rooms are asked for seldom', async () => {
  for (let room = 0; room < 30; room += 1) await create(redis, `room ${room}`, ['ann', 'bob']);
  const slice = await read(initial('ann'));
  vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 2000);
  try {
    const processed = async (): Promise<number> =>
      Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1]);
    const before = await processed();
    expect(await read(slice)).toBe(slice);
    // INFO counts itself, and what a script calls.
    expect((await processed()) - before - 1).toBe(4);
  } finally {
    vi.restoreAllMocks();
  }
});

test('somebody rings for a new room: it is shown at once', async () => {
  await create(redis, 'ops', ['ann']);
  const slice = await read(initial('ann'));
  await create(redis, 'random', ['ann']);
  expect((await read(slice)).rooms.map(({ room }) => room)).toEqual(['ops', 'random']);
});

test('the open room is gone: another is shown', async () => {
  await create(redis, 'ops', ['ann']);
  await create(redis, 'random', ['ann']);
  const slice = await read(initial('ann'));
  await leave(redis, 'ops', 'ann');
  const next = await read(slice);
  expect(next.selected).toBe('random');
  expect(next.rooms.map(({ room }) => room)).toEqual(['random']);
});

test('a room with a key of another type is reported, and the others are shown', async () => {
  await create(redis, 'broken', ['ann']);
  await create(redis, 'ops', ['ann']);
  await redis.set('msgs:broken', 'mine');
  const slice = await read(initial('ann'));
  expect(slice.rooms.map(({ room }) => room)).toEqual(['ops']);
  expect(slice.wrong).toEqual([expect.stringContaining('msgs:broken')]);
});
