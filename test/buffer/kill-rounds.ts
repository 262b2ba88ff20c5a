import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import process from 'node:process';
import { build } from 'esbuild';
import { expect, vi } from 'vitest';
import { luaModule } from '../../scripts/read-lua.ts';
import { IncrementBuffer } from '../../source/features/buffer/buffer.ts';
import { retryAside } from '../../source/features/buffer/flush/aside.ts';
import { flush } from '../../source/features/buffer/flush/flush.ts';
import { openTarget } from '../../source/features/buffer/sql/open-target.ts';
import type { RedisServer } from '../helpers/redis-server.ts';
import type { Database } from './databases.ts';

/** The moments a flusher is killed in; every one lies between two effects on Redis or SQL. */
export const steps = [
  'claiming',
  'claimed',
  'page-read',
  'begun',
  'recorded',
  'page-written',
  'written',
  'sql-committed',
  'put-back',
  'committed',
] as const;

export type Rounds = {
  seeds: number;
  killed: number;
  byStep: Record<string, number>;
  counted: number;
  /** Rounds with at least one id that SQL refuses. */
  poisoned: number;
};

const limits = { timeout: 30_000, interval: 2 };

/** A generator of numbers from 0 up to 1, the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How a table comes to refuse the ids that begin with `poison`, and how it is mended. */
function poisonOf(to: string): { readonly make: string; readonly mend: string } {
  return to.startsWith('sqlite:')
    ? {
        make: `CREATE TRIGGER guard AFTER INSERT ON project WHEN NEW.id LIKE 'poison%' BEGIN SELECT RAISE(FAIL, 'poison'); END`,
        mend: 'DROP TRIGGER guard',
      }
    : {
        make: `ALTER TABLE project ADD CONSTRAINT guard CHECK (id NOT LIKE 'poison%')`,
        mend: 'ALTER TABLE project DROP CONSTRAINT guard',
      };
}

/**
 * Round after round on one buffer and one table: counts go in, also while a flusher runs, which is killed somewhere;
 * after each kill SQL + pending + aside + in flight must be what was counted, id by id. At the end the table is mended,
 * and all of it is in SQL.
 */
export async function killRounds(server: RedisServer, database: Database, seeds: number): Promise<Rounds> {
  const redis = server.client();
  const program = path.join(server.directory, 'flush-and-die.mjs');
  await bundle(program);
  const type = 'project';
  await database.run(`CREATE TABLE ${type} (id text PRIMARY KEY, count bigint NOT NULL DEFAULT 0)`);
  const { make, mend } = poisonOf(database.to);
  await database.run(make);
  const sent = new Map<string, number>();
  const rounds: Rounds = { seeds, killed: 0, byStep: {}, counted: 0, poisoned: 0 };

  const count = async (next: () => number, ids: number): Promise<void> => {
    const buffer = new IncrementBuffer(redis, { maxIds: 700 });
    const plain = redis.pipeline();
    const isPoisoned = next() < 0.4;
    if (isPoisoned) rounds.poisoned += 1;
    for (let turn = 0; turn < ids; turn += 1) {
      const isPoison = isPoisoned && turn < 3;
      const id = isPoison ? `poison${Math.floor(next() * 30)}` : `id${Math.floor(next() * ids * 2)}`;
      const kind = next();
      // Halves are exact in doubles; they make flushes put something back.
      const by = kind < 0.05 || ids > 1000 ? 0.5 : 1 + Math.floor(next() * 100);
      if (kind < 0.6 && Number.isInteger(by)) buffer.add(type, id, by);
      else plain.zincrby(`pending:${type}`, by, id);
      sent.set(id, (sent.get(id) ?? 0) + by);
      rounds.counted += by;
    }
    await Promise.all([buffer.close(), plain.exec()]);
  };

  const sendToItsDeath = async (next: () => number): Promise<void> => {
    const step = steps[Math.floor(next() * steps.length)];
    const visit = next() < 0.8 ? 1 : 2;
    const afterMs = [-1, -1, 0, 0, 1, 3][Math.floor(next() * 6)] ?? -1;
    const fate = { socket: server.socket, type, to: database.to, table: type, step, visit, afterMs };
    if (!(await flusherDies(program, fate))) return;
    rounds.killed += 1;
    rounds.byStep[step ?? ''] = (rounds.byStep[step ?? ''] ?? 0) + 1;
  };

  for (let seed = 1; seed <= seeds; seed += 1) {
    const next = random(seed);
    await count(next, next() < 0.04 ? 1500 : Math.ceil(next() * 40));
    const flushers = next() < 0.15 ? 2 : 1;
    if (next() < 0.2) await retryAside(redis, type, 'all');
    await Promise.all([
      ...Array.from({ length: flushers }, () => sendToItsDeath(next)),
      count(next, Math.ceil(next() * 10)),
    ]);
    // What a dead process had sent is still carried out by the servers.
    await vi.waitFor(async () => expect(await redis.client('LIST')).not.toContain('name=doomed'), limits);
    await vi.waitFor(async () => expect(await database.flushers()).toBe(0), limits);
    const found = await everything(server, database, type);
    expect(Object.fromEntries(found), `seed ${seed}`).toEqual(Object.fromEntries(sent));
  }

  await database.run(mend);
  const target = await openTarget({ to: database.to, table: type });
  await flush(redis, type, target);
  await flush(redis, type, target);
  await target.close();
  expect(
    await redis.exists(`pending:${type}:inflight`, `pending:${type}:batch`, `pending:${type}:aside`),
  ).toBe(0);
  expect(Object.fromEntries(await everything(server, database, type))).toEqual(Object.fromEntries(sent));
  const left = await redis.zrange(`pending:${type}`, '0', '-1', 'WITHSCORES');
  expect(left.every((score, index) => index % 2 === 0 || score === '0.5')).toBe(true);
  redis.disconnect();
  return rounds;
}

/** Runs a flusher to its end. @returns whether it was killed */
async function flusherDies(program: string, fate: Record<string, unknown>): Promise<boolean> {
  const child = spawn(process.execPath, [program, JSON.stringify(fate)], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env.PATH },
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  expect(code === 0 || signal === 'SIGKILL').toBe(true);
  return signal === 'SIGKILL';
}

/**
 * So many bad ids among so many, flushed by a process that is killed at each step, and then by one that lives: after each,
 * SQL + pending + aside + in flight is what was counted, id by id; in the end all but the bad ones are in SQL. Ids that are
 * aside are in no later batch: only the first step meets all of them.
 */
export async function poisonAmong(
  server: RedisServer,
  database: Database,
  {
    ids,
    bad,
    at,
    afterMs = -1,
  }: {
    readonly ids: number;
    readonly bad: number;
    readonly at: readonly string[];
    readonly afterMs?: number;
  },
): Promise<{
  readonly killed: number;
  readonly inSql: number;
  readonly aside: number;
  readonly sent: number;
}> {
  const redis = server.client();
  const program = path.join(server.directory, 'flush-and-die.mjs');
  await bundle(program);
  const type = 'project';
  await database.run(`CREATE TABLE ${type} (id text PRIMARY KEY, count bigint NOT NULL DEFAULT 0)`);
  await database.run(poisonOf(database.to).make);
  const apart = Math.floor(ids / bad);
  const isBad = (index: number): boolean => index % apart === apart >> 1 && index < apart * bad;
  const all = Array.from({ length: ids }, (_, index) => `${isBad(index) ? 'poison' : 'id'}${index}`);
  const settledNow = async (rounds: number, step: string): Promise<void> => {
    await vi.waitFor(async () => expect(await redis.client('LIST')).not.toContain('name=doomed'), limits);
    await vi.waitFor(async () => expect(await database.flushers()).toBe(0), limits);
    const found = await everything(server, database, type);
    expect(found.size, step).toBe(ids);
    expect(
      [...found].filter(([, count]) => count !== rounds),
      step,
    ).toEqual([]);
  };
  let killed = 0;
  for (const [index, step] of at.entries()) {
    const pipeline = redis.pipeline();
    for (const id of all) pipeline.zincrby(`pending:${type}`, 1, id);
    await pipeline.exec();
    const fate = { socket: server.socket, type, to: database.to, table: type, visit: 1, afterMs: -1 };
    if (await flusherDies(program, { ...fate, step, afterMs })) killed += 1;
    await settledNow(index + 1, `killed at ${step}`);
    await flusherDies(program, fate);
    await settledNow(index + 1, `after ${step}`);
  }
  await flusherDies(program, {
    socket: server.socket,
    type,
    to: database.to,
    table: type,
    visit: 1,
    afterMs: -1,
  });
  expect(await redis.exists(`pending:${type}:inflight`, `pending:${type}:batch`, `pending:${type}`)).toBe(0);
  const counts = await database.counts(type);
  const asideIds = await entries(redis, `pending:${type}:aside`);
  expect(asideIds.map(([id]) => id).sort()).toEqual(all.filter((id) => id.startsWith('poison')).sort());
  expect(Object.keys(counts).filter((id) => id.startsWith('poison'))).toEqual([]);
  redis.disconnect();
  const inSql = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const aside = asideIds.reduce((sum, [, count]) => sum + count, 0);
  return { killed, inSql, aside, sent: ids * at.length };
}

/** One file starts several times faster than the sources, and a thousand of them are started. */
async function bundle(outfile: string): Promise<void> {
  await build({
    entryPoints: ['test/buffer/flush-and-die.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    plugins: [
      {
        name: 'lua',
        setup(build) {
          build.onLoad({ filter: /\.lua$/ }, ({ path: file }) => ({ contents: luaModule(file) }));
        },
      },
    ],
    external: ['pg-native'],
    banner: {
      js: "import{createRequire as makeRequire}from'node:module';const require=makeRequire(import.meta.url);",
    },
  });
}

/** SQL + pending + aside + what is in flight and not in SQL, id by id. */
async function everything(
  server: RedisServer,
  database: Database,
  type: string,
): Promise<Map<string, number>> {
  const redis = server.client();
  const found = new Map(Object.entries(await database.counts(type)));
  const add = (id: string, by: number): void => {
    if (by !== 0) found.set(id, (found.get(id) ?? 0) + by);
  };
  for (const key of [`pending:${type}`, `pending:${type}:aside`])
    for (const [id, score] of await entries(redis, key)) add(id, score);
  const { id: batch, putBack = '0' } = await redis.hgetall(`pending:${type}:batch`);
  const inflight = await entries(redis, `pending:${type}:inflight`);
  const isRecorded =
    batch !== undefined &&
    (await database.run(`SELECT id FROM quarterdeck_batches WHERE id = '${batch}'`)).length > 0;
  if (!isRecorded) for (const [id, score] of inflight) add(id, score);
  else {
    // SQL has the whole parts but for what it refused; fractions and that are moved in parts, in this order.
    const refused = await refusedOf(database, batch);
    const fractions = inflight.filter(([, score]) => !Number.isInteger(score));
    const moves = [...fractions.map(([id, score]) => [id, score % 1] as const), ...refused];
    for (const [id, by] of moves.slice(Number(putBack) * 400)) add(id, by);
  }
  redis.disconnect();
  return found;
}

async function refusedOf(database: Database, batch: string): Promise<(readonly [string, number])[]> {
  // PostgreSQL has that table only once something was refused.
  const rows = await database
    .run(`SELECT id, count FROM quarterdeck_aside WHERE batch = '${batch}'`)
    .catch(() => []);
  return rows
    .map(({ id, count }) => [String(id), Number(count)] as const)
    .sort(([one], [other]) => (one < other ? -1 : 1));
}

async function entries(
  redis: ReturnType<RedisServer['client']>,
  key: string,
): Promise<(readonly [string, number])[]> {
  const flat = await redis.zrange(key, '0', '-1', 'WITHSCORES');
  return flat.flatMap((id, index) => (index % 2 ? [] : [[id, Number(flat[index + 1])] as const]));
}
