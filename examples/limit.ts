import { Redis } from 'ioredis';
import { limit } from '../source/index.ts';

// Five requests at once, then one every twelve seconds; and never more than 1000 a day.
const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');
const limiter = limit.open(
  redis,
  [
    { algorithm: 'gcra', max: 5, perMs: 60_000 },
    { algorithm: 'sliding', max: 1000, perMs: 86_400_000 },
  ],
  { whenDown: 'allow' },
);

for (let request = 1; request <= 7; request += 1) {
  const { allowed, remaining, retryAfterMs } = await limiter.hit('key:example');
  console.log(request, allowed ? `served, ${remaining} left` : `429, retry after ${retryAfterMs} ms`);
}
await limiter.close();

for (const { subject, algorithm, used, max, denied } of await limit.list(redis)) {
  console.log(`${subject} ${algorithm}: ${used} of ${max}, denied ${denied}`);
}
await limit.remove(redis, 'key:example');
redis.disconnect();
