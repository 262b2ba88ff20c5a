import type { Cluster, Redis } from 'ioredis';

/** What every primitive takes: one server (or the master a Sentinel group names), or a cluster. */
export type Client = Redis | Cluster;

export function isCluster(client: Client): client is Cluster {
  return 'nodes' in client;
}
