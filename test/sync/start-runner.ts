import type { RunnerOptions, SyncEvent } from '../../source/features/sync/options.ts';
import { runSync } from '../../source/features/sync/runner/run.ts';
import type { Client } from '../../source/redis/client.ts';

/** A runner in this process that looks every 50 ms, and what it said until now. */
export type StartedRunner = {
  readonly events: SyncEvent[];
  readonly troubles: string[];
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
};

export function startRunner(
  redis: Client,
  options: Partial<RunnerOptions> & Pick<RunnerOptions, 'base' | 'target' | 'listen'>,
): StartedRunner {
  const controller = new AbortController();
  const events: SyncEvent[] = [];
  const troubles: string[] = [];
  const ended = runSync(redis, {
    channel: 'new_files',
    everyMs: 50,
    batchFiles: 1000,
    batchBytes: 2 ** 28,
    fullEveryMs: 3_600_000,
    before: undefined,
    deletes: true,
    standby: false,
    onEvent: async (event) => void events.push(event),
    onTrouble: (sentence) => troubles.push(sentence),
    ...options,
    signal: controller.signal,
  });
  const settled = ended.catch(() => {});
  return {
    events,
    troubles,
    ended,
    async stop() {
      controller.abort();
      await settled;
    },
  };
}
