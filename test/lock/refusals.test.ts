import { afterEach, expect, test, vi } from 'vitest';
import { acquire } from '../../source/features/lock/lock.ts';
import { errorOf, finished, run, start } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

/** A server that is full for a while: whoever waits for a lock goes on waiting. */

const server = await redisForThisFile('--maxmemory-policy', 'noeviction');
const control = server.client();
const { url } = server;
afterEach(() => control.config('SET', 'maxmemory', '0'));

async function refuse(): Promise<void> {
  await control.config('RESETSTAT');
  await control.config('SET', 'maxmemory', '1');
}

async function refusals(): Promise<number> {
  return Number(/errorstat_OOM:count=(\d+)/.exec(await control.info('errorstats'))?.[1] ?? 0);
}

test('a waiter keeps its place, and gets the lock once there is room', async () => {
  const redis = server.client();
  const held = await acquire(redis, 'kept', { ttlMs: 60_000 });
  const waiting = acquire(server.client(), 'kept', { waitMs: 50_000, rideOutMs: 50_000 });
  await vi.waitFor(async () => expect(await control.zcard('lock-queue:kept')).toBe(1));
  const [place] = await control.zrange('lock-queue:kept', '0', '0');
  await refuse();
  await vi.waitFor(async () => expect(await refusals()).toBeGreaterThan(1));
  expect(await control.zrange('lock-queue:kept', '0', '0')).toEqual([place]);
  await held?.release();
  await control.config('SET', 'maxmemory', '0');
  const late = await waiting;
  expect(late?.fence).toBeGreaterThan(held?.fence ?? 0);
  await late?.release();
});

test('nobody who did not ask for it waits for a server that refuses', async () => {
  await refuse();
  await expect(acquire(server.client(), 'full', { waitMs: 50_000 })).rejects.toMatchObject({
    code: 'REDIS_FULL',
  });
});

test('`lock run` waits, and gives up after `--timeout` with the reason', async () => {
  await run(['lock', 'acquire', 'busy', '--ttl', '1h'], { url });
  const words = ['lock', 'run', 'busy', '--wait', '50s', '--json'];
  const patient = finished(start([...words, '--', 'echo', 'ran'], { url, stdin: '' }));
  const impatient = finished(start([...words, '--timeout', '1s', '--', 'echo', 'ran'], { url, stdin: '' }));
  await vi.waitFor(async () => expect(await control.zcard('lock-queue:busy')).toBe(2));
  await refuse();
  const given = await impatient;
  expect([given.code, errorOf(given).code]).toEqual([3, 'REDIS_FULL']);
  await control.config('SET', 'maxmemory', '0');
  await run(['lock', 'break', 'busy', '--yes'], { url });
  expect(await patient).toMatchObject({ code: 0, stdout: 'ran\n' });
});
