import { UnsupportedClientError } from '../../errors.ts';
import { cancellable, watched } from '../../library-calls.ts';
import type { Call, Handle, Redis, Watched } from '../../library-types.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { clientOf } from '../../redis/connection/library-client.ts';
import { parseInfo } from '../../redis/server/parse-info.ts';
import type { RouterName } from './router.ts';
import { checkOrder } from './shard-fingerprint.ts';
import { shardsOf } from './shards.ts';

// quarterdeck/shards: several servers as one; a key lives where the router says.

export { CrossShardError, ShardDownError, ShardOrderError } from './errors.ts';
export { makeRouter, type Router, type RouterName } from './router.ts';

/** Servers in the order their data was written with. */
export interface Ring extends Handle {
  readonly clients: readonly Redis[];
  /** Which server a key lives on, from 0. */
  indexOf(key: string): number;
  clientOf(key: string): Redis;
}

export interface Status {
  readonly shard: number;
  readonly role: 'primary' | 'replica' | undefined;
  readonly state: 'up' | 'down';
  readonly usedBytes: number | undefined;
  readonly keys: number | undefined;
}

/**
 * @param clients in the original order; closing the ring leaves them open
 * @param options.router how keys are spread: `crc32-signed` unless given, as the command line does
 * @throws {ShardOrderError} when these servers' data was written with another list
 * @throws {UnsupportedClientError} for a Cluster, which spreads its keys itself
 */
export async function open(
  clients: readonly Redis[],
  { router = 'crc32-signed', ...call }: Call & { readonly router?: RouterName } = {},
): Promise<Ring> {
  const shards = shardsOf(
    clients.map((redis) => ({ url: addressOf(redis), ask: serverOf(redis) })),
    router,
  );
  if (clients.length > 1) await cancellable(call, () => checkOrder(shards, { mark: true }));
  const close = async (): Promise<void> => {};
  return {
    clients,
    indexOf: (key) => shards.route(key),
    clientOf: (key) => {
      const client = clients[shards.route(key)];
      if (!client) throw new RangeError('a ring has at least one server');
      return client;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Every server of a ring; one that does not answer within two seconds is `down`. */
export async function list(ring: Ring, options: Call = {}): Promise<Status[]> {
  return await cancellable(options, () =>
    Promise.all(ring.clients.map((redis, shard) => statusOf(redis, shard))),
  );
}

/** One server of a ring, by its place from 0; undefined if there is none. It is `down` without an answer in two seconds. */
export async function status(ring: Ring, shard: number, options: Call = {}): Promise<Status | undefined> {
  const redis = ring.clients[shard];
  return redis && (await cancellable(options, () => statusOf(redis, shard)));
}

const timeoutMs = 2000;

async function statusOf(redis: Redis, shard: number): Promise<Status> {
  const client = clientOf(redis);
  try {
    return { shard, ...(await cancellable({ signal: AbortSignal.timeout(timeoutMs) }, () => look(client))) };
  } catch {
    return { shard, role: undefined, state: 'down', usedBytes: undefined, keys: undefined };
  }
}

export function watch(ring: Ring, options: Watched = {}): AsyncIterable<Status[]> {
  return watched(() => list(ring), options);
}

async function look(client: Client): Promise<Omit<Status, 'shard'>> {
  // Whoever may not ask INFO still has a server that answers.
  const info = await client.info().then(parseInfo, () => undefined);
  if (!info) await client.ping();
  const role = info?.role === 'master' ? 'primary' : info?.role === 'slave' ? 'replica' : undefined;
  const keys = info
    ? Object.entries(info)
        .filter(([name]) => /^db\d+$/.test(name))
        .reduce((sum, [, text]) => sum + Number(/keys=(\d+)/.exec(text)?.[1] ?? 0), 0)
    : undefined;
  return {
    role,
    state: 'up',
    usedBytes: info?.used_memory === undefined ? undefined : Number(info.used_memory),
    keys,
  };
}

function serverOf(redis: Redis): Client {
  const client = clientOf(redis);
  if (isCluster(client))
    throw new UnsupportedClientError('a Cluster is no shard: it spreads its keys itself');
  return client;
}

/**
 * How the command line would name this server: `ketama` spreads keys by these names. Behind sentinels a shard is a group,
 * and keeps its name when another server takes over.
 */
function addressOf(redis: Redis): string {
  const options: unknown = Reflect.get(redis, 'options');
  const { host, port, path, sentinels, name } = (
    typeof options === 'object' && options !== null ? options : {}
  ) as {
    readonly [name: string]: unknown;
  };
  if (Array.isArray(sentinels)) return `redis+sentinel://${encodeURIComponent(String(name))}`;
  return typeof path === 'string' ? `unix://${path}` : `redis://${String(host)}:${String(port)}`;
}

export {
  /** @deprecated since 0.2: `open`; over several servers the command line's own parts are used */
  inTime,
  /** @deprecated since 0.2: `open`; over several servers the command line's own parts are used */
  missingHeadline,
  /** @deprecated since 0.2: `open`; over several servers the command line's own parts are used */
  openShards,
  /** @deprecated since 0.2: `open`; over several servers the command line's own parts are used */
  tellMissing,
} from './open-shards.ts';
export {
  /** @deprecated since 0.2: `Ring` */
  askOwner,
  /** @deprecated since 0.2: `Ring` */
  everywhere,
  /** @deprecated since 0.2: `Ring` */
  gather,
  /** @deprecated since 0.2: `Ring` */
  partsOf,
  /** @deprecated since 0.2: `Ring` */
  type Shards,
} from './shards.ts';
