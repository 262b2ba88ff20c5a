import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RunnerOptions } from '../../source/features/sync/options.ts';
import { status } from '../../source/features/sync/status.ts';
import { notify, watch } from '../../source/features/sync/watcher/watch.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';
import { refuseWrites } from '../helpers/refusing-server.ts';
import { startRunner } from './start-runner.ts';

/** A server that refuses for a while, forgets everything, or takes the lock away interrupts a runner, and ends none. */

const server = await redisForThisFile();
let root: string;
let base: string;
let target: string;
let stops: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  await server.client().flushall();
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'quarterdeck-sync-')));
  base = path.join(root, 'base');
  target = path.join(root, 'target');
  mkdirSync(base);
  writeFileSync(path.join(base, 'first'), '1');
});
afterEach(async () => {
  for (const stop of stops) await stop();
  stops = [];
  rmSync(root, { recursive: true });
});

function sync(options: Partial<RunnerOptions> = {}) {
  const runner = startRunner(server.client(), { base, target, listen: () => server.client(), ...options });
  stops.push(runner.stop);
  return runner;
}

function watching() {
  const controller = new AbortController();
  const troubles: string[] = [];
  let count = 0;
  const ended = watch(server.client(), base, 'new_files', {
    signal: controller.signal,
    onNotified: (more) => (count += more),
    onTrouble: (sentence) => troubles.push(sentence),
  });
  const settled = ended.catch(() => {});
  stops.push(async () => {
    controller.abort();
    await settled;
  });
  return { troubles, ended, count: () => count };
}

const arrives = (name: string): Promise<void> =>
  vi.waitFor(() => expect(existsSync(path.join(target, name))).toBe(true));

test('refused writes: both go on, what changed meanwhile arrives, and it is reported once', async () => {
  const runner = sync();
  const watcher = watching();
  await arrives('first');
  await vi.waitFor(() => expect(watcher.count()).toBeGreaterThan(0));
  const accept = await refuseWrites(server);
  writeFileSync(path.join(base, 'meanwhile'), '2');
  await vi.waitFor(() => expect(watcher.troubles.join('\n')).toContain('Redis refuses for now'));
  for (let index = 0; index < 20; index += 1) writeFileSync(path.join(base, `more${index}`), '3');
  await accept();
  await arrives('meanwhile');
  await arrives('more19');
  writeFileSync(path.join(base, 'afterwards'), '4');
  await arrives('afterwards');
  expect(watcher.troubles.filter((text) => text.includes('refuses for now'))).toHaveLength(1);
  await vi.waitFor(async () =>
    expect(await status(server.client())).toMatchObject([{ state: 'live', queued: 0 }]),
  );
  expect(runner.troubles.length).toBeLessThan(10);
});

test('refused for longer than may be waited: they end with what was refused', async () => {
  const runner = sync({ timeoutMs: 300 });
  await arrives('first');
  const accept = await refuseWrites(server);
  writeFileSync(path.join(base, 'meanwhile'), '2');
  await server.client().publish('new_files', 'meanwhile');
  await expect(runner.ended).rejects.toMatchObject({ code: 'REDIS_NOT_SAVING', kind: 'connection' });
  await accept();
});

test('refusals that cost it the lock are counted against the timeout from the first of them', async () => {
  const runner = sync({ timeoutMs: 4000 });
  await arrives('first');
  await vi.waitFor(() => expect(runner.events.some((event) => 'full' in event)).toBe(true));
  const accept = await refuseWrites(server);
  // Nothing changes: only the renewals are refused, for longer than the timeout by the time the lock is lost.
  await expect(runner.ended).rejects.toMatchObject({ code: 'REDIS_NOT_SAVING', kind: 'connection' });
  await accept();
  expect(runner.troubles.at(-1)).toContain('taking up');
  expect(runner.troubles.filter((text) => text.endsWith(': waiting'))).toEqual([]);
}, 30_000);

test('a server that forgot everything: registered anew, compared in full, and said', async () => {
  const { troubles, events } = sync();
  await arrives('first');
  await vi.waitFor(() => expect(events.filter((event) => 'full' in event)).toHaveLength(1));
  const redis = server.client();
  await redis.flushall();
  writeFileSync(path.join(base, 'lost'), '2');
  await arrives('lost');
  expect(troubles.join('\n')).toContain('Redis has forgotten everything');
  writeFileSync(path.join(base, 'notified'), '3');
  await notify(redis, 'new_files', ['notified'], { base });
  await arrives('notified');
  expect(await status(redis)).toMatchObject([{ target, state: 'live' }]);
});

test('a lock that was broken is taken again, and the target is served on', async () => {
  const { troubles } = sync();
  await arrives('first');
  const redis = server.client();
  await redis.del(`lock:sync:${base}>${target}`);
  await vi.waitFor(() => expect(troubles.join('\n')).toContain('Its lock was lost'));
  await vi.waitFor(async () => expect(await redis.exists(`lock:sync:${base}>${target}`)).toBe(1));
  writeFileSync(path.join(base, 'afterwards'), '2');
  await notify(redis, 'new_files', ['afterwards'], { base });
  await arrives('afterwards');
});

test('a full server: what it refuses is ridden out, too', async () => {
  const redis = server.client();
  const runner = sync();
  const watcher = watching();
  await arrives('first');
  await redis.config('SET', 'maxmemory', '1');
  try {
    writeFileSync(path.join(base, 'meanwhile'), '2');
    await vi.waitFor(() => expect(watcher.troubles.join('\n')).toContain('maxmemory'));
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
  await arrives('meanwhile');
  writeFileSync(path.join(base, 'afterwards'), '3');
  await arrives('afterwards');
  expect(runner.troubles.join('\n')).not.toContain('bug');
});

test('a target that takes the connection and never answers is reported', async () => {
  const hung = createServer((socket) => socket.on('error', () => {}));
  hung.listen(0, '127.0.0.1');
  await once(hung, 'listening');
  const { port } = hung.address() as AddressInfo;
  const { troubles } = sync({ target: `rsync://127.0.0.1:${port}/module`, silentAfterMs: 300 });
  await vi.waitFor(() => expect(troubles.join('\n')).toContain('has printed nothing for 0.3s'));
  hung.close();
});
