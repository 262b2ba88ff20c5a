import { isDeepStrictEqual } from 'node:util';
import { WrongTypeError } from '../../errors.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { guessServerMs } from '../../redis/clock.ts';
import { registeredPage } from '../../redis/registry.ts';
import type { Feed } from '../feature.ts';
import { openShards } from '../shards/open-shards.ts';
import { everywhere, partsOf } from '../shards/shards.ts';
import { overview, plot } from './read.ts';
import { type HitsSlice, learn, pointsEach } from './state.ts';

/** On one server the sums of all of these are one command; in Cluster each series costs one or two of its own. */
const atOnce = { standalone: 24, cluster: 3 };
const mostWatched = 24;
/** A bar is read when writers have had time to flush what belongs to it. */
const settleMs = 2000;
/** A pane is not kept waiting for one of several servers. */
const deadlineMs = 1000;

/** Reads sums every two seconds, and charts when another bar has ended. */
export const feed: Feed<HitsSlice> = {
  everyMs: 2000,

  subject: ({ stepMs }) => stepMs,

  async read(context, slice) {
    const { redis } = context;
    const shards = await openShards(context);
    const { stepMs } = slice;
    const { values, missing } = partsOf(
      await everywhere(shards, (client) => readServer(client, slice, redis), { deadlineMs }),
    );
    const charted = values.flatMap(({ points }) => points ?? []);
    const charts = charted.length > 0 && {
      stepMs,
      untilMs: Math.max(...values.map(({ endMs }) => endMs)),
      points: Object.fromEntries(charted),
    };
    const [only] = values;
    const reading = {
      names: values.flatMap(({ names }) => names),
      total: values.reduce((sum, { total }) => sum + total, 0),
      sums: values.flatMap(({ sums }) => sums),
      ...(charts && { charts }),
      next: values.length === 1 && only ? only.next : 0,
      wrong: values.flatMap(({ wrong }) => wrong),
      missing: missing.map(({ shard }) => shard),
    };
    return (now) => {
      const changed = learn(now, reading);
      return isDeepStrictEqual(changed, now) ? now : changed;
    };
  },
};

/** What one server knows; with several each sweeps through its own series at once. */
async function readServer(client: Client, { stepMs, untilMs, next, rows }: HitsSlice, clock: Client) {
  const { names: latest, total } = await registeredPage(client, 'hits', mostWatched);
  const names = latest.toSorted();
  const count = isCluster(client) ? atOnce.cluster : atOnce.standalone;
  const from = next < names.length ? next : 0;
  const some = names.slice(from, from + count);
  const foreign = new Set<string>();
  const sums = await overview(client, some, undefined, (key) => foreign.add(key));

  // One clock for all, so that bars of several servers end together.
  const endMs = Math.floor((guessServerMs(clock) - settleMs) / stepMs) * stepMs;
  const known = new Set(rows.filter(({ points }) => points.length > 0).map(({ series }) => series));
  const isDue = endMs !== untilMs || some.some((series) => !known.has(series));
  const wanted = { fromMs: endMs - pointsEach * stepMs, stepMs, points: pointsEach };
  const drawn =
    isDue && some.length > 0 ? await plot(client, some, wanted, (key) => foreign.add(key)) : undefined;
  return {
    endMs,
    names,
    total,
    sums,
    points: drawn && some.map((series, i): [string, readonly number[]] => [series, drawn[i] ?? []]),
    next: from + count < names.length ? from + count : 0,
    wrong: Array.from(foreign, (key) => new WrongTypeError(key, 'hit counter').message),
  };
}
