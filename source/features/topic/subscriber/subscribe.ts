import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../../errors.ts';
import type { Client } from '../../../redis/client.ts';
import { BlockedError } from '../errors.ts';
import { type Item, idOf, isGap, type Message } from '../layout.ts';
import { Subscription, type SubscriptionOptions } from './subscription.ts';

export type SubscribeOptions = SubscriptionOptions & {
  /** End once nothing is left to deliver. */
  readonly untilCaughtUp?: boolean;
  /** End after so many items. */
  readonly count?: number;
  /** How often a failing handler is tried again, with back-off, before the subscriber counts as blocked. */
  readonly retries?: number;
  /**
   * How many messages may be set aside for this subscriber: one on which the handler failed for good is kept apart, and
   * the next one follows. 0 (the default) sets none aside: the subscriber stands before it.
   */
  readonly aside?: number;
  /** Called with every message that was set aside. */
  readonly onAside?: (message: Message, error: unknown) => void;
  /** Called with every failure that will be tried again. */
  readonly onRetry?: (item: Item, error: unknown, waitMs: number) => void;
};

const firstWaitMs = 200;
const longestWaitMs = 30_000;

/**
 * Hands every item, in the order of ids, to the handler, and acknowledges it after the handler returned. Resolves
 * with the number of items handled when `signal` is aborted, `count` is reached, or it is caught up.
 * @throws {BlockedError} when the handler kept failing and `aside` allows no more: this message is not skipped, the next subscription goes on
 *   with it, and `topic status` shows it meanwhile
 * @throws {SubscriberInUseError | SubscriberLeaseLostError | SubscriberDroppedError | TopicNameError | WrongTypeError}
 */
export async function subscribe(
  client: Client,
  topic: string,
  options: SubscribeOptions,
  handler: (item: Item) => unknown,
): Promise<number> {
  const { untilCaughtUp = false, count = Number.POSITIVE_INFINITY, signal } = options;
  const subscription = await Subscription.open(client, topic, options);
  let handled = 0;
  try {
    while (handled < count) {
      const items = await subscription.take({ wait: !untilCaughtUp });
      if (items.length === 0) break;
      for (const item of items) {
        if (handled >= count || signal?.aborted) break;
        if (!subscription.isSure) await subscription.settle();
        try {
          const result = handler(item);
          if (result instanceof Promise) await result;
        } catch (error) {
          if (!(await handleAgain(item, error))) break;
        }
        handled += 1;
        subscription.ack(idOf(item));
      }
    }
    return handled;
  } finally {
    await subscription.close();
  }

  /** Resolves with whether the item was handled in the end, or set aside; not when the signal came first. */
  async function handleAgain(item: Item, first: unknown): Promise<boolean> {
    let error = first;
    const { retries = 5, aside = 0, onAside, onRetry, as } = options;
    const id = idOf(item);
    if (signal?.aborted) return false;
    for (let attempt = 1; attempt <= retries; attempt += 1) {
      const waitMs = Math.min(firstWaitMs * 2 ** (attempt - 1), longestWaitMs);
      await subscription.block({ id, attempts: attempt, error: messageOf(error) });
      onRetry?.(item, error, waitMs);
      await delay(waitMs, undefined, signal ? { signal } : {}).catch(() => {});
      if (signal?.aborted) return false;
      try {
        await handler(item);
        await subscription.block(undefined);
        return true;
      } catch (next) {
        error = next;
      }
    }
    const attempts = retries + 1;
    if (!isGap(item) && aside > 0) {
      const failure = { reason: messageOf(error), tries: attempts };
      if (await subscription.setAside(item, failure, aside)) {
        await subscription.block(undefined);
        onAside?.(item, error);
        return true;
      }
    }
    await subscription.block({ id, attempts, error: messageOf(error) });
    throw new BlockedError(topic, as, id, attempts, error);
  }
}
