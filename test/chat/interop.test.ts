import { beforeEach, expect, test } from 'vitest';
import { isMalformed, type Message } from '../../source/features/chat/message.ts';
import { ack, create, join, leave, pending } from '../../source/features/chat/room/chat.ts';
import { inspect } from '../../source/features/chat/room/rooms.ts';
import { send } from '../../source/features/chat/room/send.ts';
import {
  bookAcquire,
  bookCreate,
  bookFetch,
  bookJoin,
  bookLeave,
  bookRelease,
  bookSend,
} from '../helpers/book-chat.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { memberNames } from './member-names.ts';

/** A program that follows the book and ours share rooms. */

const server = await redisForThisFile();
const redis = server.client({ enableAutoPipelining: true });
const book = server.client();
beforeEach(() => redis.flushall());

const unread = async (room: string, member: string): Promise<Message[]> => {
  const { entries } = await pending(redis, room, member, { limit: 10_000 });
  return entries.filter((entry): entry is Message => !isMalformed(entry));
};
const readAll = async (room: string, member: string): Promise<string[]> => {
  const messages = await unread(room, member);
  const last = messages.at(-1);
  if (last) await ack(redis, room, member, last.id);
  return messages.map(({ message }) => message);
};

test('the book reads what we send, and what it has seen is seen for us', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  const before = Date.now() / 1000;
  await send(redis, 'ops', 'ann', 'grüße "quoted" 😀');
  const [message] = (await bookFetch(book, 'bob')).get('ops') ?? [];
  expect(message).toEqual({ id: 1, ts: expect.any(Number), sender: 'ann', message: 'grüße "quoted" 😀' });
  expect(Math.abs((message?.ts ?? 0) - before)).toBeLessThan(5);
  expect(await unread('ops', 'bob')).toEqual([]);
  expect(await redis.zcard('msgs:ops')).toBe(0);
  expect((await bookFetch(book, 'ann')).size).toBe(0);
});

test('we read what the book sends, and what we have seen is seen for it', async () => {
  const room = await bookCreate(book, 'joe', ['ann'], 'grüße "quoted" 😀');
  const [message] = await unread(room, 'ann');
  expect(message).toMatchObject({ id: 1, sender: 'joe', message: 'grüße "quoted" 😀' });
  expect(Math.abs((message?.at ?? 0) - Date.now())).toBeLessThan(5000);
  await ack(redis, room, 'ann', 1);
  expect((await bookFetch(book, 'ann')).size).toBe(0);
  await bookFetch(book, 'joe');
  expect(await redis.zcard(`msgs:${room}`)).toBe(0);
});

test('either joins and leaves rooms the other made', async () => {
  await create(redis, 'ours', ['ann']);
  await bookJoin(book, 'ours', 'joe');
  await send(redis, 'ours', 'ann', 'welcome');
  expect((await bookFetch(book, 'joe')).get('ours')).toMatchObject([{ message: 'welcome' }]);
  await bookLeave(book, 'ours', 'joe');
  expect((await inspect(redis, ['ours'])).rooms[0]?.members.map(({ name }) => name)).toEqual(['ann']);

  const theirs = await bookCreate(book, 'joe', [], 'first');
  await join(redis, theirs, 'ann');
  expect(await memberNames(redis, theirs)).toEqual(['joe', 'ann']);
  await bookSend(book, theirs, 'joe', 'second');
  expect(await readAll(theirs, 'ann')).toEqual(['second']);
  await bookLeave(book, theirs, 'joe');
  expect(await leave(redis, theirs, 'ann')).toBe(0);
  expect(await redis.keys(`*:${theirs}`)).toEqual([]);
});

test('our send waits while a sender of the book holds an id that is not stored, and comes after it', async () => {
  await create(redis, 'ops', ['ann', 'joe', 'bob']);
  let sent: Promise<unknown> = Promise.resolve();
  await bookSend(book, 'ops', 'joe', 'older', async () => {
    sent = send(redis, 'ops', 'ann', 'newer');
    // The attempt has been made and refused once this answers: it travelled on the same connection.
    await redis.ping();
    expect(await redis.zcard('msgs:ops')).toBe(0);
  });
  expect(await sent).toMatchObject({ id: 2 });
  expect(await readAll('ops', 'bob')).toEqual(['older', 'newer']);
});

test('a lock whose owner crashed is reported, and blocks nobody for ever', async () => {
  await create(redis, 'ops', ['ann']);
  const token = await bookAcquire(book, 'chat:ops');
  const startedAtMs = performance.now();
  await expect(send(redis, 'ops', 'ann', 'hi', { waitMs: 100 })).rejects.toMatchObject({
    code: 'CHAT_ROOM_LOCKED',
    kind: 'data',
    message: expect.stringMatching(/`lock:chat:ops` is held and never expires/),
  });
  expect(performance.now() - startedAtMs).toBeLessThan(4000);
  expect(await redis.zcard('msgs:ops')).toBe(0);
  await bookRelease(book, 'chat:ops', token);
  expect(await send(redis, 'ops', 'ann', 'hi')).toMatchObject({ id: 1 });
});

test('a waiting send ends at once when it is aborted', async () => {
  await create(redis, 'ops', ['ann']);
  await bookAcquire(book, 'chat:ops');
  const controller = new AbortController();
  const sent = send(redis, 'ops', 'ann', 'hi', { signal: controller.signal });
  controller.abort();
  await expect(sent).rejects.toThrow('aborted');
});

test('senders of both kinds at once: every id once, in order, nothing skipped by a reader of either', async () => {
  await create(redis, 'ops', ['ann', 'joe', 'us', 'them']);
  const each = 150;
  const senders = [server.client(), server.client()];
  const ours = Array.from({ length: each }, (_, index) => send(redis, 'ops', 'ann', `ours ${index}`));
  const theirs = senders.map(async (client, who) => {
    for (let index = 0; index < each; index += 1)
      await bookSend(client, 'ops', 'joe', `theirs ${who} ${index}`);
  });
  const writing = Promise.all([...ours, ...theirs]);
  let isWriting = true;
  const done = writing.finally(() => {
    isWriting = false;
  });

  const read: { us: number[]; them: number[] } = { us: [], them: [] };
  const readOnce = async (): Promise<void> => {
    const messages = await unread('ops', 'us');
    const last = messages.at(-1);
    if (last) await ack(redis, 'ops', 'us', last.id);
    read.us.push(...messages.map(({ id }) => id));
    read.them.push(...((await bookFetch(book, 'them')).get('ops') ?? []).map(({ id }) => id));
  };
  while (isWriting) await readOnce();
  await done;
  await readOnce();
  const all = Array.from({ length: each * 3 }, (_, index) => index + 1);
  expect(read.us).toEqual(all);
  expect(read.them).toEqual(all);
});

test('the last member of ours who leaves while the book is sending does not make its ids start again', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'ann', 'one');
  await leave(redis, 'ops', 'bob');
  await bookSend(book, 'ops', 'ann', 'late', async () => {
    await leave(redis, 'ops', 'ann');
  });
  await create(redis, 'ops', ['eve']);
  expect(await unread('ops', 'eve')).toEqual([]);
  expect(await send(redis, 'ops', 'eve', 'fresh')).toMatchObject({ id: 3 });
});

test('the `source` of Redis in Action keeps messages for ever until it is set to write only', async () => {
  await bookCreate(book, 'source', ['0', '1'], '', 'logs:');
  await bookSend(book, 'logs:', 'source', 'app.log');
  expect(await readAll('logs:', '0')).toEqual(['', 'app.log']);
  await bookFetch(book, '1');
  expect(await redis.zcard('msgs:logs:')).toBe(2);
  await join(redis, 'logs:', 'source', { writesOnly: true });
  await bookSend(book, 'logs:', 'source', 'next.log');
  expect((await bookFetch(book, '1')).get('logs:')).toMatchObject([{ message: 'next.log' }]);
  expect(await readAll('logs:', '0')).toEqual(['next.log']);
  expect(await redis.zcard('msgs:logs:')).toBe(0);
});
