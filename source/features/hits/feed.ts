import { isDeepStrictEqual } from 'node:util';
import { isCluster } from '../../redis/client.ts';
import { guessServerMs } from '../../redis/clock.ts';
import type { Feed } from '../feature.ts';
import { overview, plot, seriesNames } from './read.ts';
import { type HitsSlice, learn, pointsEach } from './state.ts';

/** On one server the sums of all of these are one command; in Cluster each series costs one or two of its own. */
const atOnce = { standalone: 24, cluster: 3 };
const mostWatched = 24;
/** A bar is read when writers have had time to flush what belongs to it. */
const settleMs = 2000;

/** Reads sums every two seconds, and charts when another bar has ended. */
export const feed: Feed<HitsSlice> = {
  everyMs: 2000,

  subject: ({ stepMs }) => stepMs,

  async read({ redis }, { stepMs, untilMs, next, rows }) {
    const found = await seriesNames(redis);
    const names = found.slice(0, mostWatched).toSorted();
    const count = isCluster(redis) ? atOnce.cluster : atOnce.standalone;
    const from = next < names.length ? next : 0;
    const some = names.slice(from, from + count);
    const sums = await overview(redis, some);

    const endMs = Math.floor((guessServerMs(redis) - settleMs) / stepMs) * stepMs;
    const known = new Set(rows.filter(({ points }) => points.length > 0).map(({ series }) => series));
    const isDue = endMs !== untilMs || some.some((series) => !known.has(series));
    const wanted = { fromMs: endMs - pointsEach * stepMs, stepMs, points: pointsEach };
    const drawn = isDue && some.length > 0 ? await plot(redis, some, wanted) : undefined;
    const charts = drawn && {
      stepMs,
      untilMs: endMs,
      points: Object.fromEntries(some.map((series, i) => [series, drawn[i] ?? []])),
    };
    const reading = {
      names,
      total: found.length,
      sums,
      ...(charts && { charts }),
      next: from + count < names.length ? from + count : 0,
    };
    return (slice) => {
      const changed = learn(slice, reading);
      return isDeepStrictEqual(changed, slice) ? slice : changed;
    };
  },
};
