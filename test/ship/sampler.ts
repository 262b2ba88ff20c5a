import type { Redis } from 'ioredis';
import { look } from '../../source/features/ship/channel/status.ts';

export type Samples = {
  readonly count: number;
  /** used_memory of the whole server, above what it was before anybody shipped. */
  readonly peakMemoryBytes: number;
  /** What `ship status` printed. */
  readonly peakUsedBytes: number;
  readonly budgetBytes: number;
};

/** Asks INFO memory and the channel's status every 20 ms until `stop`. */
export async function startSampler(redis: Redis, channel: string): Promise<{ stop(): Promise<Samples> }> {
  const memory = async (): Promise<number> =>
    Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
  // The first look loads the script, which is not the shipping's doing.
  await look(redis, channel);
  const baseline = await memory();
  const peak = { memory: 0, used: 0, budget: 0 };
  let count = 0;
  let isOver = false;
  const running = (async () => {
    while (!isOver) {
      const dueAtMs = performance.now() + 20;
      const [now, view] = await Promise.all([memory(), look(redis, channel)]);
      count += 1;
      peak.memory = Math.max(peak.memory, now - baseline);
      peak.used = Math.max(peak.used, view?.usedBytes ?? 0);
      peak.budget = view?.budgetBytes ?? peak.budget;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueAtMs - performance.now())));
    }
  })();
  return {
    async stop() {
      isOver = true;
      await running;
      return { count, peakMemoryBytes: peak.memory, peakUsedBytes: peak.used, budgetBytes: peak.budget };
    },
  };
}
