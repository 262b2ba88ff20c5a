import { beforeEach, expect, test, vi } from 'vitest';
import { ack, create, join, leave, pending } from '../../source/features/chat/room/chat.ts';
import { history, inspect, known } from '../../source/features/chat/room/rooms.ts';
import { longestMessageBytes, send } from '../../source/features/chat/room/send.ts';
import type { Client } from '../../source/redis/client.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { memberNames } from './member-names.ts';

const server = await redisForThisFile();
const redis = server.client({ enableAutoPipelining: true });
beforeEach(() => redis.flushall());

const texts = async (member: string, client: Client = redis): Promise<string[]> => {
  const { entries } = await pending(client, 'ops', member);
  return entries.map((entry) => ('message' in entry ? entry.message : `malformed ${entry.malformed}`));
};
const read = async (member: string): Promise<string[]> => {
  const { entries } = await pending(redis, 'ops', member);
  const last = entries.at(-1);
  if (last) await ack(redis, 'ops', member, last.id);
  return entries.map((entry) => ('message' in entry ? entry.message : 'malformed'));
};

test('everybody gets a message once, and it goes when all have seen it', async () => {
  await create(redis, 'ops', ['ann', 'bob', 'eve']);
  const sent = await send(redis, 'ops', 'ann', 'hello');
  expect(sent.id).toBe(1);
  expect(Math.abs(sent.at - Date.now())).toBeLessThan(5000);
  expect(await read('bob')).toEqual(['hello']);
  expect(await read('bob')).toEqual([]);
  expect(await redis.zcard('msgs:ops')).toBe(1);
  expect(await read('eve')).toEqual(['hello']);
  expect(await redis.zcard('msgs:ops')).toBe(0);
});

test('what was fetched and not marked comes again', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'ann', 'one');
  expect(await texts('bob')).toEqual(['one']);
  expect(await texts('bob')).toEqual(['one']);
});

test('a late mark never moves a member back, and a bold one not beyond the latest message', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  for (const text of ['one', 'two', 'three']) await send(redis, 'ops', 'ann', text);
  expect(await ack(redis, 'ops', 'bob', 2)).toBe(2);
  expect(await ack(redis, 'ops', 'bob', 1)).toBe(2);
  expect(await ack(redis, 'ops', 'bob', 999)).toBe(3);
  await send(redis, 'ops', 'ann', 'four');
  expect(await texts('bob')).toEqual(['four']);
});

test('senders who were up to date have seen their own line; others keep theirs pending', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'ann', 'one');
  await send(redis, 'ops', 'bob', 'two');
  expect(await texts('ann')).toEqual(['two']);
  expect(await texts('bob')).toEqual(['one', 'two']);
});

test('a line sent unseen stays until its sender was shown it too', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'ann', 'one', { unseen: true });
  expect(await read('bob')).toEqual(['one']);
  expect(await read('ann')).toEqual(['one']);
  expect(await redis.zcard('msgs:ops')).toBe(0);
});

test('a member who only writes keeps nothing alive', async () => {
  await create(redis, 'logs:', ['0'], { writers: ['source'] });
  for (let id = 1; id <= 100; id += 1) await send(redis, 'logs:', 'source', `file ${id}`);
  await ack(redis, 'logs:', '0', 100);
  expect(await redis.zcard('msgs:logs:')).toBe(0);
  expect((await inspect(redis, ['logs:'])).rooms[0]?.members).toEqual([
    { name: '0', seen: 100, unread: 0, writesOnly: false },
    { name: 'source', seen: 100, unread: 0, writesOnly: true },
  ]);
  await leave(redis, 'logs:', '0');
  for (let id = 1; id <= 100; id += 1) await send(redis, 'logs:', 'source', `nobody reads ${id}`);
  expect(await redis.zcard('msgs:logs:')).toBe(1);
});

test('a sender alone does not fill the room', async () => {
  await create(redis, 'ops', ['ann']);
  for (let id = 1; id <= 50; id += 1) await send(redis, 'ops', 'ann', `note ${id}`);
  expect(await redis.zcard('msgs:ops')).toBe(1);
});

test('who joins sees what comes, not what was', async () => {
  await create(redis, 'ops', ['ann']);
  await send(redis, 'ops', 'ann', 'before');
  expect(await join(redis, 'ops', 'bob')).toBe(1);
  expect(await memberNames(redis, 'ops')).toEqual(['ann', 'bob']);
  await send(redis, 'ops', 'ann', 'after');
  expect(await texts('bob')).toEqual(['after']);
  await join(redis, 'ops', 'bob');
  expect(await texts('bob')).toEqual(['after']);
});

test('the last who leaves takes the room away, and a later one starts from nothing', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'ann', 'one');
  expect(await leave(redis, 'ops', 'ann')).toBe(1);
  expect(await texts('bob')).toEqual(['one']);
  expect(await leave(redis, 'ops', 'bob')).toBe(0);
  expect(await redis.keys('*:ops')).toEqual([]);
  expect(await redis.exists('seen:ann', 'seen:bob')).toBe(0);
  expect(await known(redis)).toEqual([]);
  await expect(join(redis, 'ops', 'ann')).rejects.toMatchObject({ code: 'CHAT_UNKNOWN_ROOM' });
  await create(redis, 'ops', ['eve']);
  expect(await send(redis, 'ops', 'eve', 'new')).toMatchObject({ id: 1 });
});

test('a room without a name takes the next free number', async () => {
  await create(redis, '2', ['mine']);
  await send(redis, '2', 'mine', 'not yours');
  expect(await create(redis, undefined, ['ann'])).toBe('1');
  expect(await create(redis, undefined, ['ann'])).toBe('3');
});

test('creating an existing room adds who is missing and moves nobody', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'ann', 'one');
  expect(await create(redis, 'ops', ['bob', 'eve'])).toBe('ops');
  expect(await memberNames(redis, 'ops')).toEqual(['bob', 'ann', 'eve']);
  expect(await texts('bob')).toEqual(['one']);
  expect(await texts('eve')).toEqual([]);
});

test('strangers and unknown rooms are refused, each with its own code', async () => {
  await create(redis, 'ops', ['ann']);
  const acts = [
    (room: string) => send(redis, room, 'eve', 'hi'),
    (room: string) => pending(redis, room, 'eve'),
    (room: string) => ack(redis, room, 'eve', 1),
    (room: string) => leave(redis, room, 'eve'),
  ];
  for (const act of acts) {
    await expect(act('ops')).rejects.toMatchObject({ code: 'CHAT_NOT_A_MEMBER', kind: 'data' });
    await expect(act('nowhere')).rejects.toMatchObject({ code: 'CHAT_UNKNOWN_ROOM', kind: 'data' });
  }
  expect(await redis.zrange('chat:ops', '0', '-1')).toEqual(['ann']);
  expect(await redis.exists('chat:nowhere', 'ids:nowhere', 'msgs:nowhere')).toBe(0);
});

test('a message of 64 KiB goes, one byte more does not', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'ann', 'é'.repeat(longestMessageBytes / 2));
  await expect(send(redis, 'ops', 'ann', `${'é'.repeat(longestMessageBytes / 2)}!`)).rejects.toMatchObject({
    code: 'CHAT_MESSAGE_TOO_LONG',
  });
  expect(await texts('bob')).toEqual(['é'.repeat(longestMessageBytes / 2)]);
});

test('sending is one round trip, also the first time', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  const fresh = server.client({ enableAutoPipelining: true });
  await fresh.ping();
  let trips = 0;
  const { stream } = fresh;
  const write = stream.write.bind(stream);
  vi.spyOn(stream, 'write').mockImplementation((...words: Parameters<typeof write>) => {
    trips += 1;
    return write(...words);
  });
  await send(fresh, 'ops', 'ann', 'one');
  await send(fresh, 'ops', 'ann', 'two');
  await expect(send(fresh, 'nowhere', 'ann', 'lost')).rejects.toMatchObject({ code: 'CHAT_UNKNOWN_ROOM' });
  expect(await known(redis)).toEqual(['ops']);
  // Two sends, one more that was refused, and taking the room that is not there out of the index again.
  expect(trips).toBe(4);
});

test('any text survives, also what JSON, Lua and C find special', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  const all = ['%s %d %%', '"\\\u0000\u001b[2J\n', '\u2028😀\ud800', '', '$1 $& */ /'];
  for (const text of all) await send(redis, 'ops', 'ann', text);
  expect(await texts('bob')).toEqual([
    '%s %d %%',
    '"\\\u0000\u001b[2J\n',
    '\u2028😀\ud800',
    '',
    '$1 $& */ /',
  ]);
});

test('what is stored malformed is reported as such and passed over', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'ann', 'fine');
  await redis.zadd(
    'msgs:ops',
    '2',
    '{"id": 2, "ts"',
    '3',
    '[]',
    '4',
    '{"ts": "x", "sender": "s", "message": "m"}',
  );
  await redis.set('ids:ops', '4');
  expect(await texts('bob')).toEqual([
    'fine',
    'malformed {"id": 2, "ts"',
    'malformed []',
    'malformed {"ts": "x", "sender": "s", "message": "m"}',
  ]);
  await read('bob');
  expect(await read('bob')).toEqual([]);
});

test('a user without the right to publish may still send', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await redis.acl('SETUSER', 'quiet', 'on', 'nopass', '~*', '+@all', 'resetchannels');
  const quiet = server.client({ username: 'quiet', password: 'any' });
  expect(await send(quiet, 'ops', 'ann', 'one')).toMatchObject({ id: 1 });
  expect(await texts('bob')).toEqual(['one']);
});

test('figures tell of members, unread counts and what is stored', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await create(redis, 'quiet', ['eve']);
  await send(redis, 'ops', 'ann', 'one');
  await send(redis, 'ops', 'ann', 'two');
  expect((await inspect(redis, ['ops', 'gone', 'quiet'])).rooms).toEqual([
    {
      room: 'ops',
      lastId: 2,
      messages: 2,
      memberCount: 2,
      members: [
        { name: 'bob', seen: 0, unread: 2, writesOnly: false },
        { name: 'ann', seen: 2, unread: 0, writesOnly: false },
      ],
    },
    {
      room: 'quiet',
      lastId: 0,
      messages: 0,
      memberCount: 1,
      members: [{ name: 'eve', seen: 0, unread: 0, writesOnly: false }],
    },
  ]);
  expect((await known(redis)).toSorted()).toEqual(['ops', 'quiet']);
});

test('history shows the newest, oldest first, whoever asks', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  for (let id = 1; id <= 5; id += 1) await send(redis, 'ops', 'ann', `m${id}`);
  expect((await history(redis, 'ops', 0, 2)).map(({ id }) => id)).toEqual([4, 5]);
  expect((await history(redis, 'ops', 3)).map(({ id }) => id)).toEqual([4, 5]);
});

test('marking and leaving still work when Redis is full', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'ann', 'one');
  await Promise.all([
    ack(redis, 'ops', 'bob', 0),
    leave(redis, 'ops', 'ann').then(() => join(redis, 'ops', 'ann')),
  ]);
  await redis.config('SET', 'maxmemory', '1');
  try {
    await expect(send(redis, 'ops', 'ann', 'two')).rejects.toThrow('OOM');
    expect(await ack(redis, 'ops', 'bob', 1)).toBe(1);
    expect(await redis.zcard('msgs:ops')).toBe(0);
    expect(await leave(redis, 'ops', 'ann')).toBe(1);
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
});
