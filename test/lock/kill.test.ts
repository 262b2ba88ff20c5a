import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { fire } from './kills.ts';

let server: RedisServer;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.close());

/** Half of them holders: after each of those the lock has to wait for its TTL, and no longer. */
test('a dozen processes killed at random: never two holders, never stuck longer than the TTL', async () => {
  const ttlMs = 1500;
  const outcome = await fire(server, 12, ttlMs);
  expect(outcome).toMatchObject({ overlaps: [], fallen: [] });
  expect(outcome.killedHolders).toBeGreaterThan(0);
  expect(outcome.killedWaiters).toBeGreaterThan(0);
  expect(outcome.turns).toBeGreaterThan(50);
  // A busy machine may be slow, but a lock that is stuck once too often is so for two TTLs.
  expect(outcome.longestGapMs).toBeLessThan(2 * ttlMs - 100);
}, 60_000);
