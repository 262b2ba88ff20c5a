import { beforeEach, expect, test } from 'vitest';
import { NotAMemberError, UnknownRoomError } from '../../source/features/chat/errors.ts';
import { ack, create, join, leave, pending } from '../../source/features/chat/room/chat.ts';
import { send } from '../../source/features/chat/room/send.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());

/** Resolves to undefined for the refusals that a race may bring. */
async function tried<Value>(act: Promise<Value>): Promise<Value | undefined> {
  try {
    return await act;
  } catch (error) {
    if (error instanceof NotAMemberError || error instanceof UnknownRoomError) return;
    throw error;
  }
}

test('joining, leaving and reading at the same time never leaves a ghost', async () => {
  const names = ['ann', 'bob', 'eve'];
  await create(redis, 'ops', ['host']);
  const work = Array.from({ length: 9 }, async (_, worker) => {
    const client = server.client();
    const name = names[worker % names.length] ?? '';
    for (let round = 0; round < 150; round += 1) {
      const acts = [
        () => join(client, 'ops', name),
        () => leave(client, 'ops', name),
        () => send(client, 'ops', name, `${name} ${round}`),
        async () => {
          const { entries } = await pending(client, 'ops', name);
          const last = entries.at(-1);
          if (last) await ack(client, 'ops', name, last.id);
        },
      ];
      // Every worker of one name does something else at the same time.
      await tried<unknown>(
        acts[(round + Math.floor(worker / names.length)) % acts.length]?.() ?? join(client, 'ops', name),
      );
    }
  });
  await Promise.all(work);
  for (const name of names) await tried(leave(redis, 'ops', name));
  expect(await redis.zrange('chat:ops', '0', '-1')).toEqual(['host']);
  for (const name of names) expect(await redis.exists(`seen:${name}`)).toBe(0);

  const last = Number(await redis.get('ids:ops'));
  await ack(redis, 'ops', 'host', last);
  expect(await redis.zcard('msgs:ops')).toBe(0);
  expect(await leave(redis, 'ops', 'host')).toBe(0);
  expect(await redis.keys('*:ops')).toEqual([]);
});

test('a late mark of one who has left brings nobody back', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  await send(redis, 'ops', 'ann', 'one');
  const { entries } = await pending(redis, 'ops', 'bob');
  await leave(redis, 'ops', 'bob');
  await expect(ack(redis, 'ops', 'bob', entries.at(-1)?.id ?? 0)).rejects.toThrow(NotAMemberError);
  expect(await redis.zrange('chat:ops', '0', '-1')).toEqual(['ann']);
  expect(await redis.exists('seen:bob')).toBe(0);
});

test('the last who leaves and one who joins at the same time: a whole room or none', async () => {
  for (let round = 0; round < 200; round += 1) {
    await create(redis, 'ops', ['ann']);
    await send(redis, 'ops', 'ann', 'one');
    const clients = [server.client(), server.client()] as const;
    const [, joined] = await Promise.all([
      leave(clients[0], 'ops', 'ann'),
      tried(join(clients[1], 'ops', 'bob')),
    ]);
    for (const client of clients) client.disconnect();
    if (joined) {
      const sent = await send(redis, 'ops', 'bob', 'still here');
      expect(sent.id).toBe(2);
      await leave(redis, 'ops', 'bob');
    }
    expect(await redis.keys('*:ops')).toEqual([]);
  }
});

test('two readers under one name never move it backwards', async () => {
  await create(redis, 'ops', ['ann', 'bob']);
  for (let id = 1; id <= 50; id += 1) await send(redis, 'ops', 'ann', `m${id}`);
  const ids = Array.from({ length: 50 }, (_, index) => index + 1);
  const marks = ids.map((id) => ack(redis, 'ops', 'bob', ((id * 37) % 50) + 1));
  const places = await Promise.all(marks);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(places.at(-1)).toBe(50);
});
