import type { Redis as ServerClient } from 'ioredis';
import type { Call, Redis, Support } from '../../library-types.ts';
import { publishCommand } from '../channels.ts';
import { type Client, isCluster } from '../client.ts';
import { clientOf } from '../connection/library-client.ts';
import { isReplyError, refusalSort } from '../refusals.ts';
import { parseInfo } from './parse-info.ts';
import { serverOf } from './server-version.ts';

/** The fields of INFO; none where the server does not tell, or not this user. */
export async function infoOf(server: ServerClient): Promise<Readonly<Record<string, string>>> {
  try {
    return parseInfo(await server.info());
  } catch (error) {
    if (refusalSort(error) === 'lasting') return {};
    throw error;
  }
}

const found = new WeakMap<Client, Promise<Support>>();

/**
 * What the server is, and which abilities that some calls need are missing or refused there: `info` (figures of the
 * server), `script-flags` (everything), `memory-usage` (exact budgets), `channels` or, in a cluster, `sharded-pubsub`
 * (without them waiting is polling). Asked once for each client.
 * @throws {UnsupportedClientError} for a client that cannot be used at all
 */
export async function checkSupport(redis: Redis, { signal }: Call = {}): Promise<Support> {
  const client = clientOf(redis);
  signal?.throwIfAborted();
  const asked = found.get(client) ?? askSupport(client);
  found.set(client, asked);
  // What could not be found out may be asked again.
  asked.catch(() => found.delete(client));
  return await asked;
}

/** The channels of each family that has some: a user may have been granted those of one and no others. */
const channels = ['lock-wake:quarterdeck', 'topic:msgs:quarterdeck', 'chat:quarterdeck', 'ship:quarterdeck'];

async function askSupport(client: Client): Promise<Support> {
  const { name, version } = await serverOf(client);
  const publish = publishCommand(client);
  const [scriptFlags, memoryUsage, ...heard] = await Promise.all([
    isThere(client.call('EVAL', '#!lua flags=no-writes\nreturn 1', '0')),
    isThere(client.call('EVAL', "return redis.call('MEMORY', 'USAGE', KEYS[1])", '1', 'quarterdeck:')),
    ...channels.map((channel) => isThere(client.call(publish, channel, ''))),
  ]);
  const missing = [
    ...(version === undefined ? ['info'] : []),
    ...(scriptFlags ? [] : ['script-flags']),
    ...(memoryUsage ? [] : ['memory-usage']),
    ...(heard.some(Boolean) ? [] : [isCluster(client) ? 'sharded-pubsub' : 'channels']),
  ];
  return { server: name, version, missing };
}

/** A server that is full, or still loads, lacks nothing for good; a connection that ends has answered nothing. */
async function isThere(attempt: Promise<unknown>): Promise<boolean> {
  try {
    await attempt;
    return true;
  } catch (error) {
    if (isReplyError(error)) return refusalSort(error) === 'passing';
    throw error;
  }
}
