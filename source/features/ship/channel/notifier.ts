import type { Client } from '../../../redis/client.ts';
import { startSubscriber } from '../../../redis/subscriber.ts';

/**
 * Waiting for something to happen: until a doorbell rings, and in any case not too long, because a doorbell may be
 * missed. Without a connection that listens it is polling, slower the longer nothing happens.
 */
export type Bell = {
  /** Resolves when it rang (also if that was since the last wait), after a while, or when `signal` aborts. */
  wait(signal?: AbortSignal): Promise<void>;
  stop(): void;
};

const heardPollMs = 500;
const shortestPollMs = 10;
const longestPollMs = 250;

export function startBell(listen: (() => Client) | undefined, channel: string): Bell {
  let hasRung = false;
  let quietMs = shortestPollMs;
  const waiting = new Set<() => void>();
  let isListening = false;

  const ring = (): void => {
    hasRung = true;
    quietMs = shortestPollMs;
    for (const wake of waiting) wake();
  };
  const subscriber =
    listen &&
    startSubscriber(listen, {
      onMessages: ring,
      onGap() {
        isListening = true;
        ring();
      },
    });
  subscriber?.want([channel]);

  return {
    wait(signal) {
      if (hasRung || signal?.aborted) {
        hasRung = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const finish = (): void => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', finish);
          waiting.delete(finish);
          hasRung = false;
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
