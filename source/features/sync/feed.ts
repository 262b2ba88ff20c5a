import type { Feed } from '../feature.ts';
import { learn, type SyncSlice } from './state.ts';
import { glance } from './status.ts';

/** Two or three commands a channel. */
export const feed: Feed<SyncSlice> = {
  everyMs: 2000,
  async read({ redis }) {
    const wrong: string[] = [];
    const targets = await glance(redis, (message) => wrong.push(message));
    return (slice) => learn(slice, targets, wrong);
  },
};
