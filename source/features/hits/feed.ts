import { isDeepStrictEqual } from 'node:util';
import { WrongTypeError } from '../../errors.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { guessServerMs } from '../../redis/clock.ts';
import { registeredPage } from '../../redis/registry.ts';
import type { Feed } from '../feature.ts';
import { openShards } from '../shards/open-shards.ts';
import { everywhere, partsOf } from '../shards/shards.ts';
import { overview, plot } from './read.ts';
import { type HitsSlice, learn, pointsEach, type Reading } from './state.ts';

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
      wrong: wrongOf(values),
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
  const wrong = new Set<string>();
  const sums = await overview(client, some, undefined, (key) => wrong.add(sentenceOf(key)));

  // One clock for all, so that bars of several servers end together.
  const endMs = Math.floor((guessServerMs(clock) - settleMs) / stepMs) * stepMs;
  const known = new Set(rows.filter(({ points }) => points.length > 0).map(({ series }) => series));
  const isDue = endMs !== untilMs || some.some((series) => !known.has(series));
  const wanted = { fromMs: endMs - pointsEach * stepMs, stepMs, points: pointsEach };
  const wrongCharts = new Set<string>();
  const drawn =
    isDue && some.length > 0
      ? await plot(client, some, wanted, (key) => wrongCharts.add(sentenceOf(key)))
      : undefined;
  return {
    endMs,
    names,
    total,
    sums,
    points: drawn && some.map((series, i): [string, readonly number[]] => [series, drawn[i] ?? []]),
    next: from + count < names.length ? from + count : 0,
    from,
    wrong: [...wrong],
    wrongCharts: drawn && [...wrongCharts],
  };
}

function sentenceOf(key: string): string {
  return new WrongTypeError(key, 'hit counter').message;
}

/** Of several servers, each of which looked at its own series. */
function wrongOf(values: readonly Awaited<ReturnType<typeof readServer>>[]): NonNullable<Reading['wrong']> {
  const [only] = values;
  const charts = values.flatMap(({ wrongCharts }) => wrongCharts ?? []);
  return {
    from: values.length === 1 && only ? only.from : 0,
    sums: values.flatMap(({ wrong }) => wrong),
    ...(values.some(({ wrongCharts }) => wrongCharts) && { charts }),
  };
}
