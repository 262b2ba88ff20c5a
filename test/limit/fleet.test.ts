import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { admitted, assemble, type Fleet, fullest, sum, windowsOf } from './fleet.ts';
import type { Judged } from './fleet-member.ts';

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
    const judged: Judged[] = [];
    const played = async () => {
      judged.push(...(await fleet.play(clients, task)));
      const windows = windowsOf(judged, perMs);
      return { windows, full: [...windows.values()].filter(({ refused }) => refused) };
    };
    // On a slow machine a window may end before anybody is refused.
    let { windows, full } = await played();
    while (full.length < 2) ({ windows, full } = await played());
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
      const judged: Judged[] = [];
      do judged.push(...(await fleet.play(clients, task)));
      while (sum(admitted(judged)) <= max || judged.every(({ allowed }) => allowed));
      for (const periods of [0.1, 0.5, 1, 2, 3]) {
        const most = fullest(judged, periods * perMs * 1000);
        expect(most).toBeLessThanOrEqual(max + max * periods);
        if (algorithm === 'sliding') expect(most).toBeLessThanOrEqual(max * Math.ceil(periods));
      }
    },
  );
});
