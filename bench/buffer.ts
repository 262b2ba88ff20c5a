import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Redis } from 'ioredis';
import pg from 'pg';
import { IncrementBuffer } from '../source/features/buffer/buffer.ts';
import { flush } from '../source/features/buffer/flush/flush.ts';
import { openTarget } from '../source/features/buffer/sql/open-target.ts';
import { startPostgres } from '../test/helpers/postgres.ts';
import { interleave, median, printTable, short, startServer } from './harness.ts';

/**
 * Counting, and getting the counts into SQL: ours beside what people do instead.
 *
 * Naive: one UPDATE for each increment. Sentry-style: a hash for each row and a sorted set of pending rows, one
 * pipeline for each increment; flushed row by row with one UPDATE each (its algorithm, in this process, over this
 * ioredis). Slide: ZINCRBY for each increment, flushed with one UPDATE for each id. PostgreSQL runs without fsync,
 * which flatters those who commit most often.
 */

const increments = 100_000;
const ids = 2000;
const naive = 2000;
const repetitions = 3;

const server = await startServer();
const postgres = await startPostgres();
const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-bench-'));
const file = path.join(directory, 'bench.db');
const { redis } = server;

const sqlite = new DatabaseSync(file);
sqlite.exec(
  'PRAGMA journal_mode = WAL; CREATE TABLE hits (id text PRIMARY KEY, count integer NOT NULL DEFAULT 0)',
);
await postgres.query('CREATE TABLE hits (id text PRIMARY KEY, count bigint NOT NULL DEFAULT 0)');
const client = new pg.Client({ connectionString: postgres.url() });
await client.connect();
const list = Array.from({ length: ids }, (_, id) => `page-${id}`);
await client.query('INSERT INTO hits (id) SELECT unnest($1::text[])', [list]);
const insert = sqlite.prepare('INSERT INTO hits (id) VALUES (?)');
for (const id of list) insert.run(id);

const toPostgres = await openTarget({ to: postgres.url(), table: 'hits' });
const toSqlite = await openTarget({ to: `sqlite:${file}`, table: 'hits' });
const idOf = (turn: number): string => `page-${(turn * 7919) % ids}`;

/** Things a second. */
async function rate(count: number, run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return (count / (performance.now() - startedAt)) * 1000;
}

/** As many at once as an autopipelined connection takes. */
async function crowd(client: Redis, each: (turn: number) => Promise<unknown>): Promise<void> {
  const open: Promise<unknown>[] = [];
  for (let turn = 0; turn < increments; turn += 1) {
    open.push(each(turn));
    if (open.length === 1000) await Promise.all(open.splice(0));
  }
  await Promise.all(open);
  await client.ping();
}

async function ourCounting(id: (turn: number) => string): Promise<number> {
  await redis.flushall();
  return rate(increments, async () => {
    const buffer = new IncrementBuffer(redis);
    for (let turn = 0; turn < increments; turn += 1) {
      if (!buffer.add('hits', id(turn))) await buffer.flush();
    }
    await buffer.close();
  });
}

const autopipelined = redis.duplicate({ enableAutoPipelining: true });

const counting = await interleave(repetitions, {
  async floor() {
    await redis.flushall();
    return rate(increments, () =>
      crowd(autopipelined, (turn) => autopipelined.zincrby('floor', 1, idOf(turn))),
    );
  },
  async sentry() {
    await redis.flushall();
    return rate(increments, () =>
      crowd(redis, (turn) => {
        const key = `b:k:${idOf(turn)}`;
        return redis.pipeline().hincrby(key, 'i+count', 1).expire(key, 3600).zadd('b:p', turn, key).exec();
      }),
    );
  },
  ours: () => ourCounting(idOf),
  'ours, no id twice': () => ourCounting((turn) => `page-${turn}`),
  'naive sqlite': () =>
    rate(naive, async () => {
      const update = sqlite.prepare('UPDATE hits SET count = count + 1 WHERE id = ?');
      for (let turn = 0; turn < naive; turn += 1) update.run(idOf(turn));
    }),
  'naive postgres': () =>
    rate(naive, async () => {
      for (let turn = 0; turn < naive; turn += 1) {
        await client.query('UPDATE hits SET count = count + 1 WHERE id = $1', [idOf(turn)]);
      }
    }),
});

async function fillPending(): Promise<void> {
  await redis.flushall();
  await redis.zadd('pending:hits', ...list.flatMap((id) => [5, id]));
}

async function fillSentry(): Promise<void> {
  await redis.flushall();
  const pipeline = redis.pipeline();
  for (const id of list) pipeline.hincrby(`b:k:${id}`, 'i+count', 5).zadd('b:p', 1, `b:k:${id}`);
  await pipeline.exec();
}

type Update = (id: string, by: number) => unknown;
const updateSqlite = sqlite.prepare('UPDATE hits SET count = count + ? WHERE id = ?');
const updates: Record<'sqlite' | 'postgres', Update> = {
  sqlite: (id, by) => updateSqlite.run(by, id),
  postgres: (id, by) => client.query('UPDATE hits SET count = count + $1 WHERE id = $2', [by, id]),
};

async function slideFlush(update: Update): Promise<number> {
  await fillPending();
  return rate(ids, async () => {
    const flat = await redis.zrange('pending:hits', '0', '-1', 'WITHSCORES');
    for (let index = 0; index < flat.length; index += 2)
      await update(flat[index] ?? '', Number(flat[index + 1]));
    await redis.del('pending:hits');
  });
}

async function sentryFlush(update: Update): Promise<number> {
  await fillSentry();
  return rate(ids, async () => {
    for (const key of await redis.zrange('b:p', '0', '-1')) {
      const replies = await redis.multi().hgetall(key).zrem('b:p', key).del(key).exec();
      const fields = replies?.[0]?.[1] as Record<string, string>;
      await update(key.slice(4), Number(fields['i+count']));
    }
  });
}

async function ourFlush(target: typeof toSqlite): Promise<number> {
  await fillPending();
  return rate(ids, () => flush(redis, 'hits', target));
}

const flushing = await interleave(repetitions, {
  'slide sqlite': () => slideFlush(updates.sqlite),
  'sentry sqlite': () => sentryFlush(updates.sqlite),
  'ours sqlite': () => ourFlush(toSqlite),
  'slide postgres': () => slideFlush(updates.postgres),
  'sentry postgres': () => sentryFlush(updates.postgres),
  'ours postgres': () => ourFlush(toPostgres),
});

const of = (figures: Record<string, number[]>, name: string): number => median(figures[name] ?? []);
const times = (ours: number, theirs: number): string => `${(ours / theirs).toFixed(1)}x`;

const ours = of(counting, 'ours');
printTable(`Counting: ${increments / 1000} k increments over ${ids} ids`, [
  ['', 'increments/s', 'ours over it'],
  ['ZINCRBY each, autopipelined (floor)', short(of(counting, 'floor')), times(ours, of(counting, 'floor'))],
  ['Sentry-style, a pipeline each', short(of(counting, 'sentry')), times(ours, of(counting, 'sentry'))],
  ['UPDATE each, SQLite', short(of(counting, 'naive sqlite')), times(ours, of(counting, 'naive sqlite'))],
  [
    'UPDATE each, PostgreSQL',
    short(of(counting, 'naive postgres')),
    times(ours, of(counting, 'naive postgres')),
  ],
  ['ours where no id comes twice', short(of(counting, 'ours, no id twice')), ''],
  ['ours, added up in the process', short(ours), ''],
]);
for (const kind of ['sqlite', 'postgres']) {
  const own = of(flushing, `ours ${kind}`);
  printTable(`Flushing ${ids} ids to ${kind}`, [
    ['', 'ids/s', 'ours over it'],
    ['one UPDATE an id', short(of(flushing, `slide ${kind}`)), times(own, of(flushing, `slide ${kind}`))],
    [
      'Sentry-style, row by row',
      short(of(flushing, `sentry ${kind}`)),
      times(own, of(flushing, `sentry ${kind}`)),
    ],
    ['ours, one transaction, exactly once', short(own), ''],
  ]);
}

await toPostgres.close();
await toSqlite.close();
await client.end();
sqlite.close();
autopipelined.disconnect();
await postgres.close();
await server.close();
rmSync(directory, { recursive: true, force: true });
