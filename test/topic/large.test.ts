import { beforeEach, expect, test, vi } from 'vitest';
import type { Item } from '../../source/features/topic/layout.ts';
import { publish, settlePublished } from '../../source/features/topic/publish.ts';
import { subscribe } from '../../source/features/topic/subscriber/subscribe.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

// The same with less: what a message may be at most is a megabyte here.
vi.mock('../../source/features/topic/sizes.ts', () => ({
  largestMessageBytes: 1_000_000,
  largestFrameBytes: 2_000_000,
  largestReplyBytes: 2_000_000,
}));

const server = await redisForThisFile();
const redis = server.client();
beforeEach(async () => {
  await settlePublished(redis);
  await redis.flushall();
});

/** An entry as another program may write it: in our form, under the next id. */
const addLarge = (topic: string, bytes: number): Promise<unknown> =>
  redis.eval(
    `local id = redis.call('INCR', KEYS[2])
    local time = redis.call('TIME')
    redis.call('XADD', KEYS[1], time[1] .. '999-' .. id, 'm', string.rep('x', ARGV[1]))`,
    2,
    `topic:msgs:${topic}`,
    `topic:ids:${topic}`,
    bytes,
  );
const sentBytes = async (): Promise<number> =>
  Number(/total_net_output_bytes:(\d+)/.exec(await redis.info('stats'))?.[1]);

test.each(['catching up', 'live'])(
  'an entry that is larger than messages can be is never read, and said (%s)',
  async (when) => {
    await publish(redis, 'news', 'before');
    if (when === 'catching up') await addLarge('news', 30_000_000);
    const items: Item[] = [];
    const reading = subscribe(
      server.client(),
      'news',
      { as: 's', from: 'start', pollMs: 200, count: 3 },
      (item) => {
        items.push(item);
      },
    );
    await vi.waitFor(() => expect(items.length).toBeGreaterThan(0), { timeout: 10_000 });
    const before = await sentBytes();
    if (when === 'live') {
      // Until a command waits for the next entry.
      await vi.waitFor(async () => expect(String(await redis.client('LIST'))).toMatch(/flags=b.*cmd=xread/), {
        timeout: 10_000,
      });
      await addLarge('news', 30_000_000);
    }
    await vi.waitFor(() => expect(items).toHaveLength(2), { timeout: 20_000 });
    await publish(redis, 'news', 'after');
    await reading;
    expect(items).toEqual([
      expect.objectContaining({ id: 1, message: 'before' }),
      { gap: { from: 2, to: 2, reason: 'larger than messages can be (28.6M, cut)' } },
      expect.objectContaining({ id: 3, message: 'after' }),
    ]);
    // Live it is only noticed when much of it has come.
    expect((await sentBytes()) - before).toBeLessThan(when === 'live' ? 15_000_000 : 100_000);
  },
);

test('in the legacy layout, too', async () => {
  await redis.eval(
    `redis.call('SET', KEYS[1], 2)
    redis.call('ZADD', KEYS[2], 1, string.rep('x', 3000000), 2, '{"msg_id": 2, "message": "after"}')
    redis.call('ZADD', KEYS[3], 0, 's')`,
    3,
    'pubsub:msg_id',
    'pubsub:messages',
    'pubsub:process_stats',
  );
  const items: Item[] = [];
  await subscribe(server.client(), 'all', { as: 's', layout: 'seed', untilCaughtUp: true }, (item) => {
    items.push(item);
  });
  expect(items).toEqual([
    { gap: { from: 1, to: 1, reason: 'larger than messages can be (2.9M, cut)' } },
    expect.objectContaining({ id: 2, message: 'after' }),
  ]);
});
