import type { Severity } from '../../../need.ts';
import { counted } from '../../../ui/format.ts';
import type { Process } from './ledger.ts';
import { leaseMs } from './participant.ts';

/** What a channel is doing. `stalled`: somebody who is waited for stays away. */
export const channelStates = ['idle', 'shipping', 'waiting', 'done', 'stalled'] as const;
export type ChannelState = (typeof channelStates)[number];

/** Of channels, those that need somebody. */
export const channelSeverities: Partial<Record<ChannelState, Severity>> = { stalled: 'bad' };

/**
 * How a consumer fares, in the one word that pane, JSON and needs use:
 *
 *   live     a process reads
 *   away     silent, and nothing is owed but what it has set aside
 *   unseen   nobody ever read as this consumer
 *   stalled  it owes a part and gives no sign of life
 *   unknown  silent, and too few of the parts were looked at to tell whether it owes one
 */
export const consumerConditions = ['live', 'away', 'unseen', 'stalled', 'unknown'] as const;
export type ConsumerCondition = (typeof consumerConditions)[number];

/** How bad it is; undefined: it needs nobody. */
export function consumerSeverity(condition: ConsumerCondition, lag: number): Severity | undefined {
  if (condition === 'stalled') return 'bad';
  return condition === 'unseen' && lag > 0 ? 'warn' : undefined;
}

export function consumerCondition(
  { seenMs, stalledMs, isJudged }: Pick<ConsumerStatus, 'seenMs' | 'stalledMs' | 'isJudged'>,
  now: number,
): ConsumerCondition {
  if (stalledMs !== null) return 'stalled';
  if (!isJudged) return 'unknown';
  if (seenMs === null) return 'unseen';
  return now - seenMs > leaseMs ? 'away' : 'live';
}

export type ConsumerStatus = {
  readonly id: string;
  /** Parts finished in this run. */
  readonly done: number;
  /** Parts announced and not finished. */
  readonly lag: number;
  /** Of these, what it has set aside, until somebody wants it to take them again. */
  readonly aside: number;
  /** Epoch ms of the last sign of life; null when there was none. */
  readonly seenMs: number | null;
  /** Epoch ms since when it has owed a part without a sign of life; null when it does not stay away. */
  readonly stalledMs: number | null;
  /** False: too few of the parts were looked at to tell whether it stays away. */
  readonly isJudged: boolean;
  readonly condition: ConsumerCondition;
};

/** What is known of a channel, from which it follows what it is doing. */
export type Outline = {
  readonly settings: ReadonlyMap<string, string>;
  readonly live: readonly Process[];
  readonly shippers: readonly Process[];
  readonly consumers: readonly ConsumerStatus[];
  readonly partsInRedis: number;
  readonly now: number;
};

/** What a channel is doing, and why nothing moves if nothing does. */
export function stateOf({ settings, live, shippers, consumers, partsInRedis, now }: Outline): {
  state: ChannelState;
  reason: string;
} {
  const stalled = consumers.filter(({ condition }) => condition === 'stalled');
  if (stalled.length > 0) {
    const reasons = stalled.map(
      ({ id, seenMs, lag }) => `consumer ${id} owes ${counted(lag, 'part')}, ${agoOf(seenMs, now)}`,
    );
    return { state: 'stalled', reason: reasons.join('; ') };
  }
  if (settings.get('closed') === '1') return { state: 'done', reason: '' };
  const owing = consumers.filter(({ lag, aside }) => lag > aside).map(({ id }) => id);
  const putAside = consumers.filter(({ aside }) => aside > 0);
  const waitsFor = [
    ...(owing.length > 0
      ? [`waiting for ${owing.length === 1 ? 'consumer' : 'consumers'} ${owing.join(', ')}`]
      : []),
    ...putAside.map(({ id, aside }) => `consumer ${id} has set ${counted(aside, 'part')} aside`),
  ].join('; ');
  if (live.some(({ waiting, finished }) => waiting === undefined && !finished))
    return { state: 'shipping', reason: '' };
  if (live.length > 0) return { state: 'waiting', reason: waitsFor };
  if (settings.get('done') && partsInRedis === 0) return { state: 'done', reason: '' };
  if (shippers.length > 0) {
    const lastAt = Math.max(...shippers.map(({ at = 0 }) => at));
    return { state: 'stalled', reason: `the shipper was ${agoOf(lastAt, now)}` };
  }
  return { state: partsInRedis > 0 ? 'waiting' : 'idle', reason: waitsFor };
}

function agoOf(seenMs: number | null, now: number): string {
  return seenMs === null ? 'never seen' : `last seen ${Math.round((now - seenMs) / 1000)}s ago`;
}
