import type { Client } from '../../../redis/client.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { typed } from '../../../redis/wrong-type.ts';
import { syncKeys } from '../keys.ts';

/** Paths that rsync could not copy: kept, so that acknowledging the rest of their batch loses nothing. */
export type Failures = {
  /** Those set aside by this runner or one before it. */
  all(): Promise<string[]>;
  /**
   * Takes in the outcome of a batch: what failed is kept, what went well is forgotten. Where rsync did not say which
   * path it complained of, the whole batch counts as failed. Resolves to what failed.
   */
  note(batch: readonly string[], failed: readonly (string | undefined)[]): Promise<string[]>;
  clear(): Promise<void>;
};

export function failuresOf(redis: Client, channel: string, target: string): Failures {
  const key = syncKeys(redis, channel).failed;
  const field = (path: string): string => `${target}\n${path}`;
  const all = async (): Promise<string[]> => {
    const fields = await typed(
      redis,
      { [key]: 'hash' },
      retryAborted(() => redis.hkeys(key)),
    );
    return fields.filter((each) => each.startsWith(field(''))).map((each) => each.slice(field('').length));
  };
  const forget = async (paths: readonly string[]): Promise<void> => {
    if (paths.length > 0) await retryAborted(() => redis.hdel(key, ...paths.map(field)));
  };
  return {
    all,
    async note(batch, failed) {
      const named = failed.filter((path) => path !== undefined);
      const failing = new Set(failed.includes(undefined) ? [...batch, ...named] : named);
      await forget(batch.filter((path) => !failing.has(path)));
      if (failing.size > 0) {
        const fields = Object.fromEntries([...failing].map((path) => [field(path), Date.now()]));
        await retryAborted(() => redis.hset(key, fields));
      }
      return [...failing];
    },
    async clear() {
      await forget(await all());
    },
  };
}
