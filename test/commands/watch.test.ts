import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { kill, start } from '../helpers/cli.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();

test('that something grew older is no change to watch', async () => {
  const redis = server.client();
  const now = Date.now();
  await redis.set('lock:old', 'qd1:nonce:1:7:host:job', 'PX', 600_000);
  await redis.zadd('quarterdeck:lock', now, 'old');
  const child = start(['watch', '--pane', 'lock', '--json', '--every', '20ms'], { url: server.url });
  const lines = createInterface({ input: child.stdout as Readable })[Symbol.asyncIterator]();
  type Line = { value: { name: string; ttlMs: number }[] };
  const next = async (): Promise<Line> => JSON.parse((await lines.next()).value ?? '') as Line;
  const first = await next();
  const asked = async (): Promise<number> => {
    const [, count = '0'] = /total_commands_processed:(\d+)/.exec(await redis.info('stats')) ?? [];
    return Number(count);
  };
  // It looks again and again meanwhile.
  const before = await asked();
  await vi.waitFor(async () => expect(await asked()).toBeGreaterThan(before + 40), {
    timeout: 5000,
    interval: 200,
  });
  await redis.set('lock:new', 'qd1:nonce:2:7:host:job', 'PX', 600_000);
  await redis.zadd('quarterdeck:lock', now, 'new');
  const second = await next();
  expect(first.value.map(({ name }) => name)).toEqual(['old']);
  expect(second.value.map(({ name }) => name)).toEqual(['new', 'old']);
  await kill(child);
});
