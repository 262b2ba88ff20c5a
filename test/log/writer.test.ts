import { beforeEach, expect, test, vi } from 'vitest';
import { WrongTypeError } from '../../source/errors.ts';
import { common, logs, recent } from '../../source/features/log/log.ts';
import { LogWriter } from '../../source/features/log/writer.ts';
import { awayFromTheEnd, hourMs } from '../helpers/clock.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { redisForThisFile, startRedis } from '../helpers/redis-server.ts';
import { groupingAccuracy, syntheticLog } from './synthetic-log.ts';

const server = await redisForThisFile();
const redis = server.client();
beforeEach(async () => {
  await awayFromTheEnd(hourMs, 10_000);
  await redis.flushall();
  await redis.config('RESETSTAT');
});

const web = { name: 'web', severity: 'info' };
const counts = async (log = web): Promise<Record<string, number>> => {
  const { entries } = await common(redis, log, { top: 1000 });
  return Object.fromEntries(entries.map(({ message, count }) => [message, count]));
};
const callsOf = async (name: string): Promise<number> => {
  const stats = await redis.info('commandstats');
  return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
};

test('gathers up to a thousand messages into one call', async () => {
  const writer = new LogWriter(redis, 'web');
  for (let id = 0; id < 10_000; id += 1) if (!writer.write(`job ${id} done`)) await writer.drained();
  await writer.close();
  expect(await counts()).toEqual({ 'job <*> done': 10_000 });
  expect(writer.written).toBe(10_000);
  expect((await callsOf('evalsha')) + (await callsOf('eval'))).toBeLessThanOrEqual(15);
});

test('a lone message is sent after a moment, without being asked to', async () => {
  const writer = new LogWriter(server.client(), 'web', { flushMs: 20 });
  writer.write('upstream timed out');
  await vi.waitFor(async () => expect(await counts()).toEqual({ 'upstream timed out': 1 }));
  writer.write('upstream timed out');
  await vi.waitFor(async () => expect(await counts()).toEqual({ 'upstream timed out': 2 }));
  expect(await logs(redis)).toEqual([web]);
});

test('messages that come while a batch is in flight follow by themselves', async () => {
  const writer = new LogWriter(redis, 'web', { flushMs: 5, flushMessages: 10 });
  for (let id = 0; id < 1005; id += 1) writer.write('again');
  await vi.waitFor(() => expect(writer.written).toBe(1005));
  expect(await counts()).toEqual({ again: 1005 });
});

test('leaving the scope sends the rest', async () => {
  {
    await using writer = new LogWriter(redis, 'web', { severity: 'Error' });
    writer.write('disk full');
  }
  expect(await counts({ name: 'web', severity: 'error' })).toEqual({ 'disk full': 1 });
});

test('a line is kept for each template, none for plain messages', async () => {
  const writer = new LogWriter(redis, 'web');
  writer.write('job 17 done');
  writer.write('job 18 done');
  writer.write('upstream timed out');
  await writer.flush();
  const { entries } = await common(redis, web);
  expect(entries.map(({ message, sample }) => [message, sample])).toEqual([
    ['job <*> done', 'job 17 done'],
    ['upstream timed out', 'upstream timed out'],
  ]);
  expect(await redis.hgetall('common:web:info:samples')).toEqual({ 'job <*> done': 'job 17 done' });
  expect((await recent(redis, web)).map(({ message }) => message)).toEqual([
    'upstream timed out',
    'job 18 done',
    'job 17 done',
  ]);
});

test('raw writers count exact texts', async () => {
  await using writer = new LogWriter(redis, 'web', { raw: true });
  for (const id of [1, 2, 2]) writer.write(`job ${id} done`);
  await writer.flush();
  expect(await counts()).toEqual({ 'job 2 done': 2, 'job 1 done': 1 });
});

test('what was counted before a template was learned is counted under it', async () => {
  await using writer = new LogWriter(redis, 'web');
  for (const user of ['ann', 'bob']) {
    writer.write(`session opened for guest ${user} by root`);
    await writer.flush();
  }
  expect(await counts()).toEqual({
    'session opened for guest ann by root': 1,
    'session opened for guest bob by root': 1,
  });
  writer.write('session opened for guest eve by root');
  await writer.flush();
  expect(await counts()).toEqual({ 'session opened for guest <*> by root': 3 });
  expect(await redis.lrange('common:web:info:patterns', 0, -1)).toEqual([
    'session opened for guest <*> by root',
  ]);
  const { entries } = await common(redis, web);
  expect(entries[0]?.sample).toBe('session opened for guest ann by root');
});

test('each writer sees one user only, and together they learn', async () => {
  for (const user of ['ann', 'bob', 'eve', 'joe']) {
    await using writer = new LogWriter(redis, 'web');
    writer.write(`session opened for guest ${user} by root`);
  }
  expect(await counts()).toEqual({ 'session opened for guest <*> by root': 4 });
});

test('exact texts of others are left alone when a template is learned', async () => {
  await redis.set('common:web:info:start', `${new Date().toISOString().slice(0, 13)}:00:00`);
  await redis.zadd('common:web:info', 5, 'session opened for guest 1001 by root');
  await using writer = new LogWriter(redis, 'web');
  for (const user of ['ann', 'bob', 'eve']) writer.write(`session opened for guest ${user} by root`);
  await writer.flush();
  expect(await counts()).toEqual({
    'session opened for guest 1001 by root': 5,
    'session opened for guest <*> by root': 3,
  });
});

test('writers at once agree on the templates, and on the counts', async () => {
  const log = syntheticLog({ seed: 11, events: 40, lines: 8000 });
  const writers = Array.from(
    { length: 4 },
    () => new LogWriter(server.client(), 'web', { flushMs: 5, flushMessages: 50 }),
  );
  await Promise.all(
    writers.map(async (writer, index) => {
      for (const [at, { line }] of log.entries()) {
        if (at % writers.length === index && !writer.write(line)) await writer.drained();
      }
      await writer.close();
    }),
  );
  const found = await counts();
  expect(Object.values(found).reduce((sum, count) => sum + count, 0)).toBe(log.length);
  const sizes = new Map<number, number>();
  for (const { event } of log) sizes.set(event, (sizes.get(event) ?? 0) + 1);
  const sorted = (values: Iterable<number>): number[] => [...values].sort((a, b) => b - a);
  expect(sorted(Object.values(found))).toEqual(sorted(sizes.values()));
  // And each template stands for one event.
  const patterns = Object.keys(found);
  expect(groupingAccuracy(patterns, patterns)).toBe(1);
});

test('nothing is lost while Redis is away', async () => {
  const own = await startRedis('--appendonly', 'yes', '--appendfsync', 'always');
  const client = own.client({ retryStrategy: () => 20 });
  const writer = new LogWriter(client, 'web', { flushMs: 5 });
  writer.write('before');
  await writer.flush();
  await own.stop();
  for (let id = 0; id < 5000; id += 1) writer.write(`job ${id} done`);
  const flushed = writer.flush();
  await own.start();
  await flushed;
  expect(writer.written).toBe(5001);
  const { entries } = await common(own.client(), web);
  expect(entries.map(({ message, count }) => [message, count])).toEqual([
    ['job <*> done', 5000],
    ['before', 1],
  ]);
  await own.close();
});

test('a refused batch is kept, reported, and counts once when it is taken', async () => {
  await redis.set('recent:web:info', 'mine');
  const writer = new LogWriter(redis, 'web', { flushMs: 60_000, onEvent: () => {} });
  writer.write('timed out');
  await expect(writer.flush()).rejects.toThrow(WrongTypeError);
  expect(writer.failure).toBeInstanceOf(WrongTypeError);
  writer.write('timed out');
  await redis.del('recent:web:info');
  await writer.flush();
  expect(writer.failure).toBeUndefined();
  expect(await counts()).toEqual({ 'timed out': 2 });
});

test('no command has more than three thousand words', async () => {
  const client = server.client();
  const words: number[] = [];
  const send = client.sendCommand.bind(client);
  Object.assign(client, {
    sendCommand(command: Parameters<typeof send>[0], ...rest: never[]) {
      words.push(1 + command.args.length);
      return send(command, ...rest);
    },
  });
  const writer = new LogWriter(client, 'web', { raw: true, flushMs: 60_000, flushMessages: 1_000_000 });
  for (let id = 0; id < 12_000; id += 1) writer.write(`exactly ${id}`);
  const templates = new LogWriter(client, 'web', {
    severity: 'error',
    flushMs: 60_000,
    flushMessages: 1_000_000,
  });
  const letters = 'abcdefghijklmnopqrstuvwxyz';
  for (const first of letters)
    for (const second of letters)
      for (const user of ['ann', 'bob', 'eve'])
        templates.write(`${first}${second}${first} for guest ${user} went`);
  await Promise.all([writer.close(), templates.close()]);
  expect(Math.max(...words)).toBeGreaterThan(2000);
  expect(Math.max(...words)).toBeLessThanOrEqual(3000);
  expect(writer.written).toBe(12_000);
  expect(writer.pending).toBe(0);
  const found = await common(redis, web, { top: 0 });
  expect(found).toMatchObject({ total: 12_000, distinct: 10_000 });
  expect((await common(redis, { ...web, severity: 'error' }, { top: 0 })).total).toBe(26 * 26 * 3);
});

test('while a server refuses, attempts become rarer, and who waits for room waits for them', async () => {
  const events: string[] = [];
  const writer = new LogWriter(redis, 'web', {
    flushMs: 20,
    flushMessages: 10,
    onEvent: ({ error }) => void events.push(error.code),
  });
  await redis.config('SET', 'maxmemory', '1');
  try {
    await redis.config('RESETSTAT');
    for (let id = 0; id < 10; id += 1) writer.write('again');
    await writer.drained();
    expect(writer.failingForMs).toBeGreaterThan(0);
    for (let round = 0; round < 3; round += 1) {
      while (writer.write('again'));
      await writer.drained();
    }
    // Each wait was for one attempt, however many messages were written meanwhile.
    expect(events.length).toBeLessThanOrEqual(5);
    expect(new Set(events)).toEqual(new Set(['REDIS_FULL']));
    expect(writer.pending).toBeGreaterThan(10);
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
  const { pending } = writer;
  await writer.close();
  expect(writer).toMatchObject({ pending: 0, written: pending, failingForMs: 0, failure: undefined });
  expect(await counts()).toEqual({ again: pending });
});

test('a full server takes nothing and loses nothing', async () => {
  const writer = new LogWriter(redis, 'web', { flushMs: 5, onEvent: () => {} });
  await redis.config('SET', 'maxmemory', '1');
  try {
    for (let id = 0; id < 100; id += 1) writer.write(`job ${id} done`);
    await expect(writer.flush()).rejects.toMatchObject({ code: 'REDIS_FULL' });
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
  await vi.waitFor(() => expect(writer.written).toBe(100));
  expect(await counts()).toEqual({ 'job <*> done': 100 });
});

test('a batch whose answer was lost with the connection counts once', async () => {
  const proxy = await startFaultProxy(server.socket);
  const writer = new LogWriter(proxy.client(), 'web', { flushMs: 60_000 });
  writer.write('warm');
  await writer.flush();
  const before = await callsOf('evalsha');
  for (let round = 0; round < 20; round += 1) {
    writer.write('once');
    const lost = proxy.swallowReplyTo('evalsha');
    await writer.flush();
    await lost;
  }
  expect(await callsOf('evalsha')).toBe(before + 40);
  expect(await counts()).toEqual({ once: 20, warm: 1 });
  await proxy.close();
});

test('a megabyte is cut with a mark', async () => {
  await using writer = new LogWriter(redis, 'web');
  writer.write('x'.repeat(1024 * 1024));
  writer.write('é '.repeat(512 * 1024));
  await writer.flush();
  const lines = await recent(redis, web);
  expect(lines[1]?.message).toMatch(/^x{8192}… \(1040384 more characters\)$/);
  for (const message of Object.keys(await counts())) {
    expect(message.length).toBeLessThan(2100);
    expect(message).toMatch(/… *$| <\*>$/);
  }
});

test('what is no text is kept as it is', async () => {
  await using writer = new LogWriter(redis, 'web', { raw: true });
  const odd = ['', '\0\x01\x1b[31m', '\ufffd\ufffd', 'two\nlines', '<*>', '\ud800', '🦊'];
  for (const message of odd) writer.write(message);
  await writer.flush();
  const found = await recent(redis, web);
  expect(found.map(({ message }) => message).reverse()).toEqual(odd.map((text) => text.toWellFormed()));
});
