import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { beforeEach, expect, test, vi } from 'vitest';
import { create, pending } from '../../source/features/chat/room/chat.ts';
import { send } from '../../source/features/chat/room/send.ts';
import { bookAcquire, bookCreate } from '../helpers/book-chat.ts';
import { errorOf, run, start } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** The commands as a script runs them: words in, stdout, stderr and an exit code out. */

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());

const chat = (...words: string[]) => run(['chat', ...words], { url: server.url });
const json = async (...words: string[]): Promise<unknown> => {
  const { code, stdout, stderr } = await chat(...words, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
};

test('a conversation, as JSON', async () => {
  expect(await json('create', 'ops', '--members', 'ann,bob')).toEqual({
    room: 'ops',
    members: ['ann', 'bob'],
  });
  expect(await json('join', 'ops', '--as', 'eve')).toEqual({
    room: 'ops',
    name: 'eve',
    members: ['ann', 'bob', 'eve'],
  });
  expect(await json('send', 'ops', 'disk', 'full', '--as', 'ann')).toEqual({
    room: 'ops',
    id: 1,
    at: expect.any(Number),
  });
  expect(await json('list')).toEqual([
    {
      room: 'ops',
      members: [
        { name: 'bob', seen: 0, unread: 1, condition: 'unread' },
        { name: 'eve', seen: 0, unread: 1, condition: 'unread' },
        { name: 'ann', seen: 1, unread: 0, condition: 'seen' },
      ],
      messages: 1,
      lastId: 1,
    },
  ]);
  const message = { id: 1, at: expect.any(Number), sender: 'ann', message: 'disk full' };
  expect(await json('read', 'ops', '--as', 'bob', '--peek')).toEqual([message]);
  expect(await json('read', 'ops', '--as', 'bob')).toEqual([message]);
  expect(await json('read', 'ops', '--as', 'bob')).toEqual([]);
  expect(await json('mark', 'ops', '1', '--as', 'eve')).toEqual({ room: 'ops', name: 'eve', seen: 1 });
  expect(await json('list')).toMatchObject([{ messages: 0, lastId: 1 }]);
  expect(await json('leave', 'ops', '--as', 'eve')).toEqual({
    room: 'ops',
    name: 'eve',
    members: ['ann', 'bob'],
  });
  expect(await json('create', '--members', 'ann')).toEqual({ room: '1', members: ['ann'] });
});

test('processes that only write keep nothing waiting', async () => {
  await json('create', 'alarms', '--members', 'oncall', '--writers', 'monitor');
  await json('join', 'alarms', '--as', 'backup', '--writes-only');
  await json('send', 'alarms', 'disk full', '--as', 'monitor');
  await json('send', 'alarms', 'tape lost', '--as', 'backup');
  expect(await json('read', 'alarms', '--as', 'oncall')).toHaveLength(2);
  expect(await json('list')).toMatchObject([{ messages: 0, lastId: 2 }]);
});

test('the same for people', async () => {
  expect((await chat('create', 'ops', '--members', 'ann,bob')).stdout).toBe('Room ops has ann and bob\n');
  expect((await chat('send', 'ops', 'hello', '--as', 'ann')).stdout).toBe('Sent 1 to ops\n');
  expect((await chat('list')).stdout).toBe(
    'ROOM  STORED  LAST  MEMBERS\nops        1     1  bob (1 unread), ann\n',
  );
  expect((await chat('read', 'ops', '--as', 'bob')).stdout).toMatch(
    /^\d{4}-\d\d-\d\d \d\d:\d\d {2}ann {2}hello\n$/,
  );
  expect((await chat('read', 'ops', '--as', 'bob')).stdout).toBe('');
  expect((await chat('leave', 'ops', '--as', 'ann')).stdout).toBe('ann left ops; still in it: bob\n');
  expect((await chat('leave', 'ops', '--as', 'bob')).stdout).toBe('bob left ops; the room is gone\n');
  expect((await chat('list')).stdout).toBe('No rooms\n');
});

test('without --as it is the operator who speaks', async () => {
  await create(redis, 'ops', ['tester']);
  expect(await json('send', 'ops', 'hi')).toMatchObject({ id: 1 });
  expect(await json('read', 'ops', '--operator', 'tester')).toEqual([]);
});

test('`-` sends each line of stdin', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  const { code, stdout } = await run(['chat', 'send', 'ops', '-', '--as', 'ann', '--json'], {
    url: server.url,
    stdin: 'one\ntwo words\n\nlast without end',
  });
  expect(code).toBe(0);
  const ids = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).id);
  expect(ids).toEqual([1, 2, 3, 4]);
  const { entries } = await pending(redis, 'ops', 'bob');
  expect(entries.map((entry) => 'message' in entry && entry.message)).toEqual([
    'one',
    'two words',
    '',
    'last without end',
  ]);
});

test.each([
  ['an unknown room', ['send', 'nowhere', 'hi', '--as', 'ann'], 'CHAT_UNKNOWN_ROOM'],
  ['an unknown room to read', ['read', 'nowhere', '--as', 'ann'], 'CHAT_UNKNOWN_ROOM'],
  ['an unknown room to tail', ['tail', 'nowhere', '--as', 'ann'], 'CHAT_UNKNOWN_ROOM'],
  ['an unknown room to join', ['join', 'nowhere', '--as', 'ann'], 'CHAT_UNKNOWN_ROOM'],
  ['a member that is not in the room', ['send', 'ops', 'hi', '--as', 'eve'], 'CHAT_NOT_A_MEMBER'],
  ['a stranger who leaves', ['leave', 'ops', '--as', 'eve'], 'CHAT_NOT_A_MEMBER'],
  ['a message over 64 KiB', ['send', 'ops', 'x'.repeat(65_537), '--as', 'ann'], 'CHAT_MESSAGE_TOO_LONG'],
  ['a key of another type', ['send', 'broken', 'hi', '--as', 'ann'], 'WRONG_TYPE'],
])('%s: its own code, a sentence, a hint, exit 4', async (_, words, code) => {
  await create(redis, 'ops', ['ann', 'bob']);
  await redis.set('chat:broken', 'mine');
  const result = await chat(...words, '--json');
  expect(result).toMatchObject({ code: 4, stdout: '' });
  expect(errorOf(result)).toEqual({
    code,
    message: expect.stringMatching(/^[A-Z`].{10}/),
    hint: expect.stringMatching(/.{10}/),
  });
});

test.each([
  ['join', []],
  ['leave', []],
  ['send', ['hi']],
  ['read', []],
  ['tail', []],
  ['mark', ['1']],
] as const)('%s of a room that is not there names the nearest one', async (verb, words) => {
  await create(redis, 'deploys', ['ann']);
  const result = await chat(verb, 'deplyos', ...words, '--as', 'ann', '--json');
  expect(result).toMatchObject({ code: 4, stdout: '' });
  expect(errorOf(result)).toMatchObject({
    code: 'CHAT_UNKNOWN_ROOM',
    hint: expect.stringContaining('Did you mean `deploys`?'),
  });
});

test.each([
  ['no members', ['create', 'ops']],
  ['empty members', ['create', 'ops', '--members', ',']],
  ['no text', ['send', 'ops']],
  ['a name that is too long', ['join', 'ops', '--as', 'x'.repeat(513)]],
  ['a room with the name of the counter', ['create', 'chat:', '--members', 'ann']],
  ['an id that is none', ['mark', 'ops', 'one']],
  ['an unknown verb', ['shout', 'ops']],
])('%s: exit 2', async (_, words) => {
  expect((await chat(...words)).code).toBe(2);
});

test('a room locked by a sender that crashed: its own code, and how to mend it', async () => {
  await create(redis, 'ops', ['ann']);
  await bookAcquire(redis, 'chat:ops');
  const result = await chat('send', 'ops', 'hi', '--as', 'ann', '--wait', '200ms', '--json');
  expect(result.code).toBe(4);
  expect(errorOf(result)).toMatchObject({
    code: 'CHAT_ROOM_LOCKED',
    message: expect.stringContaining('never expires'),
    hint: expect.stringContaining('lock:chat:ops'),
  });
});

test('a malformed stored message is reported on stderr, left out of stdout, and passed over', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'ann', 'fine');
  await redis.zadd('msgs:ops', 2, 'not json \u001b[2J');
  await redis.set('ids:ops', '2');
  const first = await chat('read', 'ops', '--as', 'bob', '--json');
  expect(first.code).toBe(0);
  expect(JSON.parse(first.stdout)).toMatchObject([{ id: 1, message: 'fine' }]);
  expect(first.stderr).toContain('message 2');
  expect(first.stderr).not.toContain('\u001b');
  const second = await chat('read', 'ops', '--as', 'bob', '--json');
  expect(second).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
});

test('text for people is one line for each message, whatever it holds', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'ann', 'one\n2026-01-01 00:00  root  forged\u001b]52;c;aGk=\u0007\u202e');
  const { stdout } = await chat('read', 'ops', '--as', 'bob');
  expect(stdout.trim().split('\n')).toHaveLength(1);
  expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
});

test('JSON holds the very text, and nothing that a terminal would obey', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  const text = '\u009b2J\u202eolleh\u2066\u200b\u007f\u001b]0;title\u0007';
  await send(redis, 'ops', 'ann', text);
  const { stdout } = await chat('read', 'ops', '--as', 'bob', '--json');
  expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u202e\u2066]/);
  expect(JSON.parse(stdout)).toMatchObject([{ message: text }]);
});

test('--read-only refuses what writes', async () => {
  await create(redis, 'ops', ['ann']);
  expect((await chat('send', 'ops', 'hi', '--as', 'ann', '--read-only')).code).toBe(2);
  expect((await chat('list', '--read-only')).code).toBe(0);
  expect((await chat('read', 'ops', '--as', 'ann', '--read-only')).code).toBe(2);
  expect((await chat('read', 'ops', '--as', 'ann', '--peek', '--read-only')).code).toBe(0);
  expect(await redis.zcard('msgs:ops')).toBe(0);
});

test('list --discover finds what programs that follow the book made', async () => {
  await bookCreate(server.client(), 'joe', ['ann'], 'hi', 'theirs');
  expect(await json('list')).toEqual([]);
  expect(await json('list', '--discover', '--read-only')).toMatchObject([{ room: 'theirs' }]);
  expect(await json('list')).toEqual([]);
  expect(await json('list', '--discover')).toMatchObject([{ room: 'theirs' }]);
  expect(await json('list')).toMatchObject([{ room: 'theirs', messages: 1 }]);
});

test('tail prints as it is sent, and what it printed is seen even when it is killed', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'ann', 'before');
  const tail = start(['chat', 'tail', 'ops', '--as', 'bob', '--json'], { url: server.url });
  const lines = createInterface({ input: tail.stdout ?? process.stdin })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => JSON.parse((await lines.next()).value ?? 'null');
  expect(await next()).toMatchObject({ id: 1, message: 'before' });
  for (let id = 2; id <= 20; id += 1) {
    await send(redis, 'ops', 'ann', `m${id}`);
    expect(await next()).toMatchObject({ id, message: `m${id}` });
  }
  await vi.waitFor(async () => expect((await pending(redis, 'ops', 'bob')).seen).toBe(20));
  tail.kill('SIGKILL');
  await once(tail, 'exit');
  await send(redis, 'ops', 'ann', 'after');
  expect(await json('read', 'ops', '--as', 'bob')).toMatchObject([{ id: 21, message: 'after' }]);
});

test('tail ends with 130 on SIGINT, and has marked what it printed', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'ann', 'one');
  const tail = start(['chat', 'tail', 'ops', '--as', 'bob'], { url: server.url });
  await once(tail.stdout ?? tail, 'data');
  tail.kill('SIGINT');
  expect(await once(tail, 'exit')).toEqual([130, null]);
  expect((await pending(redis, 'ops', 'bob')).seen).toBe(1);
});

test('a reader who goes away early leaves the rest unseen, and nobody complains', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  for (let id = 1; id <= 300; id += 1) await send(redis, 'ops', 'ann', 'x'.repeat(2000));
  const reading = start(['chat', 'read', 'ops', '--as', 'bob'], { url: server.url });
  let stderr = '';
  reading.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  await once(reading.stdout ?? reading, 'data');
  reading.stdout?.destroy();
  expect(await once(reading, 'close')).toEqual([0, null]);
  expect(stderr).toBe('');
  expect((await pending(redis, 'ops', 'bob')).seen).toBe(0);
});
