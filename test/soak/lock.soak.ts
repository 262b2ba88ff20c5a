import { expect, test } from 'vitest';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { fire } from '../lock/kills.ts';

const server = await redisForThisFile();

test('five hundred random kills: never two holders, never stuck longer than the TTL', async () => {
  const ttlMs = 500;
  const outcome = await fire(server, 500, ttlMs);
  console.log(JSON.stringify(outcome));
  expect(outcome).toMatchObject({ overlaps: [], fallen: [] });
  expect(outcome.longestGapMs).toBeLessThan(ttlMs + 500);
}, 1_200_000);
