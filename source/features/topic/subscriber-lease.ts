import { hostname } from 'node:os';
import { SubscriberInUseError } from './errors.ts';
import type { Claim, Seat, TopicStore } from './layout.ts';

export type ClaimOptions = {
  readonly from: 'start' | 'now';
  readonly standby: boolean;
  readonly leaseMs: number;
  readonly isStopped: () => boolean;
  /** Called before each attempt, with what makes the next one come at once. */
  readonly onAsk: (wake: () => void) => void;
};

const claimEveryMs = 250;

/**
 * Claims a subscriber's seat until it is ours; resolves with undefined when stopped first.
 *
 * A process that crashed holds its seat until its lease ends, so whoever starts in its place waits for that: only one
 * that gives another sign of life is in the way, and then refused unless we stand by.
 * @throws {SubscriberInUseError}
 */
export async function claimSeat(
  store: TopicStore,
  seat: Seat,
  { from, standby, leaseMs, isStopped, onAsk }: ClaimOptions,
): Promise<Extract<Claim, { name: 'ours' }> | undefined> {
  const label = `${hostname()}:${process.pid}`;
  let firstSeenMs: number | undefined;
  while (!isStopped()) {
    const woken = Promise.withResolvers<void>();
    onAsk(woken.resolve);
    const claim = await store.claim(seat, { from, label, leaseMs });
    if (claim.name === 'ours') return claim;
    firstSeenMs ??= claim.seenMs;
    if (!standby && claim.seenMs > firstSeenMs) {
      throw new SubscriberInUseError(store.topic, seat.name, claim.by);
    }
    if (isStopped()) return;
    const timer = setTimeout(woken.resolve, claimEveryMs);
    await woken.promise;
    clearTimeout(timer);
  }
}
