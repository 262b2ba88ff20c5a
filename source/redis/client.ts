import type { Cluster, Redis } from 'ioredis';
import { UnsupportedClientError } from '../errors.ts';

/** What every primitive takes: one server (or the master a Sentinel group names), or a cluster. */
export type Client = Redis | Cluster;

export function isCluster(client: Client): client is Cluster {
  return 'nodes' in client;
}

/** Every server that holds keys: the masters of a cluster, else the one server. Waits for a cluster's map. */
export async function masters(client: Client): Promise<readonly Redis[]> {
  if (!isCluster(client)) return [client];
  // Before `ready` nodes() is empty, and a loop over nothing would silently do nothing.
  if (client.status !== 'ready') await new Promise((resolve) => client.once('ready', resolve));
  return client.nodes('master');
}

const supported = new WeakSet<Client>();

/**
 * Refuses a client that would change names or replies behind our back. Costs one look into a set after the first
 * call; everything that joins keys or runs a script comes through here.
 *
 * `keyPrefix` reaches neither channels, nor SCAN, nor names that scripts join, so that one thing would lie in two
 * namespaces; with `stringNumbers` no reply can be distinguished from a text; with `scaleReads` what was just written
 * is looked for on a replica; the Cluster of iovalkey pipelines scripts by their digests, as if these were keys.
 * @throws {UnsupportedClientError} for these options, and for clients that are no ioredis or iovalkey
 */
export function assertSupported(client: Client): void {
  if (supported.has(client)) return;
  const reason = whyUnsupported(client);
  if (reason !== undefined) throw new UnsupportedClientError(reason);
  supported.add(client);
}

function whyUnsupported(client: unknown): string | undefined {
  if (typeof client !== 'object' || client === null)
    return `expected an ioredis client, got ${typeof client}`;
  if (typeof Reflect.get(client, 'createBuiltinCommand') !== 'function')
    return 'it is no client of ioredis or iovalkey';
  const options = objectIn(client, 'options');
  // Where these clients learned of sharded channels, they also learned to sort scripts by their keys.
  const isEarlyCluster = 'nodes' in client && !('shardedSubscribers' in options);
  if (isEarlyCluster && Reflect.get(options, 'enableAutoPipelining') === true)
    return 'its option `enableAutoPipelining` sends scripts for several slots of a Cluster together';
  // A cluster hands these to the connection of each node.
  for (const found of [options, objectIn(options, 'redisOptions')]) {
    const prefix: unknown = Reflect.get(found, 'keyPrefix');
    if (typeof prefix === 'string' && prefix !== '')
      return `its option \`keyPrefix\` (\`${prefix}\`) would reach only some of the keys and no channel`;
    if (Reflect.get(found, 'stringNumbers') === true)
      return 'its option `stringNumbers` makes numbers into texts';
    const readsFrom: unknown = Reflect.get(found, 'scaleReads');
    if (readsFrom !== undefined && readsFrom !== 'master')
      return 'its option `scaleReads` reads from replicas, which may lack what was just written';
  }
}

function objectIn(holder: object, name: string): object {
  const found: unknown = Reflect.get(holder, name);
  return typeof found === 'object' && found !== null ? found : {};
}
