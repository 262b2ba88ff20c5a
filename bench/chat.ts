import { Redis } from 'ioredis';
import { ack, create, pending } from '../source/features/chat/room/chat.ts';
import { send } from '../source/features/chat/room/send.ts';
import { follow } from '../source/features/chat/room/tail.ts';
import { bookFetch, bookSend } from '../test/helpers/book-chat.ts';
import { interleave, judged, median, percentile, printTable, short, startServer } from './harness.ts';

/**
 * Chat beside the loop of Redis in Action, beside INCR and ZADD without any protection, and beside a Stream with a group for
 * each member, in one process over a unix socket. `taskset -c 0` steadies the figures with one call in flight.
 */

const server = await startServer();
const repetitions = Number(process.env.REPETITIONS ?? 5);
const message = 'x'.repeat(100);
const connect = (enableAutoPipelining: boolean): Redis =>
  new Redis({ path: server.socket, enableAutoPipelining });

/** Calls a second with so many of them in flight. */
async function rate(count: number, depth: number, call: () => Promise<unknown>): Promise<number> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await call();
  };
  const startedAtMs = performance.now();
  await Promise.all(Array.from({ length: depth }, worker));
  return (count / (performance.now() - startedAtMs)) * 1000;
}

function senders(redis: Redis, books: readonly Redis[]) {
  let turn = 0;
  return {
    ours: () => send(redis, 'ops', 'ann', message),
    'INCR, then ZADD: two trips, no order': async () => {
      const id = await redis.incr('ids:plain');
      await redis.zadd(
        'msgs:plain',
        id,
        JSON.stringify({ id, ts: Date.now() / 1000, sender: 'ann', message }),
      );
    },
    'XADD to a Stream': () => redis.xadd('stream', '*', 'sender', 'ann', 'message', message),
    'the lock of Redis in Action, INCR, ZADD, release': () =>
      bookSend(books[turn++ % books.length] ?? redis, 'book', 'ann', message),
  };
}

async function sending(depth: number, count: number): Promise<void> {
  const redis = connect(depth > 1);
  const books = Array.from({ length: Math.min(depth, 8) }, () => connect(false));
  const cases = Object.entries(senders(redis, books)).map(([name, call]) => [
    name,
    async () => {
      await redis.flushall();
      await create(redis, 'ops', ['ann', 'bob']);
      const isBook = name.startsWith('the book');
      // Eight connections fighting for one lock: its rate does not depend on how long it is measured.
      return await rate(isBook ? count / 20 : count, isBook ? books.length : depth, call);
    },
  ]);
  const figures = await interleave<number>(repetitions, Object.fromEntries(cases));
  const [ours = 0, , , book = 0] = Object.values(figures).map(median);
  printTable(`Sending, ${depth} in flight`, [
    ['', 'messages/s', 'ours is'],
    ...Object.entries(figures).map(([name, values]) => [
      name,
      short(median(values)),
      name === 'ours' ? '' : `${(ours / median(values)).toFixed(2)}x`,
    ]),
  ]);
  console.log(`  beside the loop of Redis in Action: ${judged(ours / book, depth === 1 ? 2 : 4)}`);
  for (const client of [redis, ...books]) client.disconnect();
}

async function reading(): Promise<void> {
  const redis = connect(true);
  const book = connect(false);
  const count = 5000;
  const figures = await interleave<number>(repetitions, {
    async ours() {
      await redis.flushall();
      await create(redis, 'ops', ['ann', 'bob']);
      await Promise.all(Array.from({ length: count }, () => send(redis, 'ops', 'ann', message)));
      const startedAtMs = performance.now();
      let read = 0;
      while (read < count) {
        const { entries } = await pending(redis, 'ops', 'bob');
        read += entries.length;
        await ack(redis, 'ops', 'bob', entries.at(-1)?.id ?? 0);
      }
      return (count / (performance.now() - startedAtMs)) * 1000;
    },
    async 'the book, all at once, marked before it is shown'() {
      await redis.flushall();
      await create(redis, 'ops', ['ann', 'bob']);
      await Promise.all(Array.from({ length: count }, () => send(redis, 'ops', 'ann', message)));
      const startedAtMs = performance.now();
      const news = await bookFetch(book, 'bob');
      return ((news.get('ops')?.length ?? 0) / (performance.now() - startedAtMs)) * 1000;
    },
    async 'a Stream group: XREADGROUP COUNT 100, XACK'() {
      await redis.flushall();
      await redis.xgroup('CREATE', 'stream', 'bob', '0', 'MKSTREAM');
      await Promise.all(
        Array.from({ length: count }, () => redis.xadd('stream', '*', 'sender', 'ann', 'message', message)),
      );
      const startedAtMs = performance.now();
      let read = 0;
      while (read < count) {
        const reply = await redis.xreadgroup('GROUP', 'bob', 'me', 'COUNT', 100, 'STREAMS', 'stream', '>');
        const items = (reply as [string, [string, string[]][]][])[0]?.[1] ?? [];
        read += items.length;
        await redis.xack('stream', 'bob', ...items.map(([id]) => id));
      }
      return (count / (performance.now() - startedAtMs)) * 1000;
    },
  });
  const ours = median(figures.ours ?? []);
  printTable('Reading what is pending, a hundred at a time', [
    ['', 'messages/s', 'ours is'],
    ...Object.entries(figures).map(([name, values]) => [
      name,
      short(median(values)),
      name === 'ours' ? '' : `${(ours / median(values)).toFixed(2)}x`,
    ]),
  ]);
  redis.disconnect();
  book.disconnect();
}

async function delivery(): Promise<void> {
  const [redis, asking, listening, plain] = [connect(true), connect(true), connect(false), connect(false)];
  await redis.flushall();
  await create(redis, 'ops', ['ann', 'bob']);
  let heard = (): void => {};
  const once = (): Promise<void> =>
    new Promise((resolve) => {
      heard = resolve;
    });
  const ending = new AbortController();
  const tailing = (async () => {
    for await (const _ of follow(asking, () => listening, 'ops', 'bob', { signal: ending.signal })) heard();
  })();
  await plain.subscribe('plain');
  plain.on('message', () => heard());
  const latency = async (act: () => Promise<unknown>): Promise<number> => {
    const arrived = once();
    const sentAtMs = performance.now();
    await Promise.all([act(), arrived]);
    const tookMs = performance.now() - sentAtMs;
    await new Promise((resolve) => setTimeout(resolve, 1));
    return tookMs;
  };
  const figures = await interleave<number>(500, {
    'send to tail, read by id': () => latency(() => send(redis, 'ops', 'ann', message)),
    'plain PUBLISH': () => latency(() => redis.publish('plain', message)),
  });
  printTable('From sending to the other side', [
    ['', 'p50 ms', 'p99 ms'],
    ...Object.entries(figures).map(([name, values]) => [
      name,
      percentile(values, 0.5).toFixed(2),
      percentile(values, 0.99).toFixed(2),
    ]),
  ]);
  ending.abort();
  await tailing;
  for (const client of [redis, asking, listening, plain]) client.disconnect();
}

await sending(1, 4000);
await sending(64, 20_000);
await reading();
await delivery();
await server.close();
