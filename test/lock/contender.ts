import { appendFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { acquire } from '../../source/features/lock/lock.ts';

/** A process that wants the lock again and again, and logs when it asks, has it, and gives it up. */
const [socket = '', name = '', log = '', ttl = ''] = process.argv.slice(2);
const redis = new Redis({ path: socket, maxRetriesPerRequest: null });
const write = (what: string, fence: number): void =>
  appendFileSync(log, `${what} ${process.pid} ${fence} ${Date.now()}\n`);

for (;;) {
  write('wait', 0);
  const held = await acquire(redis, name, { ttlMs: Number(ttl), waitMs: 60_000, label: 'contender' });
  if (!held) continue;
  write('enter', held.fence);
  await wait(Math.random() * 6);
  write('leave', held.fence);
  await held.release();
}
