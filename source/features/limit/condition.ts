import type { Severity } from '../../need.ts';

/** How it stands with a limit, in the one word that pane, JSON and needs use. `near`: four fifths of it are used. */
export const conditions = ['full', 'near', 'ok'] as const;
export type Condition = (typeof conditions)[number];

/** Those that need somebody. */
export const severities: Partial<Record<Condition, Severity>> = { full: 'warn' };

/** From this share of its limit on a subject is near it. */
const nearShare = 0.8;

export function conditionOf({
  used,
  limit,
  remaining,
}: {
  readonly used: number;
  readonly limit: number;
  readonly remaining: number;
}): Condition {
  if (remaining <= 0) return 'full';
  return used / limit >= nearShare ? 'near' : 'ok';
}
