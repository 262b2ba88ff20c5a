import { UsageError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { keyFamily } from '../../redis/keys.ts';
import { described, requireText } from '../../values.ts';

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
  // Both may hold a `>`: the first one is the one between them.
  return `sync:${base.replaceAll('%', '%25').replaceAll('>', '%3E')}>${target}`;
}

/**
 * A target as it is kept under its name, and before a newline in the names of failed paths.
 * @throws {UsageError}
 */
export function requireTarget(target: unknown): asserts target is string {
  requireText('target', target);
  if (target === '' || /[\0\n]/.test(target))
    throw new UsageError(
      `Expected a target such as a path or host:path, without NUL and line breaks, got ${described(target)}`,
    );
}
