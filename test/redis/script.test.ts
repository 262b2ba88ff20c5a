import { Cluster, type Redis, type RedisOptions } from 'ioredis';
import { expect, test } from 'vitest';
import { UnsupportedClientError } from '../../source/errors.ts';
import { keyFamily } from '../../source/redis/keys.ts';
import { defineScript } from '../../source/redis/script.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();

const add = defineScript({
  lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
  parse: (reply) => Number(reply),
});
const echo = defineScript({
  lua: 'return ARGV[1]',
  parse: (reply) => {
    if (!Buffer.isBuffer(reply)) throw new TypeError('Expected a Buffer');
    return reply;
  },
  binary: true,
});

test('a script is sent once as text and then by its digest', async () => {
  const redis = server.client();
  await redis.config('RESETSTAT');
  expect(await add(redis, ['n'], [2])).toBe(2);
  expect(await add(redis, ['n'], [3])).toBe(5);
  expect(await add(redis, ['n'], [4])).toBe(9);
  const stats = await redis.info('commandstats');
  expect(stats).toMatch(/cmdstat_eval:calls=1,/);
  expect(stats).toMatch(/cmdstat_evalsha:calls=2,/);
});

test('after SCRIPT FLUSH and after a restart it is loaded again', async () => {
  const redis = server.client();
  await redis.set('m', 0);
  await add(redis, ['m'], [1]);
  await redis.script('FLUSH');
  expect(await add(redis, ['m'], [1])).toBe(2);
  await server.stop();
  await server.start();
  expect(await add(redis, ['m'], [1])).toBe(1);
});

test('autopipelined calls recover from NOSCRIPT too', async () => {
  const redis = server.client({ enableAutoPipelining: true });
  await add(redis, ['p'], [1]);
  await redis.script('FLUSH');
  await Promise.all(Array.from({ length: 50 }, () => add(redis, ['p'], [1])));
  expect(await redis.get('p')).toBe('51');
});

test('binary scripts give back the very bytes', async () => {
  const redis = server.client();
  const bytes = Buffer.from([0, 255, 13, 10, 128]);
  expect(await echo(redis, [], [bytes])).toEqual(bytes);
  expect(await echo(redis, [], [bytes])).toEqual(bytes);
});

test.each([false, true])('binary, with autopipelining %s', async (enableAutoPipelining) => {
  const redis = server.client({ enableAutoPipelining });
  const bytes = Buffer.from([0, 255]);
  expect(await Promise.all([echo(redis, [], [bytes]), echo(redis, [], [bytes])])).toEqual([bytes, bytes]);
});

test('immediate calls are not batched, and keep their order', async () => {
  const redis = server.client({ enableAutoPipelining: true });
  const append = defineScript({
    lua: "#!lua\nreturn redis.call('APPEND', KEYS[1], ARGV[1])",
    parse: Number,
    immediate: true,
  });
  await append(redis, ['order'], ['0']);
  await Promise.all([1, 2, 3].map((digit) => append(redis, ['order'], [digit])));
  expect(await redis.get('order')).toBe('0123');
});

test.each<[string, Omit<RedisOptions, 'replyMapping'>]>([
  ['keyPrefix', { keyPrefix: 'app:' }],
  ['stringNumbers', { stringNumbers: true }],
])('a client with %s is refused before anything is sent', async (option, options) => {
  const redis = server.client(options);
  const refusal = { code: 'UNSUPPORTED_CLIENT', message: expect.stringContaining(option) };
  await expect(add(redis, ['n'], [1])).rejects.toMatchObject(refusal);
  expect(() => keyFamily(redis, 'x', { lock: 'lock:*' })).toThrow(expect.objectContaining(refusal));
});

test('a cluster hands such options to its nodes', () => {
  const cluster = new Cluster([], { lazyConnect: true, redisOptions: { keyPrefix: 'app:' } });
  expect(() => keyFamily(cluster, 'x', { lock: 'lock:*' })).toThrow(UnsupportedClientError);
  cluster.disconnect();
});

test('a client of another library is refused', async () => {
  const other = { sendCommand: () => Promise.resolve() } as unknown as Redis;
  await expect(add(other, ['n'], [1])).rejects.toThrow(UnsupportedClientError);
  await expect(add(undefined as unknown as Redis, ['n'], [1])).rejects.toThrow(UnsupportedClientError);
});
