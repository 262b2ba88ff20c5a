import { Redis } from 'ioredis';
import { UnreachableError } from '../errors.ts';
import type { Connection } from './connect.ts';

/**
 * What stands in the place of a connection where none is wanted, as in a replay: it opens no socket, and every command
 * is refused at once.
 */
export function noConnection(url: string, kind: Connection['kind'] = 'standalone'): Connection {
  const ask = closedClient();
  const state = { name: 'connecting', sinceMs: Date.now(), attempt: 0 } as const;
  const refuse = async (): Promise<never> => {
    throw new UnreachableError(url, undefined, 'this runs without Redis');
  };
  return {
    kind,
    url,
    ask,
    listen: () => ask,
    state: () => state,
    onState: () => () => {},
    ready: refuse,
    // It never was there to be lost.
    lost: () => new Promise(() => {}),
    sent: () => 0,
    close() {},
  };
}

/** A client that was ended before it connected: it rejects whatever it is given. */
function closedClient(): Redis {
  const client = new Redis({ lazyConnect: true });
  client.disconnect();
  return client;
}
