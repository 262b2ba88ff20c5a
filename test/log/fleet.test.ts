import { expect, test } from 'vitest';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { sumOf } from './counts.ts';
import { runFleet } from './fleet.ts';

const server = await redisForThisFile();

test('processes that write at once lose nothing while the hour ends, and agree on the templates', async () => {
  const { written, current, last } = await runFleet(server, {
    processes: 3,
    messages: 60_000,
  });
  expect(written).toBe(60_000);
  expect(sumOf(current)).toBeGreaterThan(0);
  expect(sumOf(last)).toBeGreaterThan(0);
  expect(sumOf(current) + sumOf(last)).toBe(60_000);
  expect(new Set([...Object.keys(current), ...Object.keys(last)]).size).toBe(40);
});
