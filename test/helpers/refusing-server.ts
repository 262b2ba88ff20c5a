import { mkdirSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, vi } from 'vitest';
import { type RedisServer, startRedis } from './redis-server.ts';

/** A server of this test's own, which may be made to refuse. */
export async function ownServer(...options: string[]): Promise<RedisServer> {
  const server = await startRedis(...options);
  onTestFinished(() => server.close());
  return server;
}

/** Every write is refused with MISCONF until the returned function is called. */
export async function refuseWrites(server: RedisServer): Promise<() => Promise<void>> {
  const redis = server.client();
  const file = path.join(server.directory, 'dump.rdb');
  mkdirSync(file);
  await redis.config('SET', 'save', '3600 1');
  await redis.bgsave().catch(() => {});
  await vi.waitFor(() => expect(redis.set('probe', '1')).rejects.toThrow('MISCONF'), 20_000);
  return async () => {
    rmdirSync(file);
    await redis.config('SET', 'save', '');
  };
}
