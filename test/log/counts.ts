import type { Redis } from 'ioredis';
import type { Batch } from '../../source/features/log/log.ts';
import { recentLine } from '../../source/features/log/recent-line.ts';

/** Messages and how often they came, as a writer would send them. */
export function batchOf(counts: Readonly<Record<string, number>>, clock: number): Batch {
  return {
    counted: Object.entries(counts).map(([message, count]) => ({ message, count, sample: '' })),
    lines: Object.keys(counts).map((message) => recentLine(clock * 1000, message)),
  };
}

/** A zset as messages and counts, the most frequent first. */
export async function scoresOf(redis: Redis, key: string): Promise<Record<string, number>> {
  const flat = await redis.zrevrange(key, 0, -1, 'WITHSCORES');
  return Object.fromEntries(
    flat.flatMap((text, index) => (index % 2 ? [] : [[text, Number(flat[index + 1])]])),
  );
}

export function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
