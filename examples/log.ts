import { Redis } from 'ioredis';
import { log } from '../source/index.ts';

// Writes a thousand messages as a service would, then shows what is common.
const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');
{
  await using writer = log.open(redis, 'example', { severity: 'error' });
  for (let id = 0; id < 1000; id += 1) {
    const isFull = !writer.write(
      id % 10 === 0 ? 'disk full on /srv/a' : `upstream 10.0.0.${id % 8} timed out after ${id} ms`,
    );
    if (isFull) await writer.drained();
  }
} // Leaving the scope sends the rest.

const { hour, total, entries } = await log.common(redis, 'example', { severity: 'error', top: 5 });
console.log(`${total} messages since ${hour} UTC`);
for (const { count, message, sample } of entries) console.log(`${count}  ${message}  such as "${sample}"`);
redis.disconnect();
