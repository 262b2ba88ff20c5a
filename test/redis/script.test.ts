import { expect, test } from 'vitest';
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
