import { UsageError, WrongTypeError } from '../../errors.ts';
import { beginningsOf } from '../../redis/beginnings.ts';
import type { Client } from '../../redis/client.ts';
import { guessServerMs, serverMs } from '../../redis/clock.ts';
import { asInteger } from '../../redis/reply.ts';
import { bucketMs, plainKeys } from './keys.ts';
import { longestRawMs, type Points, type Sum } from './read.ts';
import { dayOf } from './windows.ts';

/**
 * Sums over plain counters, one key for each 10 s: `<series>:<epoch>`, rounded down to 10 s, and `<series>:<epoch / 10>`
 * of programs that divide. A day costs 17,280 keys, read a thousand at a time, so that nobody else waits long.
 */

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
    throw new UsageError('Plain keys are one for each 10s: windows over them reach back at most 3d');
  }
  const counts = await read(plainKeys(clock, series, first, last));
  return Array.from({ length: counts.length / 2 }, (_, i) => (counts[2 * i] ?? 0) + (counts[2 * i + 1] ?? 0));
}

/**
 * @throws {WrongTypeError} when a key holds something else
 * @throws {UnreadableReplyError} when a number is too large to be exact
 */
export async function countsIn(client: Client, keys: readonly string[]): Promise<number[]> {
  const texts = await beginningsOf(client, keys);
  return texts.map((text, i) => countOf(text, keys[i] ?? ''));
}

function countOf(text: string, key: string): number {
  if (text === '') return 0;
  if (!/^-?\d+$/.test(text)) throw new WrongTypeError(key, 'hit counter');
  return asInteger(text, key);
}
