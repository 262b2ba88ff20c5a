import { type Client, isCluster } from '../../redis/client.ts';

/** Rings of many channels on one connection, each for those who asked. */
export type Doorbell = { close(): void };

type Hub = { readonly rings: Map<string, Set<(message: string) => void>> };

const hubs = new WeakMap<Client, Hub>();

/** What a ring says when the subscription had to be made again: something may have been missed. */
export const missed = 'missed';

/** What a ring says when a seat was given up, or a subscriber dropped. */
export const seatRing = 'seat';

/**
 * Resolves once the server confirmed the subscription: whatever is published from then on rings. After a reconnect
 * the subscription is confirmed again, and then rings `missed`.
 */
export async function openDoorbell(
  listener: Client,
  channel: string,
  onRing: (message: string) => void,
): Promise<Doorbell> {
  const { rings } = hubOf(listener);
  const own = rings.get(channel) ?? new Set();
  rings.set(channel, own);
  own.add(onRing);
  await subscribe(listener, channel);
  return {
    close() {
      own.delete(onRing);
      if (own.size > 0 || rings.get(channel) !== own) return;
      rings.delete(channel);
      const gone = isCluster(listener) ? listener.sunsubscribe(channel) : listener.unsubscribe(channel);
      gone.catch(() => {});
    },
  };
}

function subscribe(listener: Client, channel: string): Promise<unknown> {
  return isCluster(listener) ? listener.ssubscribe(channel) : listener.subscribe(channel);
}

function hubOf(listener: Client): Hub {
  const known = hubs.get(listener);
  if (known) return known;
  const rings: Hub['rings'] = new Map();
  listener.on(isCluster(listener) ? 'smessage' : 'message', (channel: string, message: string) => {
    for (const ring of rings.get(channel) ?? []) ring(message);
  });
  // ioredis resubscribes by itself, but does not say when it is confirmed; only then is nothing missed any more.
  listener.on('ready', () => {
    for (const [channel, own] of rings) {
      subscribe(listener, channel).then(
        () => {
          for (const ring of own) ring(missed);
        },
        () => {},
      );
    }
  });
  const hub = { rings };
  hubs.set(listener, hub);
  return hub;
}
