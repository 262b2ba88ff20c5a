import { type Client, isCluster } from '../../redis/client.ts';
import { type Subscriber, startSubscriber } from '../../redis/subscriber.ts';

export type Listener = {
  onMessage(message: string): void;
  /** The channel was just (re)subscribed; what was said before was not heard. */
  onGap(): void;
};

/** The channels of everything that waits for locks through one client, over one subscriber. */
export type Ears = { hear(channel: string, listener: Listener): void; ignore(channel: string): void };

const ears = new WeakMap<Client, Ears>();

/** The same ears whenever asked for the same client; `listen` opens the connection when first needed. */
export function earsOf(client: Client, listen: () => Client): Ears {
  const known = ears.get(client);
  if (known) return known;
  const listeners = new Map<string, Listener>();
  const subscriber: Subscriber = startSubscriber(listen, {
    onMessages(messages) {
      for (const { channel, message } of messages) listeners.get(channel)?.onMessage(message);
    },
    onGap(channels) {
      for (const channel of channels) listeners.get(channel)?.onGap();
    },
  });
  const made: Ears = {
    hear(channel, listener) {
      listeners.set(channel, listener);
      subscriber.want([...listeners.keys()]);
    },
    ignore(channel) {
      listeners.delete(channel);
      subscriber.want([...listeners.keys()]);
    },
  };
  ears.set(client, made);
  return made;
}

/** A second connection like this one, made when first needed and closed with it. */
export function ownListener(client: Client): () => Client {
  return () => {
    const listener = isCluster(client)
      ? client.duplicate(undefined, { shardedSubscribers: true })
      : client.duplicate();
    listener.on('error', () => {});
    client.once('end', () => listener.disconnect());
    return listener;
  };
}
