import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, test } from 'vitest';
import { readConfig } from '../../source/config.ts';
import { DeniedError } from '../../source/errors.ts';
import { doctor } from '../../source/features/chat/doctor.ts';
import { feed } from '../../source/features/chat/feed.ts';
import feature from '../../source/features/chat/index.ts';
import { ack, create, join, leave, pending } from '../../source/features/chat/room/chat.ts';
import { history, inspect } from '../../source/features/chat/room/rooms.ts';
import { send } from '../../source/features/chat/room/send.ts';
import { historyOf, initial } from '../../source/features/chat/state.ts';
import { run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { memberNames } from './member-names.ts';

/** However many rooms and members there are, however they are called, and whatever others keep in them. */

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());
const config = readConfig({ readOnly: true, operator: 'me' }, {});
const context = { redis, connections: [], config };

const textsOf = async (member: string, room = 'ops'): Promise<string[]> =>
  (await pending(redis, room, member)).entries.map((entry) =>
    'message' in entry ? entry.message : `malformed ${entry.malformed}`,
  );

describe('a counter that was lost', () => {
  beforeEach(async () => {
    await create(redis, 'ops', ['ann', 'bob', 'late']);
    for (const text of ['one', 'two', 'three']) await send(redis, 'ops', 'ann', text);
    await ack(redis, 'ops', 'bob', 3);
  });

  test.each([
    ['evicted', () => redis.del('ids:ops')],
    ['brought back too low', () => redis.set('ids:ops', 1)],
  ])('%s: what is sent has an id above what anybody has seen, and everybody reads it', async (_, lose) => {
    await lose();
    expect(await send(redis, 'ops', 'ann', 'four')).toMatchObject({ id: 4 });
    expect(await textsOf('bob')).toEqual(['four']);
    expect(await textsOf('late')).toEqual(['one', 'two', 'three', 'four']);
    expect(await redis.get('ids:ops')).toBe('4');
  });

  test('with the messages too: it goes on above where members stand', async () => {
    await redis.del('ids:ops', 'msgs:ops');
    expect(await send(redis, 'ops', 'late', 'four')).toMatchObject({ id: 4 });
    expect(await textsOf('bob')).toEqual(['four']);
  });

  test('marking, joining and creating go by what is there', async () => {
    await redis.del('ids:ops');
    expect(await ack(redis, 'ops', 'late', 2)).toBe(2);
    expect(await join(redis, 'ops', 'new')).toBe(3);
    expect((await inspect(redis, ['ops'])).rooms).toMatchObject([{ lastId: 3 }]);
    await create(redis, 'ops', ['other']);
    expect(await redis.get('ids:ops')).toBe('3');
    expect(await textsOf('other')).toEqual([]);
  });

  test('one that holds no number is named, and nothing is sent', async () => {
    await redis.set('ids:ops', 'x');
    await expect(send(redis, 'ops', 'ann', 'four')).rejects.toMatchObject({
      code: 'WRONG_TYPE',
      key: 'ids:ops',
    });
    expect(await redis.zcard('msgs:ops')).toBe(3);
    expect((await inspect(redis, ['ops'])).wrong).toMatchObject([{ code: 'WRONG_TYPE', key: 'ids:ops' }]);
  });
});

test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
  'a room or a member may be called %s: it is shown like any other',
  async (name) => {
    await create(redis, name, ['me', name]);
    await send(redis, name, name, 'hello');
    let slice = initial('me');
    for (let reading = 0; reading < 2; reading += 1) slice = (await feed.read(context, slice))(slice);
    expect(slice.rooms).toMatchObject([{ room: name, own: { unread: 1 } }]);
    expect(historyOf(slice, name)?.entries).toMatchObject([{ message: 'hello' }]);
    const again = JSON.parse(JSON.stringify(slice)) as typeof slice;
    expect(historyOf(again, name)?.entries).toMatchObject([{ message: 'hello' }]);
    const frame = await run(['snapshot', '--pane', 'chat', '--operator', 'me'], { url: server.url });
    expect(frame.stdout).toContain('hello');
  },
);

test.each([
  ['', 'ann'],
  ['chat:', 'ann'],
  ['}x', 'ann'],
  ['half \ud800', 'ann'],
  ['x'.repeat(513), 'ann'],
  ['ops', ''],
  ['ops', 'half \ud800'],
])('room %j with member %j is refused, by the library too', async (room, member) => {
  await expect(create(redis, room, [member])).rejects.toMatchObject({ kind: 'usage' });
  await expect(join(redis, room, member)).rejects.toMatchObject({ kind: 'usage' });
  expect(await redis.keys('*')).toEqual([]);
});

describe('very many', () => {
  test('1,500 rooms: listed all, counted all, and what the operator has not read in any of them', async () => {
    const pipeline = redis.pipeline();
    for (let index = 0; index < 1500; index += 1) {
      pipeline.zadd(`chat:r${index}`, 1, 'somebody', index < 3 ? 0 : 1, 'me');
      pipeline.set(`ids:r${index}`, 1);
      pipeline.zadd(`msgs:r${index}`, 1, `{"id": 1, "ts": 1.5, "sender": "s", "message": "m"}`);
      pipeline.zadd('quarterdeck:chat', index + 1, `r${index}`);
    }
    await pipeline.exec();
    const listed = await run(['chat', 'list', '--json'], { url: server.url });
    expect(JSON.parse(listed.stdout) as unknown[]).toHaveLength(1500);
    let slice = initial('me');
    for (let reading = 0; reading < 9; reading += 1) slice = (await feed.read(context, slice))(slice);
    slice = (await feed.read({ ...context, redis: server.client() }, slice))(slice);
    expect(slice.totals).toMatchObject({ rooms: 1500 });
    expect(feature.headline(slice)).toContain('100 of 1,500 rooms');
  });

  test('3,000 members: made, joined and left in replies that do not grow with them', async () => {
    const names = Array.from({ length: 3000 }, (_, index) => `m${index}`);
    await create(redis, 'ops', names);
    expect(await memberNames(redis, 'ops')).toHaveLength(3000);
    const sent = async (): Promise<number> =>
      Number(/total_net_output_bytes:(\d+)/.exec(await redis.info('stats'))?.[1]);
    const before = await sent();
    for (let index = 0; index < 20; index += 1) await join(redis, 'ops', `n${index}`);
    for (let index = 0; index < 20; index += 1) await leave(redis, 'ops', `n${index}`);
    expect((await sent()) - before).toBeLessThan(20_000);
    const joined = await run(['chat', 'join', 'ops', '--as', 'me', '--json'], { url: server.url });
    expect((JSON.parse(joined.stdout) as { members: string[] }).members).toHaveLength(3001);
    expect((await inspect(redis, ['ops'])).rooms[0]?.members).toHaveLength(3001);
    const listed = await run(['chat', 'list', '--json'], { url: server.url });
    expect((JSON.parse(listed.stdout) as { members: unknown[] }[])[0]?.members).toHaveLength(3001);
  });
});

test('a message of 200 MB and a member name of 50 MB make no reading large', async () => {
  await create(redis, 'ops', ['ann', 'me']);
  await send(redis, 'ops', 'ann', 'small');
  const big = Buffer.alloc(200 * 1024 ** 2, 'x');
  big.write('{"id": 2, "ts": 1.5, "sender": "s", "message": "');
  await redis.zadd('msgs:ops', 2, big);
  await redis.zadd('chat:ops', 2, Buffer.alloc(50 * 1024 ** 2, 'y'));
  await redis.set('ids:ops', 2);
  await send(redis, 'ops', 'ann', 'z'.repeat(60_000));
  const sent = async (): Promise<number> =>
    Number(/total_net_output_bytes:(\d+)/.exec(await redis.info('stats'))?.[1]);
  const before = await sent();
  expect(await textsOf('me')).toEqual([
    'small',
    expect.stringMatching(/^malformed \{"id": 2.*… \(200M, cut\)$/),
    'z'.repeat(60_000),
  ]);
  expect(await history(redis, 'ops')).toHaveLength(3);
  let slice = initial('me');
  slice = (await feed.read(context, slice))(slice);
  expect(historyOf(slice, 'ops')?.entries.at(-1)).toMatchObject({ message: `${'z'.repeat(4096)}…` });
  expect((await inspect(redis, ['ops'])).rooms[0]?.members).toHaveLength(3);
  await doctor.examine(redis, ['chat:ops']);
  expect((await sent()) - before).toBeLessThan(400_000);
}, 120_000);

test('one bad key hides no other, and is named', async () => {
  await create(redis, 'good', ['ann']);
  await redis.set('chat:text', 'x');
  await redis.set('msgs:odd', 'x');
  await redis.zadd('chat:odd', 1, 'ann');
  await redis.zadd('quarterdeck:chat', ...['text', 'odd', '', 'chat:'].flatMap((name) => [Date.now(), name]));
  const listed = await run(['chat', 'list', '--json'], { url: server.url });
  expect([listed.code, JSON.parse(listed.stdout)]).toMatchObject([0, [{ room: 'good' }]]);
  const snapshot = await run(['snapshot', '--pane', 'chat', '--json'], { url: server.url });
  expect(JSON.parse(snapshot.stdout)).toMatchObject({ chat: [{ room: 'good' }] });
  for (const key of ['chat:text', 'msgs:odd']) {
    expect(listed.stderr).toContain(key);
    expect(snapshot.stderr).toContain(key);
  }
  const examined = await run(['doctor', '--json'], { url: server.url });
  expect(examined.stdout).toContain('msgs:odd');
});

describe('with one command denied', () => {
  const commands = new Set(['publish']);
  for (const script of ['ack', 'create', 'join', 'leave', 'send', 'last-id']) {
    const text = readFileSync(
      new URL(`../../source/features/chat/room/${script}.lua`, import.meta.url),
      'utf8',
    );
    for (const [, command = ''] of text.matchAll(/redis\.p?call\(\s*'(\w+)'/g))
      commands.add(command.toLowerCase());
  }

  async function userWithout(command: string): Promise<Redis> {
    await redis.call('ACL', 'SETUSER', `without-${command}`, 'on', '>pw', '~*', '&*', '+@all', `-${command}`);
    return server.client({ username: `without-${command}`, password: 'pw' });
  }
  const isRefusal = (answer: unknown): boolean => answer instanceof DeniedError;
  const refusedOr = <Value>(act: Promise<Value>): Promise<Value | Error> =>
    act.catch((error: Error) => error);

  test.each([...commands])('%s: every act is done, or refused and not half done', async (command) => {
    const user = await userWithout(command);
    const created = await refusedOr(create(user, 'new', ['ann']));
    if (isRefusal(created)) expect(await redis.exists('chat:new', 'ids:new', 'msgs:new')).toBe(0);
    else expect([created, await redis.zrange('chat:new', '0', '-1')]).toEqual(['new', ['ann']]);

    await create(redis, 'ops', ['ann', 'bob', 'eve']);
    const sent = await refusedOr(send(user, 'ops', 'ann', 'one'));
    expect(await textsOf('bob')).toEqual(isRefusal(sent) ? [] : ['one']);
    await send(redis, 'ops', 'ann', 'two');

    const joined = await refusedOr(join(user, 'ops', 'zed'));
    expect(await redis.zscore('chat:ops', 'zed')).toEqual(isRefusal(joined) ? null : expect.any(String));

    const marked = await refusedOr(ack(user, 'ops', 'bob', 2));
    if (!isRefusal(marked)) expect(await redis.zscore('chat:ops', 'bob')).toBe(String(marked));

    const left = await refusedOr(leave(user, 'ops', 'eve'));
    expect(await redis.zscore('chat:ops', 'eve')).toEqual(isRefusal(left) ? expect.any(String) : null);
    if (isRefusal(left)) expect(await leave(redis, 'ops', 'eve')).toBeGreaterThan(0);
  });
});
