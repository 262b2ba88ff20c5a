import { setTimeout as work } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { lock } from '../source/index.ts';

/** One at a time, however many run this: node --import ./scripts/register-lua.ts examples/lock.ts */
const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');
{
  await using held = await lock.hold(redis, 'report', { ttlMs: 5000, waitMs: 60_000, label: 'nightly' });
  if (!held) throw new Error('Somebody else has been at it for a minute');
  for (let step = 1; step <= 3; step += 1) {
    // Aborted as soon as the lock is lost or in doubt; what is written carries the fence.
    held.signal.throwIfAborted();
    console.log(`step ${step} with fence ${held.fence}`);
    await work(500, undefined, { signal: held.signal });
  }
}
redis.disconnect();
