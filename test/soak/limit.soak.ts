import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Algorithm } from '../../source/features/limit/rules.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { admitted, assemble, type Fleet, fullest, sum, windowsOf } from '../limit/fleet.ts';

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

const shapes = [
  { perMs: 100, max: 10 },
  { perMs: 250, max: 60 },
  { perMs: 1000, max: 300 },
] as const;
const forMs = 4000;
const periodShares = [0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5];

describe.each([1, 2, 3, 4, 5, 6, 7, 8])('%i clients whose clocks disagree', (clients) => {
  test.each(shapes)('fixed, %j', async ({ perMs, max }) => {
    for (const localDeny of [false, true]) {
      await redis.flushall();
      const task = { socket: server.socket, limit: { max, perMs }, localDeny, forMs, costs: [1] };
      const judged = await fleet.play(clients, task);
      const windows = [...windowsOf(judged, perMs).values()];
      const full = windows.filter(({ refused }) => refused);
      expect(full.length).toBeGreaterThanOrEqual(1);
      for (const { surely } of windows) expect(surely).toBeLessThanOrEqual(max);
      for (const { surely, perhaps } of full) expect(surely + perhaps).toBeGreaterThanOrEqual(max);
      report(
        'fixed',
        clients,
        max,
        perMs,
        localDeny,
        judged.length,
        `${full.length} of ${windows.length} windows full`,
      );
    }
  });

  test.each(
    (['sliding', 'gcra'] as const).flatMap((algorithm) => shapes.map((shape) => ({ algorithm, ...shape }))),
  )('%j', async ({ algorithm, perMs, max }) => {
    for (const localDeny of [false, true]) {
      await redis.flushall();
      const limit = { algorithm, max, perMs };
      const task = { socket: server.socket, limit, localDeny, forMs, costs: [1, 1, 5, 2, 3] };
      const judged = await fleet.play(clients, task);
      let closest = 0;
      for (const periods of periodShares) {
        const most = fullest(judged, periods * perMs * 1000);
        const bound = algorithm === 'sliding' ? max * Math.ceil(periods) : max + max * periods;
        expect(most).toBeLessThanOrEqual(bound);
        closest = Math.max(closest, most / bound);
      }
      expect(sum(admitted(judged))).toBeGreaterThan(max);
      report(
        algorithm,
        clients,
        max,
        perMs,
        localDeny,
        judged.length,
        `at most ${Math.round(closest * 100)}% of the bound`,
      );
    }
  });
});

function report(
  algorithm: Algorithm,
  clients: number,
  max: number,
  perMs: number,
  localDeny: boolean,
  hits: number,
  finding: string,
): void {
  const memory = localDeny ? ', refusals from memory' : '';
  process.stdout.write(
    `${algorithm} ${max}/${perMs}ms, ${clients} clients${memory}: ${hits} hits, ${finding}\n`,
  );
}
