import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { increment } from '../../source/features/buffer/buffer.ts';
import { flush } from '../../source/features/buffer/flush/flush.ts';
import { openTarget } from '../../source/features/buffer/sql/open-target.ts';
import type { FlushStep } from '../../source/features/buffer/sql/target.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { type PostgresServer, startPostgres } from '../helpers/postgres.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { type Database, databases } from './databases.ts';

const server = await redisForThisFile('--appendonly', 'yes', '--appendfsync', 'always');
const redis = server.client();

describe('PostgreSQL goes away in the middle of a batch', () => {
  let postgres: PostgresServer;

  beforeAll(async () => {
    postgres = await startPostgres();
    await postgres.query('CREATE TABLE project (id text PRIMARY KEY, count bigint NOT NULL)');
  });
  afterAll(() => postgres.close());

  const steps: readonly FlushStep[] = [
    'claimed',
    'begun',
    'recorded',
    'page-written',
    'written',
    'sql-committed',
  ];

  test.each(steps)('when "%s": a typed error or none; afterwards every count is there once', async (step) => {
    await redis.flushall();
    await postgres.query('TRUNCATE project');
    await increment(redis, 'project', [
      ['a', 3],
      ['b', 4],
    ]);
    const target = await openTarget({ to: postgres.url(), table: 'project' });
    let crashed: Promise<void> | undefined;
    const outcome = await flush(redis, 'project', target, {
      onStep(reached) {
        if (reached === step) crashed ??= postgres.crash();
      },
    }).catch((error: unknown) => error);
    await target.close();
    await crashed;
    // The signal may arrive when the transaction is through.
    if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'SQL_FAILED', kind: 'program' });
    else expect(outcome).toMatchObject({ rows: 2 });
    if (step === 'sql-committed') expect(outcome).toMatchObject({ rows: 2 });
    await postgres.start();
    await increment(redis, 'project', [['a', 10]]);
    const again = await openTarget({ to: postgres.url(), table: 'project' });
    await flush(redis, 'project', again);
    await again.close();
    const rows = await postgres.query('SELECT id, count::int AS count FROM project ORDER BY id');
    expect(rows).toEqual([
      { id: 'a', count: 13 },
      { id: 'b', count: 4 },
    ]);
  });

  test('while it waits for a row that somebody else has locked: a typed error, and everything in flight', async () => {
    await redis.flushall();
    await postgres.query("TRUNCATE project; INSERT INTO project VALUES ('a', 0)");
    await increment(redis, 'project', [['a', 3]]);
    const holder = new pg.Client({ connectionString: postgres.url() });
    holder.on('error', () => {});
    await holder.connect();
    await holder.query("BEGIN; UPDATE project SET count = 1 WHERE id = 'a'");
    const target = await openTarget({ to: postgres.url(), table: 'project' });
    let crashed: Promise<void> | undefined;
    const flushed = flush(redis, 'project', target, {
      onStep(reached) {
        if (reached === 'recorded') crashed = postgres.crash();
      },
    });
    await expect(flushed).rejects.toMatchObject({ code: 'SQL_FAILED', kind: 'program' });
    await target.close();
    await crashed;
    expect(await redis.zscore('pending:project:inflight', 'a')).toBe('3');
    await postgres.start();
    expect(await postgres.query('SELECT count::int AS count FROM project')).toEqual([{ count: 0 }]);
  });
});

describe('Redis', () => {
  let database: Database;

  beforeAll(async () => {
    database = await databases.sqlite();
    await database.run('CREATE TABLE project (id text PRIMARY KEY, count integer NOT NULL)');
  });
  afterAll(() => database.close());

  const steps: readonly FlushStep[] = ['claiming', 'claimed', 'page-read', 'recorded', 'sql-committed'];

  test.each(steps)('killed and started again when "%s": the flush goes on and counts once', async (step) => {
    await redis.flushall();
    await database.run('DELETE FROM project');
    await increment(redis, 'project', [['a', 3]]);
    const target = await openTarget({ to: database.to, table: 'project' });
    let restarted: Promise<void> | undefined;
    await flush(redis, 'project', target, {
      onStep(reached) {
        if (reached === step) restarted ??= server.stop().then(() => server.start());
      },
    });
    await restarted;
    await increment(redis, 'project', [['a', 10]]);
    await flush(redis, 'project', target);
    await target.close();
    expect(await database.counts('project')).toEqual({ a: 13 });
  });

  test('replies to the claim and the commit are lost, and the scripts sent again', async () => {
    await redis.flushall();
    await database.run('DELETE FROM project');
    const proxy = await startFaultProxy(server.socket);
    const client = proxy.client();
    const target = await openTarget({ to: database.to, table: 'project' });
    // Loads the scripts, so that the calls below are known by one word.
    await increment(redis, 'project', [['a', 1]]);
    await flush(client, 'project', target);
    for (const skip of ['claiming', 'sql-committed'] as const) {
      await increment(redis, 'project', [['a', 10]]);
      let lost: Promise<void> | undefined;
      await flush(client, 'project', target, {
        onStep(reached) {
          if (reached === skip) lost ??= proxy.swallowReplyTo('evalsha');
        },
      });
      expect(lost).toBeDefined();
      await lost;
    }
    await target.close();
    await proxy.close();
    expect(await database.counts('project')).toEqual({ a: 21 });
    expect(await redis.exists('pending:project', 'pending:project:inflight', 'pending:project:batch')).toBe(
      0,
    );
  });
});
