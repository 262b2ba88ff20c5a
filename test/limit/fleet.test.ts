import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { admitted, assemble, type Fleet, fullest, sum, windowsOf } from './fleet.ts';

let server: RedisServer;
let redis: ReturnType<RedisServer['client']>;
let fleet: Fleet;
beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
  fleet = await assemble();
});
afterAll(async () => {
  fleet.disband();
  await server.close();
});
beforeEach(() => redis.flushall());

describe.each([1, 2, 8])('%i clients whose clocks disagree', (clients) => {
  test('are admitted exactly the maximum in each fixed window somebody was refused in', async () => {
    const perMs = 200;
    const max = 40;
    const task = {
      socket: server.socket,
      limit: { max, perMs },
      localDeny: clients > 1,
      forMs: 900,
      costs: [1],
    };
    const windows = windowsOf(await fleet.play(clients, task), perMs);
    const full = [...windows.values()].filter(({ refused }) => refused);
    expect(full.length).toBeGreaterThanOrEqual(2);
    for (const { surely } of windows.values()) expect(surely).toBeLessThanOrEqual(max);
    for (const { surely, perhaps } of full) expect(surely + perhaps).toBeGreaterThanOrEqual(max);
  });

  test.each(['sliding', 'gcra'] as const)(
    '%s admits no more than it may in any period',
    async (algorithm) => {
      const perMs = 200;
      const max = 40;
      const limit = { algorithm, max, perMs };
      const task = { socket: server.socket, limit, localDeny: clients > 1, forMs: 700, costs: [1, 5, 2] };
      const judged = await fleet.play(clients, task);
      expect(sum(admitted(judged))).toBeGreaterThan(max);
      expect(judged.some(({ allowed }) => !allowed)).toBe(true);
      for (const periods of [0.1, 0.5, 1, 2, 3]) {
        const most = fullest(judged, periods * perMs * 1000);
        expect(most).toBeLessThanOrEqual(max + max * periods);
        if (algorithm === 'sliding') expect(most).toBeLessThanOrEqual(max * Math.ceil(periods));
      }
    },
  );
});
