import { UnsupportedClientError } from '../errors.ts';
import type { Listening, Redis } from '../library-types.ts';
import { type Client, isCluster } from './client.ts';

/** Options that change what a command means, which scripts and channels cannot follow. */
const unsupported = ['keyPrefix', 'stringNumbers'] as const;

/** What of a client is looked at; both majors of ioredis and iovalkey have it, other libraries do not. */
type Looked = {
  readonly options?: Readonly<Record<string, unknown>>;
  readonly call?: unknown;
  readonly callBuffer?: unknown;
  readonly duplicate?: unknown;
};

const looked = new WeakSet<object>();

/**
 * The client of a library user as the one that our primitives take; what comes in is looked at once.
 * @throws {UnsupportedClientError} for other libraries' clients, and for `keyPrefix` and `stringNumbers`
 */
export function clientOf(redis: Redis): Client {
  if (typeof redis !== 'object' || redis === null)
    throw new UnsupportedClientError(`expected a client of ioredis, got ${String(redis)}`);
  if (!looked.has(redis)) {
    assertSupported(redis as Looked);
    looked.add(redis);
  }
  // A shape cannot be proved to be a class of ioredis; what we call on it beyond the shape is in all of them.
  return redis as Client;
}

function assertSupported(redis: Looked): void {
  const isOfIoredis = [redis.call, redis.callBuffer, redis.duplicate].every(
    (one) => typeof one === 'function',
  );
  if (!isOfIoredis)
    throw new UnsupportedClientError(
      'it has no `call`, `callBuffer` and `duplicate` as those of ioredis have',
    );
  const set = unsupported.find((name) => Boolean(redis.options?.[name] ?? optionOfNodes(redis, name)));
  if (set !== undefined) throw new UnsupportedClientError(`it was made with the option \`${set}\``);
}

/** A cluster keeps the options of its connections apart. */
function optionOfNodes(redis: Looked, name: string): unknown {
  const nodes = redis.options?.redisOptions;
  return typeof nodes === 'object' && nodes !== null ? Reflect.get(nodes, name) : undefined;
}

/** How to make the second connection that a call needs: the one the caller gave, or one like the first. */
export function listenerOf(redis: Client, { subscriber }: Listening): () => Client {
  if (subscriber) return () => clientOf(subscriber());
  return () =>
    isCluster(redis) ? redis.duplicate(undefined, { shardedSubscribers: true }) : redis.duplicate();
}
