import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import * as file from '../../examples/fenced-file.ts';
import * as sql from '../../examples/fenced-sql.ts';
import { acquire } from '../../source/features/lock/lock.ts';
import { redisForThisFile } from '../helpers/redis-server.ts';

const server = await redisForThisFile();

test('a holder stopped past its TTL and continued is refused by the table and the file', async () => {
  const database = path.join(server.directory, 'sink.db');
  const target = path.join(server.directory, 'sink.txt');
  const table = new DatabaseSync(database);
  sql.createFenced(table);
  const [script, register] = ['./stale-writer.ts', '../../scripts/register-lua.ts'].map((name) =>
    fileURLToPath(new URL(name, import.meta.url)),
  );
  const words = ['--import', register ?? '', script ?? '', server.socket, database, target];
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [first] = (await once(child.stdout, 'data')) as [Buffer];
  child.kill('SIGSTOP');

  const next = await acquire(server.client(), 'sinks', { waitMs: 15_000 });
  const fence = next?.fence ?? 0;
  expect(fence).toBeGreaterThan(Number(first));
  expect(sql.saveFenced(table, 'config', 'new', fence)).toBe(true);
  expect(file.saveFenced(target, 'new', fence)).toBe(true);

  child.kill('SIGCONT');
  child.stdin.write('go\n');
  const [answer] = (await once(child.stdout, 'data')) as [Buffer];
  // Refused by both; and it knew by its own clock by then that the lock was not its any more.
  expect(answer.toString()).toBe('false false false\n');
  expect(table.prepare('SELECT value FROM fenced').get()).toEqual({ value: 'new' });
  expect(file.readFenced(target)).toBe('new');
  expect(sql.saveFenced(table, 'config', 'newer', fence)).toBe(true);
  await next?.release();
});

test('a message about an earlier turn, read late, brings the fence of the turn it leads to', async () => {
  const redis = server.client();
  const held = await acquire(server.client(), 'late', { ttlMs: 60_000 });
  const fence = held?.fence ?? 0;
  const ttlMs = 100;
  const waiting = acquire(redis, 'late', { ttlMs, waitMs: 60_000 });
  await vi.waitFor(async () => expect(await redis.hlen('lock-waiting:late')).toBe(1), 10_000);
  const [[token = '', place = ''] = []] = Object.entries(await redis.hgetall('lock-waiting:late'));
  // Only a grant as old as this is looked at again before anybody relies on it.
  await wait(2 * ttlMs);
  await redis
    .multi()
    .zrem('lock-queue:late', token)
    .hdel('lock-waiting:late', token)
    .set('lock-fence:late', fence + 2)
    .set('lock:late', token, 'PX', 60_000)
    .publish(place.split(' ')[3] ?? '', `${token} ${fence + 1}`)
    .exec();
  expect(await waiting).toMatchObject({ token, fence: fence + 2 });
});

test('a stale write that comes while the new one is made changes nothing either', () => {
  const target = path.join(server.directory, 'late.txt');
  expect(file.saveFenced(target, 'new', 2_000_000_000_000_000)).toBe(true);
  // The stale holder had looked before: it writes its version now.
  writeFileSync(`${target}.1000000000000000`, 'stale');
  expect(file.readFenced(target)).toBe('new');
  expect(file.saveFenced(target, 'newer', 2_000_000_000_000_001)).toBe(true);
  expect(readdirSync(server.directory).filter((name) => name.startsWith('late'))).toHaveLength(1);
});
