import { Redis } from 'ioredis';
import { Hits } from '../source/features/hits/hits.ts';
import { bucketMs, dayMs, hourlyKey, hourMs, plainKey, rawKey } from '../source/features/hits/keys.ts';
import { overview, sum } from '../source/features/hits/read.ts';
import { interleave, judged, median, printTable, short, startServer } from './harness.ts';

/**
 * The sum of the last 24 hours: two hashes of hours and one of buckets, beside one MGET of the 8,640 plain counters
 * that the legacy layout keeps. Server time is what INFO commandstats says each spent; wall time is what one caller waits.
 * Then what counting costs, and what a day of one series takes in memory.
 */

const repetitions = Number(process.env.REPETITIONS ?? 9);
const bucketsEach = hourMs / bucketMs;
const server = await startServer();
const redis = new Redis({ path: server.socket, enableAutoPipelining: true, maxRetriesPerRequest: null });

const [seconds] = await redis.time();
const nowMs = Number(seconds) * 1000;
const last = Math.floor(nowMs / bucketMs);
const first = last - dayMs / bucketMs;
await fill();

async function fill(): Promise<void> {
  for (let hour = Math.floor(first / bucketsEach); hour * bucketsEach <= last; hour += 1) {
    const pipeline = redis.pipeline();
    for (let bucket = hour * bucketsEach; bucket < (hour + 1) * bucketsEach; bucket += 1) {
      if (bucket < first || bucket > last) continue;
      const count = 1 + (bucket % 997);
      pipeline.hincrby(rawKey(redis, 'web', hour), String(bucket % bucketsEach), count);
      pipeline.hincrby(hourlyKey(redis, 'web', Math.floor(hour / 24)), String(hour % 24), count);
      pipeline.set(plainKey(redis, 'web', bucket), count, 'EX', 90_000);
    }
    await pipeline.exec();
  }
}

const plainCounters = Array.from({ length: dayMs / bucketMs }, (_, i) => plainKey(redis, 'web', last - i));
type Cost = { serverMs: number; wallMs: number };

async function cost(times: number, read: () => Promise<unknown>): Promise<Cost> {
  await read();
  await redis.config('RESETSTAT');
  const startedMs = performance.now();
  for (let i = 0; i < times; i += 1) await read();
  const wallMs = (performance.now() - startedMs) / times;
  const stats = await redis.info('commandstats');
  // What a script calls is listed, too, but is part of the script's own time.
  const spent = stats.matchAll(/^cmdstat_(evalsha|mget|time):calls=(\d+),usec=(\d+)/gm);
  let us = 0;
  for (const [, command, calls, usec] of spent) {
    us += command === 'time' ? (Number(usec) * times) / Number(calls) : Number(usec);
  }
  return { serverMs: us / 1000 / times, wallMs };
}

const day = await interleave(repetitions, {
  'day sum': () => cost(50, () => sum(redis, 'web', { sinceMs: dayMs })),
  'MGET of 8,640 keys': () => cost(10, () => redis.mget(plainCounters)),
  'today, yesterday, last hour': () => cost(50, () => overview(redis, ['web'], nowMs)),
});
const serverOf = (name: string): number => median((day[name] ?? []).map(({ serverMs }) => serverMs));
const wallOf = (name: string): number => median((day[name] ?? []).map(({ wallMs }) => wallMs));
const ms = (value: number): string => `${value.toFixed(3)} ms`;
printTable('The last 24 hours of one series', [
  ['', 'server', 'wall', 'times faster on the server', 'wall'],
  ...Object.keys(day).map((name) => [
    name,
    name === 'day sum'
      ? `${ms(serverOf(name))} (at most 0.5: ${serverOf(name) <= 0.5 ? 'met' : 'MISSED'})`
      : ms(serverOf(name)),
    ms(wallOf(name)),
    name === 'day sum'
      ? judged(serverOf('MGET of 8,640 keys') / serverOf(name), 20)
      : `${(serverOf('MGET of 8,640 keys') / serverOf(name)).toFixed(2)}x`,
    `${(wallOf('MGET of 8,640 keys') / wallOf(name)).toFixed(2)}x`,
  ]),
]);

const hits = new Hits(redis, { flushMs: 200 });
const counting = await interleave(repetitions, {
  async 'added up, flushed every 200 ms'() {
    const startedMs = performance.now();
    let added = 0;
    while (performance.now() - startedMs < 300) {
      for (let i = 0; i < 1000; i += 1) hits.add('web');
      added += 1000;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await hits.flush();
    return (added / (performance.now() - startedMs)) * 1000;
  },
  async 'INCR and EXPIRE for each, 64 in flight'() {
    const startedMs = performance.now();
    let added = 0;
    const worker = async (): Promise<void> => {
      while (performance.now() - startedMs < 300) {
        const key = plainKey(redis, 'each', last);
        await Promise.all([redis.incr(key), redis.expire(key, 90_000)]);
        added += 1;
      }
    };
    await Promise.all(Array.from({ length: 64 }, worker));
    return (added / (performance.now() - startedMs)) * 1000;
  },
});
const each = median(counting['INCR and EXPIRE for each, 64 in flight'] ?? []);
printTable('Counting', [
  ['', 'hits/s', 'over INCR and EXPIRE'],
  ...Object.entries(counting).map(([name, rates]) => [
    name,
    short(median(rates)),
    `${(median(rates) / each).toFixed(2)}x`,
  ]),
]);

const bytesOf = async (keys: readonly string[]): Promise<number> => {
  const sizes = await Promise.all(keys.map((key) => redis.memory('USAGE', key)));
  return sizes.reduce<number>((total, size) => total + Number(size ?? 0), 0);
};
const own = await bytesOf(await redis.keys('hits:web:1*'));
const plain = await bytesOf(plainCounters);
printTable('A day of one series in memory', [
  ['', 'KiB', ''],
  ['hashes', (own / 1024).toFixed(0), `1/${(plain / own).toFixed(1)}`],
  ['8,640 plain keys', (plain / 1024).toFixed(0), ''],
]);

await hits.close();
redis.disconnect();
await server.close();
