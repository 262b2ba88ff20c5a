import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { errorOf, finished, run, start } from '../helpers/cli.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';

/** Commands that run until they are stopped, while their server goes away for good. */

let server: RedisServer;
let root: string;
beforeEach(async () => {
  server = await startRedis();
  root = mkdtempSync(path.join(tmpdir(), 'quarterdeck-sync-'));
  mkdirSync(path.join(root, 'base'));
});
afterEach(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});

test.each([
  ['sync run', ['base', 'target', '--every', '100ms']],
  ['sync watch', ['base']],
  ['topic subscribe', ['news', '--as', 'billing']],
  ['lock acquire', ['held', '--wait', '1h']],
])('%s ends with exit 3 once its server is gone for longer than --timeout', async (command, words) => {
  await run(['lock', 'acquire', 'held', '--ttl', '1h'], { url: server.url });
  const child = start([...command.split(' '), ...words, '--timeout', '1s', '--json'], {
    url: server.url,
    stdin: '',
    cwd: root,
  });
  const ended = finished(child);
  const redis = server.client();
  // It has begun: it listens for something, or has notified of something.
  await vi.waitFor(async () => {
    const notified = await redis.exists('topic:ids:new_files');
    expect(notified === 1 || (await redis.client('LIST', 'TYPE', 'PUBSUB'))).toBeTruthy();
  }, 10_000);
  await server.close();
  const { code, stderr } = await ended;
  expect(code).toBe(3);
  expect(errorOf({ code, stderr, stdout: '' }).code).toBe('REDIS_LOST');
});
