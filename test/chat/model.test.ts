import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../helpers/fault-proxy.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { acts, Model } from './model.ts';

let server: RedisServer;
let proxy: FaultProxy;

beforeAll(async () => {
  server = await startRedis();
  proxy = await startFaultProxy(server.socket);
});
afterAll(async () => {
  await proxy.close();
  await server.close();
});

test('a room does what the model does, whatever is done in whatever order', async () => {
  const redis = proxy.client();
  let ran = 0;
  await fc.assert(
    fc.asyncProperty(acts(60), async (commands) => {
      await redis.flushall();
      await fc.asyncModelRun(() => ({ model: new Model(), real: { redis, proxy } }), commands);
      ran += 1;
    }),
    { numRuns: 150 },
  );
  expect(ran).toBeGreaterThanOrEqual(150);
});
