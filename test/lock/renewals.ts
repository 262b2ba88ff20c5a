import type { Redis } from 'ioredis';
import { expect, vi } from 'vitest';

/** Resolves once the deadline of a lock was put off so many times; a holder does it every third of the TTL. */
export async function renewals(redis: Redis, key: string, count: number): Promise<void> {
  let last = await redis.pexpiretime(key);
  for (let renewed = 0; renewed < count; renewed += 1) {
    await vi.waitFor(
      async () => {
        const next = await redis.pexpiretime(key);
        expect(next).toBeGreaterThan(last);
        last = next;
      },
      { timeout: 10_000, interval: 10 },
    );
  }
}
