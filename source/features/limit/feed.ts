import { isDeepStrictEqual } from 'node:util';
import { isCluster } from '../../redis/client.ts';
import type { Feed } from '../feature.ts';
import { pageOver } from './spread.ts';
import { type LimitSlice, learn, mostWatched } from './state.ts';

/** On one server all of these are one command; in Cluster each costs one of its own, so it sweeps through them. */
const atOnce = { standalone: 300, cluster: 6 };
/** A pane is not kept waiting for one of several servers. */
const deadlineMs = 1000;

/**
 * Reads the most recently used limits, two commands a second; where there are more than are watched, also the next page
 * of the others, so that what is full among them is known, some minutes old.
 */
export const feed: Feed<LimitSlice> = {
  everyMs: 1000,

  isWhole: ({ isWhole }) => isWhole,

  async read(context, { next, round }) {
    const { redis } = context;
    const count = isCluster(redis) ? atOnce.cluster : atOnce.standalone;
    const skip = next < mostWatched ? next : 0;
    const [{ total, limits, missing, met, wrong }, older] = await Promise.all([
      pageOver(context, { count, skip, deadlineMs }),
      round && pageOver(context, { count, skip: round.skip, deadlineMs }),
    ]);
    const watched = ({ layout: _, ...use }: (typeof limits)[number]) => use;
    const reading = {
      total,
      limits: limits.map(watched),
      skip,
      met,
      wrong,
      older: older && round && { ...older, skip: round.skip, limits: older.limits.map(watched) },
      nowMs: Date.now(),
      missing: missing.map(({ shard }) => shard),
    };
    return (slice) => {
      const changed = learn(slice, reading);
      return isDeepStrictEqual(changed, slice) ? slice : changed;
    };
  },
};
