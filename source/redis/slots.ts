import type { Cluster } from 'ioredis';

/**
 * Looks for moved slots every now and then, as ioredis does by `slotsRefreshInterval`, which has to be 0 here: its
 * own timer is set again by an answer, or a ready check, that was under way when the client was disconnected, and
 * then keeps the process alive for good.
 */
export function refreshSlots(cluster: Cluster, everyMs = 5000): Cluster {
  const timer = setInterval(() => {
    if (cluster.status === 'ready') cluster.refreshSlotsCache();
  }, everyMs).unref();
  cluster.once('end', () => clearInterval(timer));
  return cluster;
}
