import { messageOf } from '../../errors.ts';
import type { Feed } from '../feature.ts';
import { checkOrder } from './shard-fingerprint.ts';
import { shardsOf } from './shards.ts';
import { learn, type ShardsSlice } from './state.ts';
import { status } from './status.ts';

/** One INFO a server, and the fingerprints of a list of several. */
export const feed: Feed<ShardsSlice> = {
  everyMs: 3000,
  async read({ connections, config }) {
    const [servers, mistake] = await Promise.all([
      status(connections),
      checkOrder(shardsOf(connections, config.router), { mark: false }).then(() => undefined, messageOf),
    ]);
    const nowMs = Date.now();
    return (slice) => learn(slice, servers, mistake, nowMs);
  },
};
