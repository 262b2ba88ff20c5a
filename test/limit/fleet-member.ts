import { Redis } from 'ioredis';
import type { Limit } from '../../source/features/limit/rules.ts';

/**
 * One client with a clock of its own: hits as fast as it is answered, and tells between which two readings of the
 * server's clock each hit was judged. Runs as a child process, since a clock belongs to a process.
 */
export type Task = {
  readonly socket: string;
  readonly limit: Limit;
  readonly localDeny: boolean;
  readonly forMs: number;
  readonly costs: readonly number[];
};
export type Judged = {
  readonly afterUs: number;
  readonly beforeUs: number;
  readonly cost: number;
  readonly allowed: boolean;
};

const skewMs = Number(process.argv[2]);
const real = Date.now;
Date.now = () => real() + skewMs;
const { Limiter } = await import('../../source/features/limit/limit.ts');

process.on('message', async ({ socket, limit, localDeny, forMs, costs }: Task) => {
  const redis = new Redis({ path: socket, maxRetriesPerRequest: null });
  const limiter = new Limiter(redis, limit, { localDeny });
  const judged: Judged[] = [];
  const untilMs = performance.now() + forMs;
  for (let i = 0; performance.now() < untilMs; i += 1) {
    const cost = costs[i % costs.length] ?? 1;
    // One after the other: a refusal from memory is judged here, not when a later command reaches the server.
    const before = await redis.time();
    const { allowed } = await limiter.hit('fleet', cost);
    const after = await redis.time();
    judged.push({ afterUs: us(before), beforeUs: us(after), cost, allowed });
  }
  await limiter.close();
  redis.disconnect();
  process.send?.(judged);
});
process.send?.('ready');

function us([seconds, microseconds]: readonly unknown[]): number {
  return Number(seconds) * 1_000_000 + Number(microseconds);
}
