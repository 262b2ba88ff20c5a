import { isDeepStrictEqual } from 'node:util';
import { isCluster } from '../../redis/client.ts';
import type { Feed } from '../feature.ts';
import { pageOver } from './spread.ts';
import { type LimitSlice, learn } from './state.ts';

/** On one server all of these are one command; in Cluster each costs one of its own, so it sweeps through them. */
const atOnce = { standalone: 300, cluster: 6 };
/** Limits noted longer ago than this many others are not watched. */
const mostWatched = 300;
/** A pane is not kept waiting for one of several servers. */
const deadlineMs = 1000;

/** Reads the most recently used limits, two commands a second. */
export const feed: Feed<LimitSlice> = {
  everyMs: 1000,

  async read(context, { next }) {
    const { redis } = context;
    const count = isCluster(redis) ? atOnce.cluster : atOnce.standalone;
    const skip = next < mostWatched ? next : 0;
    const { total, limits, missing } = await pageOver(context, { count, skip, deadlineMs });
    const reading = {
      total,
      limits: limits.map(({ layout: _, ...use }) => use),
      skip,
      nowMs: Date.now(),
      missing: missing.map(({ shard }) => shard),
    };
    return (slice) => {
      const changed = learn(slice, reading);
      return isDeepStrictEqual(changed, slice) ? slice : changed;
    };
  },
};
