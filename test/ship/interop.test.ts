import { gzipSync } from 'node:zlib';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { status } from '../../source/features/ship/channel/status.ts';
import { ship } from '../../source/features/ship/ship.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { copyTo, logLines, readLines, readTree, Scratch } from './harness.ts';

/**
 * The other side as a program written after the book has it: the very commands that its `copy_logs_to_redis` and
 * `process_logs_from_redis` send, one after the other.
 */

let scratch: Scratch;
const server = await redisForThisFile();
const redis = server.client();
beforeEach(async () => {
  await redis.flushall();
  scratch = new Scratch();
});
afterEach(() => scratch[Symbol.dispose]());

const blockBytes = 2 ** 17;

/** Fetches what is pending for a member and marks it as seen, as `fetch_pending_messages` does. */
async function bookFetch(client: Redis, who: string): Promise<string[]> {
  const found: string[] = [];
  const seen = await client.zrange(`seen:${who}`, '0', '-1', 'WITHSCORES');
  for (let i = 0; i + 1 < seen.length; i += 2) {
    const [chat = '', cursor = '0'] = seen.slice(i, i + 2);
    const messages = await client.zrangebyscore(`msgs:${chat}`, Number(cursor) + 1, '+inf');
    if (messages.length === 0) continue;
    const parsed = messages.map(
      (json) => JSON.parse(json) as { id: number; ts: number; sender: string; message: string },
    );
    const last = parsed.at(-1)?.id ?? 0;
    expect(
      parsed.every(({ sender, ts }) => sender === 'source' && Math.abs(ts - Date.now() / 1000) < 60),
    ).toBe(true);
    await client.zadd(`chat:${chat}`, last, who);
    const slowest = await client.zrange(`chat:${chat}`, '0', '0', 'WITHSCORES');
    await client
      .multi()
      .zadd(`seen:${who}`, last, chat)
      .zremrangebyscore(`msgs:${chat}`, 0, slowest[1] ?? '0')
      .exec();
    found.push(...parsed.map(({ message }) => message));
  }
  return found;
}

/** Reads one file by SUBSTR, block after block until a short one. */
async function bookRead(client: Redis, key: string): Promise<Buffer> {
  const blocks: Buffer[] = [];
  for (let at = 0; ; at += blockBytes) {
    const block = (await client.callBuffer('SUBSTR', key, String(at), String(at + blockBytes - 1))) as Buffer;
    blocks.push(block);
    if (block.length < blockBytes) return Buffer.concat(blocks);
  }
}

/** Consumes until `:done`, only INCRs its counters. */
async function bookConsume(client: Redis, channel: string, who: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (;;) {
    const messages = await bookFetch(client, who);
    for (const name of messages) {
      if (name === ':done') return files;
      if (name === '') continue;
      files.set(name, await bookRead(client, channel + name));
      await client.incr(`${channel}${name}:done`);
    }
    if (messages.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function bookSend(client: Redis, chat: string, message: string): Promise<void> {
  const id = await client.incr(`ids:${chat}`);
  const json = JSON.stringify({ id, ts: Date.now() / 1000, sender: 'source', message });
  await client.zadd(`msgs:${chat}`, id, json);
}

/** Ships as the book does, and waits until everybody has counted. */
async function bookShip(
  client: Redis,
  channel: string,
  files: Readonly<Record<string, Buffer>>,
  count: number,
) {
  const create = client.multi();
  for (const who of [...Array(count).keys()].map(String).concat('source')) {
    create.zadd(`chat:${channel}`, 0, who).zadd(`seen:${who}`, 0, channel);
  }
  await create.exec();
  await bookSend(client, channel, '');
  for (const [name, content] of Object.entries(files)) {
    for (let at = 0; at < content.length; at += blockBytes) {
      await client.append(channel + name, content.subarray(at, at + blockBytes));
    }
    await client.append(channel + name, '');
    await bookSend(client, channel, name);
  }
  await bookSend(client, channel, ':done');
  for (const name of Object.keys(files)) {
    await vi.waitFor(
      async () => expect(Number(await client.get(`${channel}${name}:done`))).toBe(count),
      10_000,
    );
    await client.del(channel + name, `${channel}${name}:done`);
  }
}

test('consumers of the book read what we ship, and are counted', async () => {
  const source = scratch.files('in', {
    'a.log': logLines(300_000),
    'b.log': 'b\n',
    empty: '',
    'z.gz': gzipSync('z\n'),
  });
  const expected = Buffer.concat([logLines(300_000), Buffer.from('b\n')]);
  const readers = ['0', '1'].map((who) => bookConsume(server.client(), 'logs:', who));
  const shipping = ship(server.client(), [source], {
    channel: 'logs:',
    consumers: 3,
    budgetBytes: 400 * 1024,
    partBytes: 64 * 1024,
  });
  const ours = copyTo(server, `${scratch.path}/copy`, { as: '2' });
  const [shipped, ...copies] = await Promise.all([shipping, ...readers]);
  await ours;
  expect(shipped).toMatchObject({ files: 4 });
  expect(readTree(`${scratch.path}/copy`)).toEqual(readTree(source));
  for (const files of copies) {
    const names = [...files.keys()];
    expect(names.slice(0, -3).every((name, index) => name === `a.log~${index + 1}`)).toBe(true);
    expect(names.slice(-3)).toEqual(['b.log', 'empty', 'z.gz']);
    const text = names.filter((name) => /log/.test(name)).map((name) => files.get(name) ?? Buffer.alloc(0));
    expect(Buffer.concat(text)).toEqual(expected);
    expect(files.get('z.gz')).toEqual(gzipSync('z\n'));
  }
  expect(await redis.keys('logs:*')).toEqual([]);
});

test('a second run: the book’s consumers are not ended by the first one', async () => {
  const source = scratch.files('in', { 'a.log': 'a\n' });
  const options = { channel: 'logs:', consumers: 1 };
  for (const round of [1, 2]) {
    const reading = bookConsume(server.client(), 'logs:', '0');
    await ship(redis, [source], options);
    expect([...(await reading).keys()], `round ${round}`).toEqual(['a.log']);
  }
});

test('a late INCR does not count for the next file of that name', async () => {
  const source = scratch.files('in', { 'a.log': 'a\n' });
  await redis.set('logs:a.log:done', 7);
  const shipping = ship(redis, [source], { channel: 'logs:', consumers: 1 });
  await vi.waitFor(async () => expect((await status(redis, 'logs:'))?.files[0]?.state).toBe('announced'));
  expect(await redis.get('logs:a.log')).toBe('a\n');
  expect(await redis.exists('logs:a.log:done')).toBe(0);
  expect(await readLines(server.client(), { as: '0' })).toEqual([['a.log', 'a']]);
  await shipping;
});

test('our consumers read what the book ships: gzip by its name, empty files, until :done', async () => {
  const files = {
    'a.log': logLines(300_000),
    'b.log.gz': Buffer.concat([gzipSync('one\ntwo\n'), gzipSync('three\n')]),
    'empty.log': Buffer.alloc(0),
    'crlf.txt': Buffer.from('x\r\ny'),
  };
  const shipping = bookShip(server.client(), 'logs:', files, 2);
  const copying = copyTo(server, `${scratch.path}/copy`, { as: '0' });
  const lines = await readLines(redis, { as: '1' });
  await Promise.all([shipping, copying]);
  expect(readTree(`${scratch.path}/copy`)).toEqual(
    Object.fromEntries(
      Object.entries(files)
        .map(([name, content]) => [name, content.toString('latin1')])
        .sort(),
    ),
  );
  const byFile = Map.groupBy(lines, ([file]) => file);
  expect(
    byFile
      .get('a.log')
      ?.map(([, line]) => line)
      .join('\n'),
  ).toBe(logLines(300_000).toString());
  expect(byFile.get('b.log.gz')?.map(([, line]) => line)).toEqual(['one', 'two', 'three']);
  expect(byFile.get('crlf.txt')?.map(([, line]) => line)).toEqual(['x\r', 'y']);
  expect(byFile.has('empty.log')).toBe(false);
});

test('other people’s talk in the room and what is no message are passed over', async () => {
  const source = scratch.files('in', { 'a.log': 'a\n' });
  const damage: string[] = [];
  const shipping = ship(redis, [source], { channel: 'logs:', consumers: 1 });
  await vi.waitFor(async () => expect((await status(redis, 'logs:'))?.files[0]?.state).toBe('announced'));
  await redis.zadd('msgs:logs:', 0.5, 'no json', 0.6, '{"id":0,"ts":1,"sender":"ann","message":"b.log"}');
  const lines = await readLines(server.client(), { as: '0', onDamage: (problem) => damage.push(problem) });
  expect(lines).toEqual([['a.log', 'a']]);
  expect(damage).toEqual(['message 0.5 of logs: is no JSON of a message']);
  await shipping;
});

test('while a sender of the book holds the room’s lock, announcements wait', async () => {
  const source = scratch.files('in', { 'a.log': 'a\n' });
  await redis.set('lock:chat:logs:', 'somebody');
  const shipping = ship(server.client(), [source], { channel: 'logs:', consumers: 1 });
  await vi.waitFor(async () => expect(await redis.hlen('ship-parts:logs:')).toBe(1));
  expect(await redis.zcard('msgs:logs:')).toBe(0);
  await redis.del('lock:chat:logs:');
  expect(await readLines(redis, { as: '0' })).toEqual([['a.log', 'a']]);
  await shipping;
});
