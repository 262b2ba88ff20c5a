import { hostname } from 'node:os';
import { SubscriberInUseError } from '../errors.ts';
import type { Claim, From, Server, TopicStore } from '../layout.ts';

export type ClaimOptions = {
  readonly from: From;
  readonly standby: boolean;
  readonly leaseMs: number;
  readonly isStopped: () => boolean;
  /** Called before each attempt, with what makes the next one come at once. */
  readonly onAsk: (wake: () => void) => void;
  /** Rides out what the server refuses for a while. */
  readonly rideOut: <Result>(run: () => Promise<Result>) => Promise<Result>;
};

const claimEveryMs = 250;

/**
 * Claims a subscriber's lease until it is ours; resolves with undefined when stopped first.
 *
 * A process that crashed has its lease until that ends, so whoever starts in its place waits for that: only one that
 * gives another sign of life is in the way, and then refused unless we stand by.
 * @throws {SubscriberInUseError}
 */
export async function claimLease(
  store: TopicStore,
  server: Server,
  { from, standby, leaseMs, isStopped, onAsk, rideOut: ride }: ClaimOptions,
): Promise<Extract<Claim, { name: 'ours' }> | undefined> {
  const label = `${hostname()}:${process.pid}`;
  let firstSeenMs: number | undefined;
  while (!isStopped()) {
    const woken = Promise.withResolvers<void>();
    onAsk(woken.resolve);
    const claim = await ride(() => store.claim(server, { from, label, leaseMs }));
    if (claim.name === 'ours') return claim;
    firstSeenMs ??= claim.seenMs;
    if (!standby && claim.seenMs > firstSeenMs) {
      throw new SubscriberInUseError(store.topic, server.name, claim.by);
    }
    if (isStopped()) return;
    const timer = setTimeout(woken.resolve, claimEveryMs);
    await woken.promise;
    clearTimeout(timer);
  }
}
