import type { Redis } from 'ioredis';
import { type Client, isCluster } from '../../redis/client.ts';

/** A connection for subscriptions, like the one given; it waits for a lost server without end. */
export function openListener(client: Client): Client {
  return isCluster(client)
    ? client.duplicate([], { shardedSubscribers: true })
    : client.duplicate({ maxRetriesPerRequest: null });
}

/** A connection for commands that wait: they hold up no others, and notice a server that fell silent. */
export function openReader(listener: Redis, waitMs: number): Redis {
  return listener.duplicate({
    maxRetriesPerRequest: null,
    socketTimeout: waitMs + 5000,
    enableAutoPipelining: false,
  });
}
