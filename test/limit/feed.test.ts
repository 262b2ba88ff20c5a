import { beforeEach, expect, test } from 'vitest';
import limit from '../../source/features/limit/index.ts';
import * as limits from '../../source/features/limit/library.ts';
import { Limiter } from '../../source/features/limit/limit.ts';
import { needsOf } from '../../source/features/limit/needs.ts';
import { initial, type LimitSlice, learn } from '../../source/features/limit/state.ts';
import { run } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();
const redis = server.client({ enableAutoPipelining: true });
beforeEach(() => redis.flushall());

const read = async (slice: LimitSlice): Promise<LimitSlice> =>
  (
    await limit.feed.read(
      { redis, connections: [{ url: '', ask: redis }] as never, config: {} as never },
      slice,
    )
  )(slice);

test('reads hundreds of limits in two commands', async () => {
  const limiter = new Limiter(redis, { max: 1000, perMs: 86_400_000 });
  await Promise.all(Array.from({ length: 400 }, (_, i) => limiter.hit(`user:${i}`, i + 1)));
  await limiter.close();
  await read(initial);
  await redis.config('RESETSTAT');
  const slice = await read(initial);
  expect(slice.total).toBe(400);
  expect(slice.meters.length).toBe(300);
  expect(slice.meters[0]?.subject).toBe('user:399');
  const calls = /cmdstat_evalsha_ro:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1];
  expect(Number(calls)).toBeLessThanOrEqual(3);
});

test('while nothing is used the slice stays the same one', async () => {
  const limiter = new Limiter(redis, { algorithm: 'gcra', max: 1000, perMs: 1000 });
  await limiter.hit('s');
  await limiter.close();
  await redis.del('limit:s:gcra:1000');
  const once = await read(initial);
  expect(once.meters).toMatchObject([{ subject: 's', used: 0, resetAtMs: undefined }]);
  expect(await read(once)).toBe(once);
});

test('only reads', async () => {
  const limiter = new Limiter(redis, { max: 10, perMs: 86_400_000 });
  await limiter.hit('s', 10);
  await limiter.close();
  await redis.config('RESETSTAT');
  await read(initial);
  expect(await redis.info('commandstats')).not.toMatch(/cmdstat_(set|hset|incrby|pexpireat|zadd)/);
});

test('a limit whose maximum is not known is no row and not full: it is said', async () => {
  const limiter = new Limiter(redis, { algorithm: 'gcra', max: 2, perMs: 86_400_000 });
  await Promise.all(['lost', 'odd', 'large', 'known'].map((subject) => limiter.hit(subject)));
  await limiter.close();
  const members = ['lost', 'odd', 'large'].map((subject) => `gcra:86400000:${subject}`);
  await redis.hdel('quarterdeck:limit:max', members[0] ?? '');
  await redis.hset('quarterdeck:limit:max', members[1] ?? '', 'two', members[2] ?? '', '9007199254740993');
  const slice = await read(initial);
  expect(slice.meters).toMatchObject([{ subject: 'known', used: 1, limit: 2 }]);
  const said = /^The maximum of 3 limits, first `(lost|odd|large)`, is not known/;
  expect(needsOf(slice)).toMatchObject([{ kind: 'unreadable', words: expect.stringMatching(said) }]);

  await expect(limits.status(redis, 'odd')).rejects.toThrow('holds `two` where the maximum of odd');
  expect(await limits.status(redis, 'nobody')).toBeUndefined();

  const listed = await run(['limit', 'list', '--json'], { url: server.url });
  expect(JSON.parse(listed.stdout)).toMatchObject([{ subject: 'known', condition: 'ok' }]);
  expect(listed.stderr).toMatch(/^quarterdeck: The maximum of 3 limits, .*\n$/);
});

test('a whole page of such limits ends no sweep through the others', () => {
  const page = { total: 20, skip: 0, nowMs: 0, limits: [], met: 6, wrong: ['The maximum of 6 limits'] };
  const first = learn(initial, page);
  expect(first.next).toBe(6);
  const last = learn(learn(first, { ...page, skip: 6 }), { ...page, skip: 12, met: 8, wrong: [] });
  expect(last.next).toBe(0);
  expect(needsOf(last)).toMatchObject([{ kind: 'unreadable', words: 'The maximum of 6 limits' }]);
  // Read again, or behind the end of the index, it is said no more.
  const mended = learn(learn(last, { ...page, wrong: [] }), { ...page, total: 6, wrong: [] });
  expect(needsOf(mended)).toEqual([]);
});

test('what holds the key of a limit, or is none at all, hides no other and is said', async () => {
  const limiter = new Limiter(redis, { algorithm: 'gcra', max: 2, perMs: 86_400_000 });
  await Promise.all(['taken', 'spent'].map((subject) => limiter.hit(subject, 2)));
  await limiter.close();
  await redis.del('limit:taken:gcra:86400000');
  await redis.rpush('limit:taken:gcra:86400000', 'x');
  // As many as a reading looks at, all noted later.
  const long = Array.from({ length: 300 }, (_, i) => [Date.now() * 2, `gcra:60000:${'x'.repeat(700)}${i}`]);
  await redis.zadd('quarterdeck:limit', ...long.flat());
  const slice = await read(await read(initial));
  expect(limit.headline(slice)).toBe('1 full');
  expect(needsOf(slice)).toMatchObject([
    { kind: 'full', name: 'spent in 1d' },
    { words: expect.stringMatching(/^300 entries longer than the name of a limit/) },
    { words: expect.stringMatching(/^1 key is named like limits .*limit:taken:gcra:86400000$/) },
  ]);
});
