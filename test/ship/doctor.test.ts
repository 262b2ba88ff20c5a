import { afterAll, beforeAll, expect, test } from 'vitest';
import { doctor } from '../../source/features/ship/doctor.ts';
import { ship } from '../../source/features/ship/ship.ts';
import { run } from '../helpers/cli.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { readLines, Scratch } from './harness.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.close());

test('a counter whose file is gone is found; one beside its file, one that ends and other data are not', async () => {
  const redis = server.client();
  await redis.set('logs:gone.log:done', 3);
  await redis.mset('logs:here.log:done', 1, 'logs:here.log', 'content');
  await redis.set('logs:ending.log:done', 1, 'EX', 60);
  await redis.set('task:done', 'yes');
  const keys = (await redis.keys('*')).filter((key) => doctor.claims(key));
  const found = await doctor.examine(redis, keys);
  expect(found.map(({ code, key }) => [code, key])).toEqual([['STALE_DONE', 'logs:gone.log:done']]);
  expect(found[0]?.repair).toBeUndefined();
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
