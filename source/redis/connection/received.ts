import type { Socket } from 'node:net';
import { type Client, isCluster } from '../client.ts';

/** Bytes that a client's servers have sent it so far, over all of its connections, those that ended included. */
export function countReceived(client: Client): () => number {
  const known = new WeakMap<Socket, number>();
  let total = 0;
  return () => {
    for (const each of isCluster(client) ? client.nodes() : [client]) {
      const { stream } = each;
      if (!stream) continue;
      total += stream.bytesRead - (known.get(stream) ?? 0);
      known.set(stream, stream.bytesRead);
    }
    return total;
  };
}
