import { WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { serverMs } from '../../redis/clock.ts';
import { register } from '../../redis/registry.ts';
import { UnknownNameError } from '../../unknown-name.ts';
import type { ReadContext } from '../feature.ts';
import type { ShardDownError } from '../shards/errors.ts';
import { inTime, openShards } from '../shards/open-shards.ts';
import { askOwner, everywhere, gather, partsOf } from '../shards/shards.ts';
import { discover, merged } from './discover.ts';
import { Hits, type HitsOptions } from './hits.ts';
import { isKnown, type Overview, overview, type Points, type Sum, seriesNames } from './read.ts';
import { countsIn, type ReadCounts, seedPointsBy, seedSumBy } from './read-seed.ts';

/**
 * Hits over several servers. A series lives on the one its name is routed to; plain keys are
 * spread each by its own name, so that a day's sum is asked of all servers at once. With one server everything is
 * asked of that one, as if there were no shards.
 */
type Context = Pick<ReadContext, 'redis' | 'connections' | 'config' | 'warn'>;

/** What was found, and which servers' part of it is missing. */
export type Part<Value> = { readonly found: Value; readonly missing: readonly ShardDownError[] };

/** A counter whose series go each to its own server. @throws {ShardOrderError} */
export async function hitsOver(context: Context, options: HitsOptions): Promise<Hits> {
  const shards = await openShards(context, { mark: true });
  if (shards.urls.length === 1) return new Hits(context.redis, options);
  if (options.layout === 'seed') await everywhere(shards, serverMs);
  return new Hits(context.redis, { ...options, clientOf: shards.clientOf });
}

/** Sends what was counted. @throws {ShardDownError} when one of several servers does not take its part in time */
export async function closeOver(context: Context, hits: Hits): Promise<void> {
  await inTime(await openShards(context), context.config.timeoutMs, hits.close());
}

/** Asks about one series where it lives. @throws {ShardDownError} when that server, of several, is down */
export async function askSeries<Value>(
  context: Context,
  series: string,
  ask: (client: Client) => Promise<Value>,
): Promise<Value> {
  return await askOwner(await openShards(context), series, ask, { deadlineMs: context.config.timeoutMs });
}

/** @throws {UnknownNameError} when nobody ever counted a series of this name */
export async function requireSeries(context: Context, series: string): Promise<void> {
  if (await askSeries(context, series, (client) => isKnown(client, series))) return;
  const { values } = partsOf(await everywhere(await openShards(context), (client) => seriesNames(client)));
  throw new UnknownNameError('hits', 'series', series, values.flat());
}

export async function sumOver(
  context: Context,
  series: string,
  sinceMs: number | 'today',
): Promise<Part<Sum>> {
  return await readSpread(context, (read, clock) => seedSumBy(read, clock, series, sinceMs));
}

export async function pointsOver(
  context: Context,
  series: string,
  window: { readonly stepMs: number; readonly sinceMs: number },
): Promise<Part<Points>> {
  return await readSpread(context, (read, clock) => seedPointsBy(read, clock, series, window));
}

/** Every series of every server at a glance, by name. */
export async function overviewOver(context: Context): Promise<Part<readonly Overview[]>> {
  const shards = await openShards(context);
  const foreign = new Set<string>();
  const all = async (client: Client) => {
    const names = await seriesNames(client, undefined, (cut) => context.warn?.(cut));
    return await overview(client, names.toSorted(), undefined, (key) => foreign.add(key));
  };
  const { values, missing } = partsOf(await everywhere(shards, all));
  for (const key of foreign) context.warn?.(new WrongTypeError(key, 'hit counter').message);
  const found = values.flat();
  return {
    found: values.length < 2 ? found : found.toSorted((a, b) => (a.series < b.series ? -1 : 1)),
    missing,
  };
}

/**
 * The same with what only the keys tell of: series that the index lost, which are put back, and those of other
 * programs. Looks through all keys of every server, at a bounded rate.
 */
export async function discoverOver(
  context: Context,
  signal: AbortSignal,
): Promise<Part<readonly Overview[]> & { readonly foreign: readonly string[] }> {
  const shards = await openShards(context);
  const { readOnly, timeoutMs: deadlineMs } = context.config;
  const look = async (client: Client) => {
    const { own, seed, foreign } = await discover(client, signal);
    if (!readOnly) await Promise.all(own.map((series) => register(client, 'hits', series, { isNew: true })));
    const names = new Set([...(await seriesNames(client, undefined, (cut) => context.warn?.(cut))), ...own]);
    const wrong = new Set(foreign);
    const all = await overview(client, [...names].toSorted(), undefined, (key) => wrong.add(key));
    return { own: all, seed, foreign: [...wrong] };
  };
  const { values, missing } = partsOf(await everywhere(shards, look, { deadlineMs, isLong: true }));
  const own = values.flatMap((part) => part.own).toSorted((a, b) => (a.series < b.series ? -1 : 1));
  const seed = merged(values.flatMap((part) => part.seed));
  return { found: [...own, ...seed], missing, foreign: values.flatMap((part) => part.foreign) };
}

/** Reads plain keys from wherever each lives; those of a missing server count as 0, and it is reported. */
async function readSpread<Value>(
  context: Context,
  ask: (read: ReadCounts, clock: Client) => Promise<Value>,
): Promise<Part<Value>> {
  const shards = await openShards(context);
  const clocks = await everywhere(shards, serverMs);
  const answering = clocks.findIndex(({ ok }) => ok);
  let missing = partsOf(clocks).missing;
  const read = async (keys: readonly string[]): Promise<readonly number[]> => {
    const gathered = await gather(shards, keys, countsIn, { absent: 0 });
    missing = gathered.missing;
    return gathered.values;
  };
  const found = await ask(read, shards.client(Math.max(0, answering)));
  return { found, missing };
}
