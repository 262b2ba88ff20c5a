import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { acquire } from '../../source/features/lock/lock.ts';
import { ownerOf } from '../../source/features/lock/token.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { fire } from './kills.ts';

const server = await redisForThisFile();

/** Half of them holders: after each of those the lock has to wait for its TTL, and no longer. */
test('a dozen processes killed at random: never two holders, never stuck longer than the TTL', async () => {
  const ttlMs = 2500;
  const outcome = await fire(server, 12, ttlMs);
  expect(outcome).toMatchObject({ overlaps: [], fallen: [] });
  expect(outcome.killedHolders).toBeGreaterThan(0);
  expect(outcome.killedWaiters).toBeGreaterThan(0);
  expect(outcome.turns).toBeGreaterThan(50);
  // A busy machine may be slow, but a lock that is stuck once too often is so for two TTLs.
  expect(outcome.longestGapMs).toBeLessThan(2 * ttlMs - 100);
}, 60_000);

test('a waiter stopped while the lock is handed to it costs one TTL, and does not believe in it afterwards', async () => {
  const redis = server.client();
  const held = await acquire(redis, 'stopped', { ttlMs: 60_000 });
  const log = path.join(server.directory, 'stopped');
  const [script = '', register = ''] = ['./contender.ts', '../../scripts/register-lua.ts'].map((name) =>
    fileURLToPath(new URL(name, import.meta.url)),
  );
  const words = ['--import', register, script, server.socket, 'stopped', log, '1000'];
  const waiter = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'inherit'] });
  onTestFinished(async () => {
    const exited = once(waiter, 'exit');
    waiter.kill('SIGKILL');
    await exited;
  });
  await vi.waitFor(async () => expect(await redis.zcard('lock-queue:stopped')).toBe(1), 10_000);
  waiter.kill('SIGSTOP');
  await held?.release();
  const token = (await redis.get('lock:stopped')) ?? '';
  expect(ownerOf(token)?.pid).toBe(waiter.pid);

  const next = await acquire(redis, 'stopped', { ttlMs: 60_000, waitMs: 20_000 });
  expect(next).toBeDefined();
  waiter.kill('SIGCONT');
  // It asks again, and stands in line.
  await vi.waitFor(async () => expect(await redis.zcard('lock-queue:stopped')).toBe(1), 10_000);
  expect(await redis.get('lock:stopped')).toBe(next?.token);
  const turns = (): string[] =>
    readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('enter'));
  expect(turns()).toEqual([]);
  await next?.release();
  await vi.waitFor(() => expect(turns().length).toBeGreaterThan(0), 10_000);
  expect(Number(turns()[0]?.split(' ')[2])).toBeGreaterThan(next?.fence ?? 0);
});
