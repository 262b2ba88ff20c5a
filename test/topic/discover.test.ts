import { beforeEach, expect, test } from 'vitest';
import { discover } from '../../source/features/topic/discover.ts';
import { publish, settlePublished } from '../../source/features/topic/publish.ts';
import { run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client();
beforeEach(() => redis.flushall());

const status = (...flags: string[]) => run(['topic', 'status', '--json', ...flags], { url: server.url });

test('topics that the index lost are found, and put back unless the session only reads', async () => {
  await publish(redis, 'news', 'one');
  await settlePublished(redis);
  // Somebody subscribed, and nothing was ever published.
  await redis.zadd('topic:subs:quiet', 0, 'billing');
  await redis.del('quarterdeck:topic');
  expect(await discover(redis)).toEqual({ topics: ['news', 'quiet'], foreign: [] });

  const found = [{ topic: 'news', lastId: 1 }, { topic: 'quiet' }];
  expect(JSON.parse((await status()).stdout)).toEqual([]);
  expect(JSON.parse((await status('--discover', '--read-only')).stdout)).toMatchObject(found);
  expect(JSON.parse((await status()).stdout)).toEqual([]);
  expect(JSON.parse((await status('--discover')).stdout)).toMatchObject(found);
  expect(JSON.parse((await status()).stdout)).toMatchObject(found);
});

test('keys of another type or under a name no topic can have are passed over, and said', async () => {
  await redis.set('topic:msgs:text', 'x');
  await redis.xadd('topic:msgs:}odd', '*', 'm', 'x');
  await redis.set('topic:other', 'x');
  expect(await discover(redis)).toEqual({ topics: [], foreign: expect.any(Array) });
  const { code, stdout, stderr } = await status('--discover');
  expect({ code, found: JSON.parse(stdout) as unknown }).toEqual({ code: 0, found: [] });
  expect(stderr).toMatch(
    /^quarterdeck: 2 keys are named like topics and cannot be read as such, passed over: topic:msgs:/,
  );
});

test('the topic that Python programs share is shown with the others', async () => {
  await redis.set('pubsub:msg_id', 1);
  await redis.zadd('pubsub:messages', 1, JSON.stringify({ msg_id: 1, message: 'message-1' }));
  expect(JSON.parse((await status('--discover')).stdout)).toMatchObject([
    { topic: 'pubsub', layout: 'seed' },
  ]);
});
