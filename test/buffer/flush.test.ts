import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { increment } from '../../source/features/buffer/buffer.ts';
import { flush, hasWork } from '../../source/features/buffer/flush/flush.ts';
import { openTarget } from '../../source/features/buffer/sql/open-target.ts';
import type { FlushStep, Target } from '../../source/features/buffer/sql/target.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { type Database, databases } from './databases.ts';

let server: RedisServer;
let redis: Redis;
let database: Database;
let target: Target;

beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
  database = await databases.sqlite();
  await database.run('CREATE TABLE project (id text PRIMARY KEY, count integer NOT NULL DEFAULT 0)');
  target = await openTarget({ to: database.to, table: 'project' });
});
beforeEach(async () => {
  await redis.flushall();
  await database.run('DELETE FROM project');
});
afterAll(async () => {
  await target.close();
  await database.close();
  await server.close();
});

const steps: readonly FlushStep[] = [
  'claiming',
  'claimed',
  'page-read',
  'begun',
  'recorded',
  'page-written',
  'written',
  'sql-committed',
  'committed',
];

class Died extends Error {}

function dieAt(step: FlushStep) {
  return (reached: FlushStep) => {
    if (reached === step) throw new Died(step);
  };
}

test('writes what is pending to SQL and leaves no data behind', async () => {
  await increment(redis, 'project', [
    ['a', 3],
    ['b', 4],
  ]);
  const flushed = await flush(redis, 'project', target);
  expect(flushed).toMatchObject({ type: 'project', rows: 2, total: 7, leftPending: 0 });
  expect(flushed.batch).toMatch(/^[0-9a-f-]{36}$/);
  expect(await database.counts('project')).toEqual({ a: 3, b: 4 });
  expect((await redis.keys('pending:*')).sort()).toEqual([
    'pending:project:oldest',
    'pending:project:settled',
  ]);
  expect(await hasWork(redis, 'project')).toBe(false);
});

test('with nothing pending it writes nothing and names no batch', async () => {
  expect(await flush(redis, 'project', target)).toMatchObject({ batch: undefined, rows: 0, total: 0 });
});

test('drains producers that know nothing but ZINCRBY', async () => {
  for (let turn = 0; turn < 10; turn += 1) await redis.zincrby('pending:project', 1, `id${turn % 3}`);
  await flush(redis, 'project', target);
  expect(await database.counts('project')).toEqual({ id0: 4, id1: 3, id2: 3 });
});

test('adds negative counts that other producers left, and drops rows that add nothing', async () => {
  await redis.zadd('pending:project', -5, 'down', 0, 'nothing', 5, 'up');
  expect(await flush(redis, 'project', target)).toMatchObject({ rows: 2, total: 0 });
  expect(await database.counts('project')).toEqual({ down: -5, up: 5 });
});

describe.each(steps)('an error at "%s"', (step) => {
  test('loses nothing and counts nothing twice', async () => {
    await increment(redis, 'project', [
      ['a', 3],
      ['b', 4],
    ]);
    await expect(flush(redis, 'project', target, { onStep: dieAt(step) })).rejects.toThrow();
    await increment(redis, 'project', [['a', 10]]);
    const flushed = await flush(redis, 'project', target);
    expect(await database.counts('project')).toEqual({ a: 13, b: 4 });
    expect(flushed.batch).toBeDefined();
    expect(await redis.exists('pending:project', 'pending:project:inflight', 'pending:project:batch')).toBe(
      0,
    );
  });
});

test('a batch in flight keeps its id until it is settled', async () => {
  await increment(redis, 'project', [['a', 1]]);
  await expect(flush(redis, 'project', target, { onStep: dieAt('claimed') })).rejects.toThrow(Died);
  const id = await redis.hget('pending:project:batch', 'id');
  await expect(flush(redis, 'project', target, { onStep: dieAt('written') })).rejects.toThrow();
  expect(await redis.hget('pending:project:batch', 'id')).toBe(id);
  expect(await flush(redis, 'project', target)).toMatchObject({ batch: id, rows: 1 });
});

test('many flushers at once, without a lock, while counting goes on', async () => {
  const sent: Record<string, number> = {};
  const targets = await Promise.all(
    [1, 2, 3, 4].map(() => openTarget({ to: database.to, table: 'project' })),
  );
  let isCounting = true;
  const counting = (async () => {
    for (let turn = 0; turn < 150; turn += 1) {
      const id = `id${turn % 17}`;
      await (turn % 2
        ? increment(redis, 'project', [[id, turn]])
        : redis.zincrby('pending:project', turn, id));
      sent[id] = (sent[id] ?? 0) + turn;
    }
    isCounting = false;
  })();
  await Promise.all(
    targets.map(async (own) => {
      while (isCounting) await flush(redis, 'project', own);
    }),
  );
  await counting;
  await flush(redis, 'project', target);
  expect(await database.counts('project')).toEqual(sent);
  await Promise.all(targets.map((own) => own.close()));
});

test('a batch half-way into one database is refused to another, until an operator confirms that the first is gone', async () => {
  const other = await databases.sqlite();
  await other.run('CREATE TABLE project (id text PRIMARY KEY, count integer)');
  const elsewhere = await openTarget({ to: other.to, table: 'project' });
  await increment(redis, 'project', [['a', 1]]);
  await expect(flush(redis, 'project', target, { onStep: dieAt('sql-committed') })).rejects.toThrow();
  await expect(flush(redis, 'project', elsewhere)).rejects.toMatchObject({
    code: 'BATCH_ELSEWHERE',
    kind: 'data',
  });
  await redis.hdel('pending:project:batch', 'target');
  await flush(redis, 'project', elsewhere);
  expect(await other.counts('project')).toEqual({ a: 1 });
  await elsewhere.close();
  await other.close();
});

test('fractions stay pending until they make a whole', async () => {
  await redis.zincrby('pending:project', 2.5, 'a');
  await redis.zincrby('pending:project', 0.25, 'b');
  expect(await flush(redis, 'project', target)).toMatchObject({ rows: 1, total: 2, leftPending: 2 });
  expect(await redis.zrange('pending:project', '0', '-1', 'WITHSCORES')).toEqual(['b', '0.25', 'a', '0.5']);
  await redis.zincrby('pending:project', 0.5, 'a');
  await flush(redis, 'project', target);
  expect(await database.counts('project')).toEqual({ a: 3 });
  expect(await redis.zscore('pending:project', 'b')).toBe('0.25');
});

test('what SQL cannot take goes back as it was, and holds nothing up', async () => {
  const odd = Buffer.from([0xff, 0xfe, 0x61]);
  await redis.zadd('pending:project', 1, odd, 1e300, 'huge', Number.POSITIVE_INFINITY, 'endless', 2, 'n\0l');
  await redis.zadd('pending:project', 1, 'fine', 2, '\uFFFD');
  expect(await flush(redis, 'project', target)).toMatchObject({ rows: 2, total: 3, leftPending: 4 });
  expect(await database.counts('project')).toEqual({ fine: 1, '\uFFFD': 2 });
  expect(await redis.zscore('pending:project', 'endless')).toBe('inf');
  expect(Number(await redis.zscore('pending:project', 'huge'))).toBe(1e300);
  expect(await redis.zscore('pending:project', odd)).toBe('1');
});

test('very many fractions go back in parts, each once, also when the flush dies in between', async () => {
  const pipeline = redis.pipeline();
  for (let id = 0; id < 1234; id += 1) pipeline.zadd('pending:project', id + 0.5, `id${id}`);
  await pipeline.exec();
  await expect(flush(redis, 'project', target, { onStep: dieAt('put-back') })).rejects.toThrow(Died);
  await flush(redis, 'project', target);
  const flat = await redis.zrange('pending:project', '0', '-1', 'WITHSCORES');
  expect(flat.filter((_, index) => index % 2).every((score) => score === '0.5')).toBe(true);
  expect(flat).toHaveLength(2 * 1234);
  const counts = await database.counts('project');
  expect(Object.keys(counts)).toHaveLength(1233);
  expect(counts.id1233).toBe(1233);
});

test('a key of another type is refused and left alone', async () => {
  await redis.set('pending:project', 'mine');
  await expect(flush(redis, 'project', target)).rejects.toMatchObject({ code: 'WRONG_TYPE', kind: 'data' });
  expect(await redis.get('pending:project')).toBe('mine');
  await redis.del('pending:project');
  await redis.set('pending:project:batch', 'mine');
  await redis.zadd('pending:project', 1, 'a');
  await expect(flush(redis, 'project', target)).rejects.toMatchObject({ code: 'WRONG_TYPE' });
  expect(await redis.zscore('pending:project', 'a')).toBe('1');
});

test('a batch whose name was lost is not overwritten by the next claim', async () => {
  await redis.zadd('pending:project:inflight', 5, 'a');
  await redis.zadd('pending:project', 7, 'a');
  await flush(redis, 'project', target);
  await flush(redis, 'project', target);
  expect(await database.counts('project')).toEqual({ a: 12 });
});

test('SQL forgets a batch a day after Redis let go of it, and only such a batch', async () => {
  const ids: (string | undefined)[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    await increment(redis, 'project', [['a', 1]]);
    ids.push((await flush(redis, 'project', target)).batch);
  }
  const settled = await redis.zrange('pending:project:settled', '0', '-1', 'WITHSCORES');
  await redis.zadd('pending:project:settled', Number(settled[1]) - 86_400_001, ids[0] ?? '');
  await increment(redis, 'project', [['a', 1]]);
  await flush(redis, 'project', target);
  const recorded = (await database.run('SELECT id FROM quarterdeck_batches')).map((row) => row.id);
  expect(recorded).not.toContain(ids[0]);
  expect(recorded).toContain(ids[1]);
  expect(await redis.zrange('pending:project:settled', '0', '-1')).not.toContain(ids[0]);
  expect(await database.counts('project')).toEqual({ a: 4 });
});

test('large batches are read in pages and written whole', async () => {
  const pipeline = redis.pipeline();
  let total = 0;
  for (let id = 0; id < 5000; id += 1) {
    pipeline.zadd('pending:project', id + 1, randomBytes(8).toString('hex'));
    total += id + 1;
  }
  await pipeline.exec();
  let pages = 0;
  const flushed = await flush(redis, 'project', target, {
    onStep: (step) => {
      if (step === 'page-read') pages += 1;
    },
  });
  expect(flushed).toMatchObject({ rows: 5000, total });
  expect(pages).toBeGreaterThanOrEqual(5);
});

test('works when Redis is full: a flush is what frees it', async () => {
  await increment(redis, 'project', [['a', 3]]);
  await redis.config('SET', 'maxmemory', '1');
  try {
    await expect(increment(redis, 'project', [['a', 3]])).rejects.toThrow(/OOM/);
    await flush(server.client(), 'project', target);
    expect(await database.counts('project')).toEqual({ a: 3 });
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
});
