import { Cluster, Redis } from 'ioredis';
import type { Client } from '../client.ts';
import { UnreachableError } from '../errors.ts';
import type { Connection } from './connect.ts';

/**
 * What stands in the place of a connection where none is wanted, as in a replay: it opens no socket, and every command
 * is refused at once.
 */
export function noConnection(url: string, kind: Connection['kind'] = 'standalone'): Connection {
  const ask = closedClient(kind);
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
    retryNow: () => false,
    whyUnreached: () => new UnreachableError(url, undefined, 'this runs without Redis'),
    refusal: () => undefined,
    sent: () => 0,
    close() {},
  };
}

/** A client that was ended before it connected: it rejects whatever it is given. Names are made for its kind. */
function closedClient(kind: Connection['kind']): Client {
  const options = { lazyConnect: true };
  const client = kind === 'cluster' ? new Cluster([{ port: 0 }], options) : new Redis(options);
  client.disconnect();
  return client;
}
