import { lookup } from 'node:dns';
import type { Cluster, Redis } from 'ioredis';
import { isTlsRefusal } from '../errors.ts';

/**
 * Tells why no node of a Cluster could be asked. ioredis 6 asks each node through a copy of its client, drops what the
 * copy meets, and says that the slots could not be refreshed; where a name has no address it says nothing. The reason
 * becomes the `lastNodeError` of its failure.
 */
export function tellReasons(cluster: Cluster): Cluster {
  let reason: Error | undefined;
  cluster.on('+node', (node: Redis) => {
    const duplicate = node.duplicate.bind(node);
    node.duplicate = (override) => {
      const copy = duplicate(override);
      copy.on('error', (error: Error) => {
        // Each of the nodes has its own: what must be mended by hand comes first, and no mere end takes its place.
        if (isTlsRefusal(reason) || (reason && /ECONNRESET|EPIPE/.test(error.message))) return;
        reason = error;
      });
      return copy;
    };
  });
  cluster.on('error', (error: Error) => {
    if (reason && isSilent(nodeFault(error))) Object.assign(error, { lastNodeError: reason });
    reason = undefined;
  });
  return cluster;
}

/** What the node that was asked last said, or what became of its connection. */
export function nodeFault(error: Error): Error | undefined {
  return 'lastNodeError' in error && error.lastNodeError instanceof Error ? error.lastNodeError : undefined;
}

/** Nothing but that there was no answer. */
export function isSilent(error: Error | undefined): boolean {
  return error !== undefined && /^(Connection is closed\.|timeout)$/.test(error.message);
}

/**
 * The address of a name, or the name itself, which then fails as that of one node: ioredis 6 asks none of the nodes
 * where one of their names has no address.
 */
export function addressOrName(
  name: string,
  done: (error: NodeJS.ErrnoException | null | undefined, address: string, family?: number) => void,
): void {
  lookup(name, (error, address, family) => {
    if (error) done(null, name);
    else done(null, address, family);
  });
}
