import { UnsupportedClientError } from '../errors.ts';
import { type Client, isCluster } from './client.ts';
import { quietReadyCheck } from './connection/ready-check.ts';
import { refreshSlots } from './slots.ts';

/**
 * In Cluster a channel is a sharded one: it lives in the slot of its name, as the keys of the family that it is about.
 * These are the only places that choose between the two kinds.
 */
export function publishCommand(client: Client): 'PUBLISH' | 'SPUBLISH' {
  return isCluster(client) ? 'SPUBLISH' : 'PUBLISH';
}

/** What a client emits when a message comes. */
export function messageEvent(client: Client): 'message' | 'smessage' {
  return isCluster(client) ? 'smessage' : 'message';
}

/**
 * Refuses a cluster that sends SSUBSCRIBE to any of its servers, where it ends in redirections: the one of iovalkey, and
 * one of ioredis without `shardedSubscribers`.
 * @throws {UnsupportedClientError}
 */
export function assertHears(client: Client): void {
  if (!isCluster(client) || typeof Reflect.get(client, 'shardedSubscribers') === 'object') return;
  throw new UnsupportedClientError('it is a Cluster that hears no sharded channels', {
    hint: 'Pass `subscriber` with a Cluster of ioredis and `shardedSubscribers: true`; until then Redis is asked about once a second',
  });
}

/**
 * Resolves once the server confirmed all of them.
 * @throws {UnsupportedClientError} for a cluster that cannot hear them
 */
export async function subscribeTo(client: Client, channels: readonly string[]): Promise<void> {
  assertHears(client);
  // Channels of one call must share a slot in Cluster, so there they go one by one.
  if (isCluster(client)) await Promise.all(channels.map((channel) => client.ssubscribe(channel)));
  else await client.subscribe(...channels);
}

export async function unsubscribeFrom(client: Client, channels: readonly string[]): Promise<void> {
  if (isCluster(client)) await Promise.all(channels.map((channel) => client.sunsubscribe(channel)));
  else await client.unsubscribe(...channels);
}

/** The ACL rule that allows a channel and its like: `&lock-wake:*` for `lock-wake:deploy`. */
export function channelRule(channel: string): string {
  const family = channel.slice(0, channel.lastIndexOf(':') + 1);
  return `&${family === '' ? channel : `${family}*`}`;
}

/** A second connection like this one, for subscriptions; it waits for a lost server without end. */
export function openListener(client: Client): Client {
  return isCluster(client)
    ? refreshSlots(client.duplicate([], { shardedSubscribers: true, slotsRefreshInterval: 0 }))
    : quietReadyCheck(client.duplicate({ maxRetriesPerRequest: null }), () => {});
}

/** How to open one that closes with the client. */
export function ownListener(client: Client): () => Client {
  return () => {
    const listener = openListener(client);
    // What is lost is found by polling; the connection comes back by itself.
    listener.on('error', () => {});
    client.once('end', () => listener.disconnect());
    return listener;
  };
}
