import type { Severity } from '../../need.ts';

/**
 * How it stands with a lock, in the one word that pane, JSON, doctor and needs use:
 *
 *   free       nobody holds it, and somebody waits
 *   held       somebody holds it, and nobody waits
 *   contended  somebody holds it, and others wait
 *   no TTL     somebody holds it, and nothing ends that but a release or a break
 */
export const conditions = ['free', 'held', 'contended', 'no TTL'] as const;
export type Condition = (typeof conditions)[number];

export function conditionOf({
  isHeld,
  isEndless,
  waiting,
}: {
  readonly isHeld: boolean;
  /** Whether its lease has no end. */
  readonly isEndless: boolean;
  readonly waiting: number;
}): Condition {
  if (!isHeld) return 'free';
  if (isEndless) return 'no TTL';
  return waiting > 0 ? 'contended' : 'held';
}

/** How bad it is; undefined: it needs nobody. */
export function severityOf(condition: Condition, waiting: number): Severity | undefined {
  if (condition !== 'no TTL') return;
  // Where nobody waits yet: whoever will, waits for ever.
  return waiting > 0 ? 'bad' : 'warn';
}
