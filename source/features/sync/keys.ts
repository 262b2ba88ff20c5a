import type { Client } from '../../redis/client.ts';
import { keyFamily } from '../../redis/keys.ts';

/** What hangs off one channel besides its topic. */
export function syncKeys(redis: Client, channel: string) {
  return keyFamily(redis, channel, {
    /** Hash, target -> JSON of what was done last. */
    targets: 'sync:*',
    /** Hash, target + newline + path -> how often it failed. */
    failed: 'sync-failed:*',
  });
}

/** The subscriber that stands for a target, and the lock of the one process that serves it. */
export function targetName(base: string, target: string): string {
  return `sync:${base}>${target}`;
}
