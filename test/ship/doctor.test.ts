import { expect, test } from 'vitest';
import { doctor } from '../../source/features/ship/doctor.ts';
import { ship } from '../../source/features/ship/ship.ts';
import { run } from '../helpers/cli.ts';
import { type RedisServer, redisForThisFile } from '../helpers/redis-server.ts';
import { readLines, Scratch } from './harness.ts';

const server = await redisForThisFile();

test('a counter whose file is gone is found; one beside its file, one that ends and other data are not', async () => {
  const redis = server.client();
  await redis.set('logs:gone.log:done', 3);
  await redis.mset('logs:here.log:done', 1, 'logs:here.log', 'content');
  await redis.set('logs:ending.log:done', 1, 'EX', 60);
  await redis.set('task:done', 'yes');
  const keys = (await redis.keys('*')).filter((key) => doctor.claims(key));
  const found = await doctor.examine(redis, keys);
  expect(found.map(({ code, key }) => [code, key])).toEqual([['STALE_DONE', 'logs:gone.log:done']]);
});

const examine = async (redis: ReturnType<RedisServer['client']>) => {
  const keys = (await redis.keys('*')).filter((key) => doctor.claims(key));
  return await doctor.examine(redis, keys);
};

test('a stale counter is taken away, unless somebody counts on or ships that file again meanwhile', async () => {
  const redis = server.client();
  await redis.flushall();
  await redis.mset('logs:gone.log:done', 3, 'logs:counted.log:done', 1, 'logs:again.log:done', 8);
  const found = await examine(redis);
  expect(found.length).toBe(3);
  await redis.incr('logs:counted.log:done');
  await redis.append('logs:again.log', 'new');
  for (const { repair } of found) await repair?.();
  expect((await redis.keys('*')).toSorted()).toEqual([
    'logs:again.log',
    'logs:again.log:done',
    'logs:counted.log:done',
  ]);
});

test('a stale counter is left alone while its channel is under way', async () => {
  const redis = server.client();
  await redis.flushall();
  const terms = { run: 'r', budget: 1000, used: 10, expect: ' 0 ', closed: '', done: '', parts: 1 };
  await redis.hset('ship:logs:', terms);
  const shipper = { token: 't', host: 'h', pid: 1, at: Date.now() };
  await redis.hset('ship-who:logs:', 's:t', JSON.stringify(shipper));
  await redis.zadd('quarterdeck:ship', 1, 'logs:');
  await redis.set('logs:gone.log:done', 3);
  const [busy] = await examine(redis);
  expect(busy).toMatchObject({
    code: 'STALE_DONE',
    fix: expect.stringContaining('Wait until logs: is done'),
  });
  expect(busy?.repair).toBeUndefined();
  await redis.hset('ship:logs:', 'closed', '1');
  const [done] = await examine(redis);
  await done?.repair?.();
  expect(await examine(redis)).toEqual([]);
});

test('what is named like a channel and is none', async () => {
  const redis = server.client();
  await redis.flushall();
  await redis.hset('ship:odd', 'budget', 'x');
  await redis.set('ship-parts:odd', 'x');
  await redis.hset('ship:chat:', 'run', 'x');
  expect((await examine(redis)).map(({ code, key }) => [code, key]).toSorted()).toEqual([
    ['WRONG_TYPE', 'ship:chat:'],
    ['WRONG_TYPE', 'ship:odd'],
  ]);
});

test('a channel whose shipper stays away is stalled: who, since when, and what to do', async () => {
  const redis = server.client();
  await redis.flushall();
  await redis.hset('ship:logs:', {
    run: 'r',
    budget: 1000,
    used: 10,
    expect: ' 0 ',
    closed: '',
    done: '',
    parts: 1,
  });
  await redis.hset(
    'ship-who:logs:',
    's:t',
    JSON.stringify({ token: 't', host: 'h', pid: 1, at: Date.now() - 60_000 }),
  );
  const [found] = await doctor.examine(redis, ['ship:logs:']);
  expect(found).toMatchObject({ code: 'CHANNEL_STALLED', severity: 'error', key: 'ship:logs:' });
  expect(found?.message).toContain('the shipper was last seen 60s ago');
});

test('a part written by a shipper that was taken for dead is found and taken away; nothing else of a run is', async () => {
  using scratch = new Scratch();
  const redis = server.client();
  await redis.flushall();
  const reading = readLines(server.client(), { as: '0' });
  const source = scratch.files('in', { 'a.log': 'a\n', 'b:done': 'b\n' });
  await ship(redis, [source], { channel: 'logs:', consumers: 1 });
  await reading;
  const examine = async () => {
    const keys = await redis.keys('*');
    return await doctor.examine(
      redis,
      keys.filter((key) => doctor.claims(key)),
    );
  };
  expect(await examine()).toEqual([]);
  const stage = 'ship-stage:logs::AAAAAAAAAAAA:3';
  await redis.set(stage, 'left');
  expect((await examine()).map(({ code, key }) => [code, key])).toEqual([['STAGE_ABANDONED', stage]]);
  await run(['doctor', '--fix', '--yes'], { url: server.url });
  expect(await examine()).toEqual([]);
});
