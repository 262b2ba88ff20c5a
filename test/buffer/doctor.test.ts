import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { increment } from '../../source/features/buffer/buffer.ts';
import { doctor } from '../../source/features/buffer/doctor.ts';
import { flushOnce } from '../../source/features/buffer/flush/flusher.ts';

import { writeStatus } from '../../source/features/buffer/status.ts';
import { type RedisCluster, startCluster } from '../helpers/redis-cluster.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';

let server: RedisServer;
let redis: ReturnType<RedisServer['client']>;
let directory: string;
beforeAll(async () => {
  server = await startRedis();
  directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-buffer-doctor-'));
});
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});
beforeEach(async () => {
  // Another client each time: one remembers what it has put into the index.
  redis = server.client();
  await redis.flushall();
});

const file = (): string => path.join(directory, 'app.db');
const target = () => ({ to: `sqlite:${file()}`, table: 'project' });
const examine = async () => {
  const keys = (await redis.keys('*')).filter((key) => doctor.claims(key));
  return await doctor.examine(redis, keys);
};
const codes = async () => (await examine()).map(({ code, key }) => [code, key]).toSorted();
const ago = (ms: number) => Date.now() - ms;
const hourMs = 3_600_000;

/** A flush that dies after it has claimed its batch. */
async function claimAndDie(type: string): Promise<void> {
  const onStep = (step: string): void => {
    if (step === 'claimed') throw new Error('killed');
  };
  await expect(flushOnce({ redis, type, target: target(), onStep })).rejects.toThrow('killed');
  await redis.hdel(`pending:${type}:status`, 'failure');
}

test('what waits, is under way or was just flushed is healthy', async () => {
  const db = new DatabaseSync(file());
  db.exec('CREATE TABLE IF NOT EXISTS project (id TEXT PRIMARY KEY, count INTEGER)');
  db.close();
  await increment(redis, 'project', [
    ['42', 3],
    ['17', 1],
  ]);
  expect(await examine()).toEqual([]);
  await claimAndDie('project');
  await increment(redis, 'project', [['42', 1]]);
  expect(await examine()).toEqual([]);
  await flushOnce({ redis, type: 'project', target: target() });
  expect(await examine()).toEqual([]);
});

test('a batch that was claimed and never finished', async () => {
  await increment(redis, 'project', [['42', 3]]);
  await claimAndDie('project');
  await redis.hset('pending:project:batch', 'claimedMs', ago(hourMs));
  expect(await examine()).toEqual([
    {
      code: 'BATCH_STUCK',
      severity: 'error',
      key: 'pending:project:inflight',
      message: expect.stringMatching(/^A flush took 1 id 1h00m ago and never finished/),
      fix: expect.stringMatching(
        /^quarterdeck buffer flush project --to TARGET goes on with this very batch/,
      ),
    },
  ]);
  await flushOnce({ redis, type: 'project', target: target() });
  expect(await examine()).toEqual([]);
});

test('counts that nobody flushes, a flusher that has gone, one that flushes rarely', async () => {
  await increment(redis, 'project', [['42', 3]]);
  await redis.set('pending:project:oldest', ago(hourMs));
  expect(await codes()).toEqual([['NOT_FLUSHED', 'pending:project']]);

  await writeStatus(redis, 'project', { flusher: { everyMs: 10_000, seenMs: ago(120_000) } });
  expect(await examine()).toMatchObject([
    {
      code: 'FLUSHER_GONE',
      severity: 'error',
      message: expect.stringMatching(/^Its flusher was last seen 2m00s ago; waiting: 1 id$/),
      fix: 'Start it again: quarterdeck buffer flush project --to TARGET --every 10000ms',
    },
  ]);
  await writeStatus(redis, 'project', { flusher: { everyMs: hourMs, seenMs: ago(120_000) } });
  expect(await codes()).toEqual([]);
});

test('a flush that fails: why, and whether somebody tries again', async () => {
  await increment(redis, 'project', [['42', 3]]);
  const failure = { attempts: 5, message: 'no such table: project', sinceMs: ago(60_000) };
  await writeStatus(redis, 'project', { failure: { ...failure, retryAtMs: Date.now() + 5000 } });
  expect(await examine()).toMatchObject([
    {
      code: 'FLUSH_FAILING',
      message: expect.stringMatching(/failed 5 times on end, first 1m00s ago: no such table: project$/),
      fix: 'Mend what it names: its flusher tries again by itself',
    },
  ]);
  await writeStatus(redis, 'project', { failure: { ...failure, retryAtMs: null } });
  expect((await examine())[0]?.fix).toContain('nobody tries by itself');
});

test('what a program of the legacy layout leaves: shown by --fix, and its arguments swapped', async () => {
  await redis.zincrby('pending:views', 42, '1');
  const found = await examine();
  expect(found.map(({ code }) => code)).toEqual(['BUFFER_NOT_LISTED', 'SWAPPED_ARGUMENTS']);
  for (const { repair } of found) await repair?.();
  expect(await codes()).toEqual([['SWAPPED_ARGUMENTS', 'pending:views']]);
  expect(await redis.zscore('quarterdeck:buffer', 'views')).not.toBeNull();
  await redis.zincrby('pending:views', 1, '7');
  expect(await codes()).toEqual([]);
});

test('counts SQL cannot take, and an id that is no number among numbers', async () => {
  const ids = Array.from({ length: 30 }, (_, index): [string, number] => [String(index), 1]);
  await increment(redis, 'project', [...ids, ['undefined', 2]]);
  await redis.zincrby('pending:project', 0.5, '3');
  await redis.zadd('pending:project', 2 ** 60, '4');
  const found = await examine();
  expect(found.map(({ code, message }) => [code, message])).toEqual([
    ['NEVER_FLUSHED', expect.stringMatching(/^2 ids stay here whatever is flushed, such as "[34]" at /)],
    ['ODD_ID', expect.stringContaining('but for 1, such as "undefined" at 2')],
  ]);
  await redis.zrem('pending:project', 'undefined', '3', '4');
  expect(await codes()).toEqual([]);
  // Ids that are all of a kind of their own are no mistake.
  await increment(redis, 'pages', [
    ['/a', 1],
    ['/b', 1],
  ]);
  expect(await codes()).toEqual([]);
});

test('ids where a batch lies without a batch, and keys of another type', async () => {
  await redis.zadd('pending:project:inflight', 3, '42');
  await redis.set('pending:text', 'x');
  await redis.zadd('quarterdeck:buffer', 1, 'project');
  expect(await codes()).toEqual([
    ['INFLIGHT_WITHOUT_BATCH', 'pending:project:inflight'],
    ['WRONG_TYPE', 'pending:text'],
  ]);
});

test('in a cluster, where counts without a hash tag are in no buffer', async () => {
  const cluster: RedisCluster = await startCluster();
  try {
    const many = cluster.client();
    await increment(many, 'project', [['42', 3]]);
    await many.zincrby('pending:views', 1, '42');
    await many.set('pending:{project}:oldest', ago(hourMs));
    const keys = ['pending:{project}', 'pending:views'];
    expect((await doctor.examine(many, keys)).map(({ code, key }) => [code, key])).toEqual([
      ['NOT_FLUSHED', 'pending:{project}'],
      ['NO_HASH_TAG', 'pending:views'],
    ]);
  } finally {
    await cluster.close();
  }
});
