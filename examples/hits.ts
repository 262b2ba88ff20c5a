import { Redis } from 'ioredis';
import { hits } from '../source/index.ts';

// Counting costs an addition; any window costs one small script.
const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');

const counter = hits.open(redis);
for (let request = 0; request < 100_000; request += 1) counter.add(request % 3 === 0 ? 'api' : 'web');
await counter.close();

for (const { series, today, yesterday, lastHour } of await hits.list(redis)) {
  console.log(`${series}: ${today} today, ${yesterday} by this time yesterday, ${lastHour} in the last hour`);
}
console.log(await hits.sum(redis, 'web', { sinceMs: 90_000 }));
console.log((await hits.points(redis, 'web', { stepMs: 10_000, sinceMs: 60_000 })).at(-1));
redis.disconnect();
