import { UsageError, WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { guessServerMs, serverMs } from '../../redis/clock.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { bucketMs, seedKeys } from './keys.ts';
import { longestRawMs, type Points, type Sum } from './read.ts';
import { dayOf } from './windows.ts';

/**
 * Sums over the plain counters of the third seed, `<series>:<epoch / 10>`: one key for each 10 s, so a day costs
 * 8,640 of them. They are read a thousand at a time, so that nobody else waits long.
 */
const keysAtOnce = 1000;

export async function seedSum(client: Client, series: string, sinceMs: number | 'today'): Promise<Sum> {
  await serverMs(client);
  return await seedSumBy((keys) => countsIn(client, keys), client, series, sinceMs);
}

/** The same from wherever `read` finds the keys; `clock` is whose time it is. */
export async function seedSumBy(
  read: ReadCounts,
  clock: Client,
  series: string,
  sinceMs: number | 'today',
): Promise<Sum> {
  const nowMs = guessServerMs(clock);
  const wantedMs = sinceMs === 'today' ? dayOf(nowMs).todayMs : nowMs - sinceMs;
  const first = Math.floor(wantedMs / bucketMs);
  const counts = await buckets(read, clock, series, first, Math.floor(nowMs / bucketMs));
  return { fromMs: first * bucketMs, toMs: nowMs, sum: counts.reduce((total, count) => total + count, 0) };
}

export async function seedPoints(
  client: Client,
  series: string,
  window: { readonly stepMs: number; readonly sinceMs: number },
): Promise<Points> {
  await serverMs(client);
  return await seedPointsBy((keys) => countsIn(client, keys), client, series, window);
}

/** The same from wherever `read` finds the keys. */
export async function seedPointsBy(
  read: ReadCounts,
  clock: Client,
  series: string,
  { stepMs, sinceMs }: { readonly stepMs: number; readonly sinceMs: number },
): Promise<Points> {
  const nowMs = guessServerMs(clock);
  const fromMs = Math.floor((nowMs - sinceMs) / stepMs) * stepMs;
  const counts = await buckets(read, clock, series, fromMs / bucketMs, Math.floor(nowMs / bucketMs));
  const points = new Array<number>(Math.floor((nowMs - fromMs) / stepMs) + 1).fill(0);
  for (const [i, count] of counts.entries()) {
    const point = Math.floor((i * bucketMs) / stepMs);
    points[point] = (points[point] ?? 0) + count;
  }
  return points.map((count, i) => [fromMs + i * stepMs, count] as const);
}

/** The counts of keys, in their order; 0 where there is none. */
export type ReadCounts = (keys: readonly string[]) => Promise<readonly number[]>;

async function buckets(
  read: ReadCounts,
  clock: Client,
  series: string,
  first: number,
  last: number,
): Promise<readonly number[]> {
  if ((last - first) * bucketMs > longestRawMs + bucketMs) {
    throw new UsageError('The seed layout keeps one key for each 10s: its windows reach back at most 3d');
  }
  return await read(seedKeys(clock, series, first, last));
}

/** @throws {WrongTypeError} when a key holds something else */
export async function countsIn(client: Client, keys: readonly string[]): Promise<number[]> {
  const chunks: Promise<(string | null)[]>[] = [];
  for (let from = 0; from < keys.length; from += keysAtOnce) {
    const some = keys.slice(from, from + keysAtOnce);
    chunks.push(retryAborted(() => client.mget(some)));
  }
  const texts = (await Promise.all(chunks)).flat();
  return texts.map((text, i) => {
    const count = text === null ? 0 : Number(text);
    if (!Number.isFinite(count)) throw new WrongTypeError(keys[i] ?? '', 'hit counter');
    return count;
  });
}
