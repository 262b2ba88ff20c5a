import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { Redis, type RedisOptions } from 'ioredis';

/**
 * Stands between a client and a private redis-server, and breaks connections at the worst moment.
 *
 * The moment that matters: Redis has executed a command, the reply is lost, and ioredis sends the command again. What
 * is not written for that happens twice.
 *
 *     const proxy = await startFaultProxy(server.socket);
 *     const redis = proxy.client();
 *     const lost = proxy.swallowReplyTo('EVAL');
 *     const id = await send(redis, 'ops', 'ann', 'once'); // executed, cut, sent again
 *     await lost;
 *     // now there must be one message, and `id` is its id
 *
 * `cut` breaks every connection where it stands; `silence` keeps them open and passes nothing on, as a failed-over
 * primary or a dropped NAT entry does.
 */
export type FaultProxy = {
  /** The unix socket to connect to instead of the server's. */
  readonly socket: string;
  /** A client through the proxy, with the defaults of `RedisServer.client`. */
  client(options?: Omit<RedisOptions, 'replyMapping'>): Redis;
  /**
   * Passes on the next request that contains `marker` (such as a command's name or a word of its arguments), drops
   * what Redis answers from then on, and cuts that connection. Resolves when that has happened.
   */
  swallowReplyTo(marker: string): Promise<void>;
  /** Cuts every connection now; clients may come back at once. */
  cut(): void;
  /** Passes nothing on any more, in either direction, until the function it returns is called. */
  silence(): () => void;
  /** How many connections were accepted so far: more than expected means that somebody came back. */
  accepted(): number;
  close(): Promise<void>;
};

type Trap = { readonly marker: string; sprung(): void };
type Link = { readonly client: Socket; readonly upstream: Socket; sprung: Trap | undefined };

export async function startFaultProxy(upstreamSocket: string): Promise<FaultProxy> {
  const socket = `${upstreamSocket}.proxy${Math.random().toString(36).slice(2, 8)}`;
  const links = new Set<Link>();
  const clients = new Set<Redis>();
  const traps: Trap[] = [];
  let accepted = 0;
  let isSilent = false;

  const cut = (link: Link): void => {
    links.delete(link);
    link.client.destroy();
    link.upstream.destroy();
    // Cut by somebody else before the answer came: it is lost just as well.
    link.sprung?.sprung();
    link.sprung = undefined;
  };

  const server = createServer((client) => {
    accepted += 1;
    const upstream = createConnection(upstreamSocket);
    const link: Link = { client, upstream, sprung: undefined };
    links.add(link);
    if (isSilent) pause(link);
    let tail = '';

    client.on('data', (data) => {
      // A request may come in pieces, so the end of the last one is looked at too.
      const seen = tail + data.toString('latin1');
      const found = traps.findIndex(({ marker }) => seen.includes(marker));
      tail = seen.slice(-256);
      if (found !== -1 && !link.sprung) [link.sprung] = traps.splice(found, 1);
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (link.sprung) cut(link);
      else client.write(data);
    });
    for (const end of [client, upstream]) {
      end.on('error', () => cut(link));
      end.on('close', () => cut(link));
    }
  });
  server.listen(socket);
  await once(server, 'listening');

  return {
    socket,
    client(options = {}) {
      const redis = new Redis({
        path: socket,
        maxRetriesPerRequest: null,
        retryStrategy: () => 10,
        ...options,
      });
      redis.on('error', () => {});
      clients.add(redis);
      return redis;
    },
    swallowReplyTo: (marker) =>
      new Promise((resolve) => {
        traps.push({ marker, sprung: resolve });
      }),
    cut() {
      for (const link of links) cut(link);
    },
    silence() {
      isSilent = true;
      for (const link of links) pause(link);
      return () => {
        isSilent = false;
        for (const { client, upstream } of links) {
          client.resume();
          upstream.resume();
        }
      };
    },
    accepted: () => accepted,
    async close() {
      for (const redis of clients) redis.disconnect();
      for (const link of links) cut(link);
      const closed = once(server, 'close');
      server.close();
      await closed;
      rmSync(socket, { force: true });
    },
  };
}

function pause({ client, upstream }: Link): void {
  client.pause();
  upstream.pause();
}
