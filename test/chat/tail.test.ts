import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { create, leave, pending } from '../../source/features/chat/room/chat.ts';
import { send } from '../../source/features/chat/room/send.ts';
import { follow } from '../../source/features/chat/room/tail.ts';
import { bookSend } from '../helpers/book-chat.ts';
import { type FaultProxy, startFaultProxy } from '../helpers/fault-proxy.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';

let server: RedisServer;
let proxy: FaultProxy;
let direct: ReturnType<RedisServer['client']>;
let ending: AbortController;

beforeAll(async () => {
  server = await startRedis();
  proxy = await startFaultProxy(server.socket);
  direct = server.client({ enableAutoPipelining: true });
});
beforeEach(async () => {
  ending = new AbortController();
  await direct.flushall();
  await create(direct, 'ops', ['ann', 'bob']);
});
afterEach(() => ending.abort());
afterAll(async () => {
  await proxy.close();
  await server.close();
});

/** Follows through the proxy, on connections of its own, collecting ids until aborted. */
function tail(ids: number[]): Promise<void> {
  const ask = proxy.client();
  const listen = proxy.client();
  return (async () => {
    try {
      for await (const page of follow(ask, () => listen, 'ops', 'bob', { signal: ending.signal })) {
        ids.push(...page.map(({ id }) => id));
      }
    } finally {
      ask.disconnect();
      listen.disconnect();
    }
  })();
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

test('gives what was unseen, then what is sent, and marks it', async () => {
  await send(direct, 'ops', 'ann', 'before');
  const ids: number[] = [];
  const tailing = tail(ids);
  await vi.waitFor(() => expect(ids).toEqual([1]));
  await send(direct, 'ops', 'ann', 'after');
  await vi.waitFor(() => expect(ids).toEqual([1, 2]));
  await vi.waitFor(async () => expect((await pending(direct, 'ops', 'bob')).seen).toBe(2));
  ending.abort();
  await tailing;
});

test('hears a message long before the next poll', async () => {
  const ids: number[] = [];
  const tailing = tail(ids);
  await vi.waitFor(async () => expect(await direct.pubsub('NUMSUB', 'chat:ops')).toEqual(['chat:ops', 1]));
  const latencies: number[] = [];
  for (let id = 1; id <= 20; id += 1) {
    const sentAtMs = performance.now();
    await send(direct, 'ops', 'ann', 'ring');
    await vi.waitFor(() => expect(ids).toHaveLength(id), { interval: 1 });
    latencies.push(performance.now() - sentAtMs);
  }
  // Without the notification each would take a second.
  expect(latencies.toSorted((a, b) => a - b)[10]).toBeLessThan(700);
  ending.abort();
  await tailing;
});

test('finds by polling what a sender that does not ring has sent', async () => {
  const ids: number[] = [];
  const tailing = tail(ids);
  await bookSend(server.client(), 'ops', 'ann', 'quiet');
  await vi.waitFor(() => expect(ids).toEqual([1]), { timeout: 5000 });
  ending.abort();
  await tailing;
});

test('connections that break again and again: no gap, no duplicate', async () => {
  const ids: number[] = [];
  const tailing = tail(ids);
  for (let id = 1; id <= 400; id += 1) {
    await send(direct, 'ops', 'ann', `m${id}`);
    if (id % 20 === 0) proxy.cut();
    if (id % 50 === 0) void proxy.swallowReplyTo('EVAL');
  }
  await vi.waitFor(() => expect(ids).toHaveLength(400), { timeout: 10_000 });
  expect(ids).toEqual(upTo(400));
  ending.abort();
  await tailing;
});

test('who stops in the middle of a page gets that page again', async () => {
  for (let id = 1; id <= 150; id += 1) await send(direct, 'ops', 'ann', `m${id}`);
  const pages: number[][] = [];
  for await (const page of follow(direct, () => server.client(), 'ops', 'bob', { signal: ending.signal })) {
    pages.push(page.map(({ id }) => id));
    if (pages.length === 2) break;
  }
  expect(pages.flat()).toEqual(upTo(150));
  const { entries } = await pending(direct, 'ops', 'bob');
  expect(entries[0]?.id).toBe(101);
});

test('a room that was deleted and made anew meanwhile is followed from its start', async () => {
  for (let id = 1; id <= 5; id += 1) await send(direct, 'ops', 'ann', `m${id}`);
  const ids: number[] = [];
  const tailing = tail(ids);
  await vi.waitFor(async () => expect((await pending(direct, 'ops', 'bob')).seen).toBe(5));
  const keepSilent = proxy.silence();
  await leave(direct, 'ops', 'ann');
  await leave(direct, 'ops', 'bob');
  await create(direct, 'ops', ['ann', 'bob']);
  await send(direct, 'ops', 'ann', 'new start');
  keepSilent();
  await vi.waitFor(() => expect(ids).toEqual([1, 2, 3, 4, 5, 1]), { timeout: 5000 });
  ending.abort();
  await tailing;
});

test('ends with a typed error when its member leaves', async () => {
  const tailing = tail([]);
  await vi.waitFor(async () => expect(await direct.pubsub('NUMSUB', 'chat:ops')).toEqual(['chat:ops', 1]));
  const ended = expect(tailing).rejects.toMatchObject({ code: 'CHAT_NOT_A_MEMBER' });
  await leave(direct, 'ops', 'bob');
  await ended;
});

test.each([
  ['Redis loses everything', () => direct.flushall()],
  [
    'the last member leaves',
    async () => {
      await leave(direct, 'ops', 'ann');
      await leave(direct, 'ops', 'bob');
    },
  ],
])('ends with the word that the room is gone when %s', async (_, lose) => {
  const ids: number[] = [];
  const tailing = tail(ids);
  await send(direct, 'ops', 'ann', 'before');
  await vi.waitFor(() => expect(ids).toEqual([1]));
  await lose();
  await expect(tailing).rejects.toMatchObject({ code: 'CHAT_ROOM_GONE', kind: 'data', room: 'ops' });
});
