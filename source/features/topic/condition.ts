import type { Severity } from '../../need.ts';
import type { Blocked } from './layout.ts';

/** Whether a process serves a subscriber: `lapsed` for so long none that nothing is kept for it. */
export const leaseStates = ['live', 'idle', 'lapsed'] as const;
export type LeaseState = (typeof leaseStates)[number];

/** What is said of a topic in the place of a subscriber's condition. */
export const nobody = 'nobody subscribed';

/**
 * How a subscriber fares, in the one word that pane, JSON, doctor and alerts use:
 *
 *   live         a process serves it, and nothing waits for long
 *   catching-up  a process serves it and is late, but the lag shrinks (or it has only begun)
 *   overloaded   a process serves it, is late, and the lag does not shrink
 *   idle         no process serves it; nothing waits, or not for long, or nobody can tell
 *   dead         no process serves it, and messages wait
 *   blocked      it stands before a message that its handler cannot do
 *   lapsed       unseen for so long that nothing is kept for it any more
 *
 * They need different people.
 */
export const conditions = ['live', 'catching-up', 'overloaded', 'idle', 'dead', 'blocked', 'lapsed'] as const;
export type Condition = (typeof conditions)[number];

/** Those that need somebody; `lapsed` only once it has missed something. */
export const severities: Partial<Record<Condition, Severity>> = {
  dead: 'bad',
  blocked: 'bad',
  overloaded: 'bad',
  lapsed: 'warn',
};

/** A message that has waited for longer is late: whoever should have handled it is overloaded, or dead. */
export const lateMs = 30_000;

export type Facts = {
  readonly state: LeaseState;
  readonly blocked: Blocked | null;
  readonly lag: number;
  /** Epoch ms of the last sign of life; 0 when there never was one, as of another program's subscriber. */
  readonly seenMs: number;
  /** Epoch ms of the oldest message it has not done; null when there is none, or the layout does not say. */
  readonly oldestAt: number | null;
  /** Whether the lag was smaller at the last look of its own process than ten seconds before. */
  readonly isShrinking: boolean;
  /** Epoch ms, by the server's clock, of this look. */
  readonly at: number;
};

export function conditionOf({ state, blocked, lag, seenMs, oldestAt, isShrinking, at }: Facts): Condition {
  if (blocked) return 'blocked';
  if (state === 'lapsed') return 'lapsed';
  if (lag === 0) return state;
  if (state === 'idle') return seenMs > 0 && at - seenMs > lateMs ? 'dead' : 'idle';
  if (oldestAt === null || at - oldestAt <= lateMs) return 'live';
  return isShrinking ? 'catching-up' : 'overloaded';
}
