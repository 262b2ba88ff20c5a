import { expect, test } from 'vitest';
import { look, lookAll } from '../../source/features/ship/channel/status.ts';
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

test('what a consumer owes among more parts than one look tells of is found; until then it is not known', async () => {
  const redis = server.client();
  await redis.flushall();
  const now = Date.now();
  const process = { token: 't', host: 'h', pid: 1 };
  const entry = (id: number, finished: string) =>
    JSON.stringify({
      ...{ file: `${id}.log`, generation: 'g', at: 0, bytes: 1, kind: 'lines', id },
      ...{ announced: now - 3_600_000, want: ' 0 1 ', finished },
    });
  await redis.hset('ship:logs:', {
    ...{ run: 'r', budget: 1000, used: 10, expect: ' 0 1 ', closed: '', done: '', parts: 1000 },
  });
  await redis.hset('ship-who:logs:', {
    's:t': JSON.stringify({ ...process, at: now, waiting: now }),
    'c:0': JSON.stringify({ ...process, at: now - 1_800_000 }),
    'c:1': JSON.stringify({ ...process, at: now }),
  });
  const ids = Array.from({ length: 1000 }, (_, id) => id + 1);
  await redis.hset(
    'ship-parts:logs:',
    Object.fromEntries(ids.map((id) => [`${id}.log~1`, entry(id, ' 0 ')])),
  );
  const [seen] = (await lookAll(redis, ['logs:'])).views;
  expect(seen?.consumers[0]).toMatchObject({ id: '0', stalledMs: null, isJudged: false });
  expect(seen?.consumers[1]).toMatchObject({ id: '1', stalledMs: null, isJudged: true });
  expect(seen?.reason).toMatch(
    /; whether consumer 0 owes any part is not known: 3\d\d of 1,000 parts were looked at$/,
  );
  expect((await look(redis, 'logs:'))?.consumers[0]).toMatchObject({ lag: 0, isJudged: true });
  const looked = new Set(seen?.parts.map(({ part }) => part));
  const hidden = ids.find((id) => !looked.has(`${id}.log~1`)) ?? 0;
  await redis.hset('ship-parts:logs:', `${hidden}.log~1`, entry(hidden, ' '));
  expect((await look(redis, 'logs:'))?.consumers[0]).toMatchObject({ lag: 1, isJudged: true });
  expect(await examine(redis)).toMatchObject([
    {
      code: 'CHANNEL_STALLED',
      message: expect.stringMatching(/consumer 0 owes 1 part, last seen 180\ds ago$/),
    },
  ]);
});
