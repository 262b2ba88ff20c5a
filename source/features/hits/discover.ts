import * as v from 'valibot';
import type { Client } from '../../redis/client.ts';
import { serverMs } from '../../redis/clock.ts';
import { nameInKey } from '../../redis/keys.ts';
import { typedKeys } from '../../redis/scan.ts';
import { name as nameValue } from '../../values.ts';
import { bucketMs, hourMs, seedKey } from './keys.ts';
import { longestRawMs, type Overview } from './read.ts';
import { dayOf, type Window } from './windows.ts';

/**
 * Series by their keys alone: those of ours that the index lost, and the plain counters `<id>:<epoch / 10>` of programs
 * that follow the third seed. One slow SCAN of every server. Other numbers at the end of a name are told apart by being
 * no recent time.
 */
export type Found = {
  readonly own: readonly string[];
  readonly seed: readonly Overview[];
  /** Keys that are named like counters but hold something else. */
  readonly foreign: readonly string[];
};

const own = /^hits:(.+):(?:10s:\d{4}-\d\d-\d\dT\d\d|1h:\d{4}-\d\d-\d\d)$/s;
const seed = /^(.+):(\d{9})$/s;

export async function discover(client: Client, signal?: AbortSignal): Promise<Found> {
  const nowMs = await serverMs(client);
  const isRecent = (key: string): boolean => {
    const atMs = Number(seed.exec(key)?.[2]) * bucketMs;
    return atMs > nowMs - longestRawMs && atMs < nowMs + hourMs;
  };
  const names = new Set<string>();
  const buckets = new Map<string, Set<number>>();
  const foreign = new Set<string>();
  const fits = (key: string): boolean => own.test(key) || isRecent(key);
  for await (const found of typedKeys(client, { match: '*:*[0-9]', fits, ...(signal && { signal }) })) {
    for (const { key, type } of found) {
      const [, written = ''] = own.exec(key) ?? seed.exec(key) ?? [];
      const series = nameInKey(client, written);
      const expected = own.test(key) ? 'hash' : 'string';
      if (series === undefined || !v.is(nameValue, series) || type !== expected) foreign.add(key);
      else if (expected === 'hash') names.add(series);
      else buckets.set(series, (buckets.get(series) ?? new Set()).add(Number(seed.exec(key)?.[2])));
    }
  }
  const overviews: Overview[] = [];
  for (const [series, times] of buckets) {
    const counts = await countsOf(client, series, [...times]);
    for (const bucket of counts.foreign) foreign.add(seedKey(client, series, bucket));
    if (counts.hits.length > 0) overviews.push(overviewOf(series, counts.hits, nowMs));
  }
  return { own: [...names].toSorted(), seed: overviews, foreign: [...foreign] };
}

const keysAtOnce = 1000;

/** What the plain counters of one series hold, and those that hold no number. */
async function countsOf(client: Client, series: string, buckets: readonly number[]) {
  const hits: [bucket: number, count: number][] = [];
  const foreign: number[] = [];
  for (let from = 0; from < buckets.length; from += keysAtOnce) {
    const some = buckets.slice(from, from + keysAtOnce);
    const texts = await client.mget(some.map((bucket) => seedKey(client, series, bucket)));
    for (const [index, text] of texts.entries()) {
      const bucket = some[index] ?? 0;
      // Expired meanwhile.
      if (text === null) continue;
      if (/^\d+$/.test(text)) hits.push([bucket, Number(text)]);
      else foreign.push(bucket);
    }
  }
  return { hits, foreign };
}

function overviewOf(series: string, hits: readonly (readonly [number, number])[], nowMs: number): Overview {
  const sum = ({ fromMs, toMs }: Window): number =>
    hits.reduce((total, [bucket, count]) => {
      const isIn = bucket >= Math.floor(fromMs / bucketMs) && bucket < Math.ceil(toMs / bucketMs);
      return isIn ? total + count : total;
    }, 0);
  const { todayMs, yesterday } = dayOf(nowMs);
  const endMs = nowMs + hourMs;
  return {
    series,
    today: sum({ fromMs: todayMs, toMs: endMs }),
    yesterday: sum(yesterday),
    lastHour: sum({ fromMs: nowMs - hourMs, toMs: endMs }),
    layout: 'seed',
  };
}

/** The parts that several servers hold of the same series, added up; by name. */
export function merged(overviews: readonly Overview[]): readonly Overview[] {
  const byName = Map.groupBy(overviews, ({ series }) => series);
  const total = (parts: readonly Overview[], field: 'today' | 'yesterday' | 'lastHour'): number =>
    parts.reduce((sum, part) => sum + part[field], 0);
  return [...byName]
    .map(
      ([series, parts]): Overview => ({
        series,
        today: total(parts, 'today'),
        yesterday: total(parts, 'yesterday'),
        lastHour: total(parts, 'lastHour'),
        layout: 'seed',
      }),
    )
    .toSorted((a, b) => (a.series < b.series ? -1 : 1));
}
