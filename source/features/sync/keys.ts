import type { Client } from '../../redis/client.ts';
import { keyFamily } from '../../redis/keys.ts';

/** What hangs off one channel besides its topic. */
export function syncKeys(redis: Client, channel: string) {
  return keyFamily(redis, channel, {
    /** Hash, target -> JSON of what was done last. */
    targets: 'sync:*',
    /** Hash, target + newline + path -> JSON `{sinceMs, reason}`. */
    failed: 'sync-failed:*',
    /** Hash, target -> JSON of what an operator said about its halt. */
    resumptions: 'sync-resume:*',
  });
}

/** The subscriber that stands for a target, and the lock of the one process that serves it. */
export function targetName(base: string, target: string): string {
  return `sync:${base}>${target}`;
}
