import type { Client } from '../../../redis/client.ts';
import { startSubscriber } from '../../../redis/subscriber.ts';

/**
 * Waiting for something to happen: until a notification comes, and in any case not too long, because one may be
 * missed. Without a connection that listens it is polling, slower the longer nothing happens.
 */
export type Notifier = {
  /** Resolves when one came (also if that was since the last wait), after a while, or when `signal` aborts. */
  wait(signal?: AbortSignal): Promise<void>;
  stop(): void;
};

const heardPollMs = 500;
const shortestPollMs = 10;
const longestPollMs = 250;

export function startNotifier(listen: (() => Client) | undefined, channel: string): Notifier {
  let wasNotified = false;
  let quietMs = shortestPollMs;
  const waiting = new Set<() => void>();
  let isListening = false;

  const notify = (): void => {
    wasNotified = true;
    quietMs = shortestPollMs;
    for (const wake of waiting) wake();
  };
  const subscriber =
    listen &&
    startSubscriber(listen, {
      onMessages: notify,
      onGap() {
        isListening = true;
        notify();
      },
    });
  subscriber?.want([channel]);

  return {
    wait(signal) {
      if (wasNotified || signal?.aborted) {
        wasNotified = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const finish = (): void => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', finish);
          waiting.delete(finish);
          wasNotified = false;
          resolve();
        };
        const timer = setTimeout(finish, isListening ? heardPollMs : quietMs);
        quietMs = Math.min(quietMs * 2, longestPollMs);
        signal?.addEventListener('abort', finish, { once: true });
        waiting.add(finish);
      });
    },
    stop() {
      subscriber?.want([]);
      subscriber?.stop();
    },
  };
}
