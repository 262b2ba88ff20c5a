import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { create, pending } from '../../source/features/chat/room/chat.ts';
import { send } from '../../source/features/chat/room/send.ts';
import { follow } from '../../source/features/chat/room/tail.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';

let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await startCluster({ replicasEach: 1 });
});
afterAll(() => cluster.close());

test('a primary dies and its replica takes over: senders and readers go on by themselves', async () => {
  const redis = cluster.client();
  await create(redis, 'ops', ['ann', 'bob']);
  const ending = new AbortController();
  const heard: string[] = [];
  const tailing = (async () => {
    for await (const page of follow(redis, () => cluster.client(), 'ops', 'bob', { signal: ending.signal })) {
      heard.push(...page.map((entry) => ('message' in entry ? entry.message : 'malformed')));
    }
  })();
  await send(redis, 'ops', 'ann', 'before');
  await vi.waitFor(() => expect(heard).toEqual(['before']), { timeout: 5000 });
  // What a primary has sent to its replica survives it; the rest nobody promises.
  await vi.waitFor(async () => expect((await pending(redis, 'ops', 'bob')).seen).toBe(1));
  await cluster.primaryOf('chat:{ops}').call('WAIT', '1', '5000');
  await cluster.killPrimaryOf('chat:{ops}');

  const sent = Array.from({ length: 20 }, (_, index) => `after ${index}`);
  for (const message of sent) await send(redis, 'ops', 'ann', message);
  await vi.waitFor(() => expect(heard).toEqual(['before', ...sent]), { timeout: 15_000 });
  ending.abort();
  await tailing;
}, 60_000);
