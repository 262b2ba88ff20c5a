import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { create, pending } from '../../source/features/chat/room/chat.ts';
import { send } from '../../source/features/chat/room/send.ts';
import { acts, Model } from '../chat/model.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { startRedis } from '../helpers/redis-server.ts';

/** The long versions of what test/chat proves in seconds. */

test('3,000 random rooms of up to 150 acts do what the model does', async () => {
  const server = await startRedis();
  const proxy = await startFaultProxy(server.socket);
  const redis = proxy.client();
  await fc.assert(
    fc.asyncProperty(acts(150), async (commands) => {
      await redis.flushall();
      await fc.asyncModelRun(() => ({ model: new Model(), real: { redis, proxy } }), commands);
    }),
    { numRuns: 3000 },
  );
  await proxy.close();
  await server.close();
});

test('100,000 messages through a connection that breaks 200 times: each once', async () => {
  const server = await startRedis();
  const proxy = await startFaultProxy(server.socket);
  const redis = proxy.client({ enableAutoPipelining: true });
  const direct = server.client();
  await create(direct, 'ops', ['ann', 'bob']);
  const total = 100_000;
  for (let first = 0; first < total; first += 500) {
    void proxy.swallowReplyTo(`message ${first + 250} `);
    const batch = Array.from({ length: 500 }, (_, index) => `message ${first + index} `);
    await Promise.all(batch.map((message) => send(redis, 'ops', 'ann', message)));
  }
  expect(proxy.accepted()).toBeGreaterThan(200);
  const seen = new Set<string>();
  let after = 0;
  for (;;) {
    const { entries } = await pending(direct, 'ops', 'bob', { after, limit: 5000 });
    const last = entries.at(-1);
    if (!last) break;
    after = last.id;
    for (const entry of entries) if ('message' in entry) seen.add(entry.message);
  }
  expect(after).toBe(total);
  expect(seen.size).toBe(total);
  await proxy.close();
  await server.close();
});

test('a tail that is killed 100 times prints every message, and repeats at most a page each time', async () => {
  const server = await startRedis();
  const redis = server.client({ enableAutoPipelining: true });
  await create(redis, 'ops', ['ann', 'bob']);
  const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-soak-'));
  const file = path.join(directory, 'out');
  writeFileSync(file, '');
  const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
  let tail: ChildProcess | undefined;
  const start = (): void => {
    tail = spawn(process.execPath, [
      cli,
      'chat',
      'tail',
      'ops',
      '--as',
      'bob',
      '--json',
      '--url',
      server.url,
    ]);
    tail.stdout?.on('data', (chunk: Buffer) => appendFileSync(file, chunk));
  };
  start();
  const kills = 100;
  let sent = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    const batch = 20 + Math.floor(Math.random() * 200);
    await Promise.all(Array.from({ length: batch }, () => send(redis, 'ops', 'ann', 'x')));
    sent += batch;
    await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 300));
    const ended = tail && once(tail, 'close');
    tail?.kill('SIGKILL');
    await ended;
    // A line that was cut in the middle was not printed.
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.slice(0, text.lastIndexOf('\n') + 1));
    start();
  }
  const idsPrinted = (): number[] =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: number }).id);
  await expect.poll(() => new Set(idsPrinted()).size, { timeout: 30_000 }).toBe(sent);
  const repeated = idsPrinted().length - sent;
  console.log(`${sent} messages, ${kills} kills, ${repeated} printed twice`);
  expect(repeated).toBeLessThanOrEqual(kills * 100);
  tail?.kill('SIGKILL');
  rmSync(directory, { recursive: true });
  await server.close();
});
