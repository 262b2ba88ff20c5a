import type { Client } from '../../redis/client.ts';
import { syncKeys } from './keys.ts';

/** Paths that rsync could not copy: kept, so that acknowledging the rest of their batch loses nothing. */
export type Failures = {
  /** Those set aside by this runner or one before it. */
  all(): Promise<string[]>;
  /**
   * Takes in the outcome of a batch: what failed is kept, what went well is forgotten. Where rsync did not say which
   * path it complained of, the whole batch counts as failed. Resolves to what failed.
   */
  note(batch: readonly string[], failed: readonly (string | undefined)[]): Promise<string[]>;
};

export function failuresOf(redis: Client, channel: string, target: string): Failures {
  const key = syncKeys(redis, channel).failed;
  const field = (path: string): string => `${target}\n${path}`;
  return {
    async all() {
      const fields = await redis.hkeys(key);
      return fields.filter((each) => each.startsWith(field(''))).map((each) => each.slice(field('').length));
    },
    async note(batch, failed) {
      const again = failed.includes(undefined) ? [...batch] : failed.filter((path) => path !== undefined);
      const done = batch.filter((path) => !again.includes(path));
      if (done.length > 0) await redis.hdel(key, ...done.map(field));
      if (again.length > 0)
        await redis.hset(key, Object.fromEntries(again.map((path) => [field(path), Date.now()])));
      return again;
    },
  };
}
