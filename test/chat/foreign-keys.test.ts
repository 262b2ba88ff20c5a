import { beforeEach, expect, test } from 'vitest';
import { doctor } from '../../source/features/chat/doctor.ts';
import { ack, create, join, leave } from '../../source/features/chat/room/chat.ts';
import { discover, history, inspect, known } from '../../source/features/chat/room/rooms.ts';
import { send } from '../../source/features/chat/room/send.ts';
import { run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** Keys of others in the places of ours: named, left alone, and in nobody else's way. */

const server = await redisForThisFile();
const redis = server.client({ enableAutoPipelining: true });
beforeEach(() => redis.flushall());

test.each(['chat:ops', 'ids:ops', 'msgs:ops', 'seen:ann'])(
  '%s of another type is named and left alone',
  async (key) => {
    await create(redis, 'ops', ['ann', 'bob']);
    await create(redis, 'quiet', ['eve']);
    await redis.del(key);
    await redis.rpush(key, 'mine');
    const before = await dump();
    const wrongType = { code: 'WRONG_TYPE', kind: 'data', message: expect.stringContaining(key) };
    await expect(send(redis, 'ops', 'ann', 'hi')).rejects.toMatchObject(wrongType);
    await expect(ack(redis, 'ops', 'ann', 1)).rejects.toMatchObject(wrongType);
    await expect(leave(redis, 'ops', 'ann')).rejects.toMatchObject(wrongType);
    await expect(create(redis, 'ops', ['ann'])).rejects.toMatchObject(wrongType);
    if (key !== 'seen:ann') {
      const { rooms, wrong } = await inspect(redis, ['quiet', 'ops']);
      expect(rooms).toMatchObject([{ room: 'quiet' }]);
      expect(wrong).toMatchObject([wrongType]);
    }
    if (key !== 'msgs:ops') await expect(join(redis, 'ops', 'ann')).rejects.toMatchObject(wrongType);
    else await expect(history(redis, 'ops')).rejects.toMatchObject(wrongType);
    expect(await dump()).toEqual(before);
  },
);

test('a room is made whole or not at all, whichever of its members has a key of another type', async () => {
  await redis.set('seen:eve', 'mine');
  await expect(create(redis, 'ops', ['ann', 'eve'])).rejects.toMatchObject({
    code: 'WRONG_TYPE',
    message: expect.stringContaining('seen:eve'),
  });
  expect(await redis.keys('*')).toEqual(['seen:eve']);
});

test.each(['chat:', 'chat:chat:'])('a key `%s`, which can be no room, hides no others', async (key) => {
  await create(redis, 'ops', ['ann']);
  await redis.zadd(key, 1, 'ann');
  expect(await discover(redis)).toEqual(['ops']);
  // As an earlier version noted it.
  await redis.zadd('quarterdeck:chat', 1, key.slice('chat:'.length));
  expect(await known(redis)).toEqual(['ops']);
  expect(await doctor.examine(redis, [key, 'chat:ops'])).toEqual([]);
  const { code, stderr } = await run(['chat', 'list', '--discover'], { url: server.url });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

async function dump(): Promise<Record<string, string | null>> {
  const keys = (await redis.keys('*')).filter((key) => !key.startsWith('quarterdeck:')).toSorted();
  const values = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  return Object.fromEntries(keys.map((key, index) => [key, values[index]?.toString('base64') ?? null]));
}
