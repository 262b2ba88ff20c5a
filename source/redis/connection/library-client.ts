import { UnsupportedClientError } from '../../errors.ts';
import type { Listening, Redis } from '../../library-types.ts';
import { assertHears, ownListener } from '../channels.ts';
import { assertSupported, type Client, isCluster } from '../client.ts';

/**
 * The client of a library user as the one that our primitives take; what comes in is looked at once.
 * @throws {UnsupportedClientError} for other libraries' clients, and for `keyPrefix` and `stringNumbers`
 */
export function clientOf(redis: Redis): Client {
  // A shape cannot be proved to be a class of ioredis; what we call on it beyond the shape is in all of them.
  const client = redis as Client;
  assertSupported(client);
  return client;
}

/**
 * How to make the second connection that a call needs: the one the caller gave, or one like the first. Making it throws
 * an `UnsupportedClientError` for one that hears nothing of what the first one says.
 */
export function listenerOf(redis: Client, { subscriber }: Listening): () => Client {
  if (subscriber)
    return () => {
      const listener = clientOf(subscriber());
      if (isCluster(listener) !== isCluster(redis))
        throw new UnsupportedClientError('`subscriber` and the client are not both a Cluster', {
          hint: 'Let `subscriber` connect to the same servers in the same way',
        });
      assertHears(listener);
      return listener;
    };
  return ownListener(redis);
}
