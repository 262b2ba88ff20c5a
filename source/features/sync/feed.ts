import type { Feed } from '../feature.ts';
import { learn, type SyncSlice } from './state.ts';
import { status } from './status.ts';

/** Three commands a channel. */
export const feed: Feed<SyncSlice> = {
  everyMs: 2000,
  async read({ redis }) {
    const targets = await status(redis);
    return (slice) => learn(slice, targets);
  },
};
