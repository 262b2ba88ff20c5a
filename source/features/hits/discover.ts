import * as v from 'valibot';
import { beginningsOf } from '../../redis/beginnings.ts';
import type { Client } from '../../redis/client.ts';
import { serverMs } from '../../redis/clock.ts';
import { nameInKey } from '../../redis/keys.ts';
import { typedKeys } from '../../redis/scan.ts';
import { name as nameValue } from '../../values.ts';
import { bucketMs, hourMs, plainCounter } from './keys.ts';
import { longestRawMs, type Overview } from './read.ts';
import { dayOf, type Window } from './windows.ts';

/**
 * Series by their keys alone: those of ours that the index lost, and the plain counters of other programs,
 * `<id>:<epoch of 10 s>` or `<id>:<epoch / 10>`. One slow SCAN of every server. Other numbers at the end of a name are
 * told apart by being no recent time.
 */
export type Found = {
  readonly own: readonly string[];
  readonly seed: readonly Overview[];
  /** Keys that are named like counters but hold something else. */
  readonly foreign: readonly string[];
};

const own = /^hits:(.+):(?:10s:\d{4}-\d\d-\d\dT\d\d|1h:\d{4}-\d\d-\d\d)$/s;

export async function discover(client: Client, signal?: AbortSignal): Promise<Found> {
  const nowMs = await serverMs(client);
  const isRecent = (key: string): boolean => {
    const atMs = (plainCounter(key)?.bucket ?? 0) * bucketMs;
    return atMs > nowMs - longestRawMs && atMs < nowMs + hourMs;
  };
  const names = new Set<string>();
  const counters = new Map<string, Map<string, number>>();
  const foreign = new Set<string>();
  const fits = (key: string): boolean => own.test(key) || isRecent(key);
  for await (const found of typedKeys(client, { match: '*:*[0-9]', fits, ...(signal && { signal }) })) {
    for (const { key, type } of found) {
      const [, ours] = own.exec(key) ?? [];
      const { written = '', bucket = 0 } = plainCounter(key) ?? {};
      const series = nameInKey(client, ours ?? written);
      const expected = ours === undefined ? 'string' : 'hash';
      if (series === undefined || !v.is(nameValue, series) || type !== expected) foreign.add(key);
      else if (expected === 'hash') names.add(series);
      else counters.set(series, (counters.get(series) ?? new Map<string, number>()).set(key, bucket));
    }
  }
  const overviews: Overview[] = [];
  for (const [series, buckets] of counters) {
    const hits: [bucket: number, count: number][] = [];
    const keys = [...buckets.keys()];
    for (const [index, text] of (await beginningsOf(client, keys)).entries()) {
      const key = keys[index] ?? '';
      // Expired meanwhile.
      if (text === '') continue;
      const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      if (Number.isSafeInteger(count)) hits.push([buckets.get(key) ?? 0, count]);
      else foreign.add(key);
    }
    if (hits.length > 0) overviews.push(overviewOf(series, hits, nowMs));
  }
  return { own: [...names].toSorted(), seed: overviews, foreign: [...foreign] };
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
