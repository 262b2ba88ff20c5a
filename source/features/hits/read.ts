import { UsageError, WrongTypeError } from '../../errors.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { guessServerMs, learnServerMs, serverMs } from '../../redis/clock.ts';
import { registered } from '../../redis/registry.ts';
import { defineScript } from '../../redis/script.ts';
import { bucketMs, dayMs, hourMs } from './keys.ts';
import points from './points.lua';
import sums from './sums.lua';
import { dayOf, planOf, pointsPlan, type Window } from './windows.ts';

export type Sum = Window & { readonly sum: number };
export type Points = readonly (readonly [atMs: number, count: number])[];

/** One series at a glance. */
export type Overview = {
  readonly series: string;
  /** Since local midnight. */
  readonly today: number;
  /** From the midnight before to the same time of that day. */
  readonly yesterday: number;
  readonly lastHour: number;
  /** Counted in the plain keys of the third seed. */
  readonly layout?: 'seed';
};

export const mostPoints = 10_000;
/** As long as buckets are kept unless a writer says otherwise. */
export const longestRawMs = 3 * dayMs;
const hashesAtOnce = 48;

const parse = (reply: unknown): number[] => reply as number[];
const readSums = defineScript({ lua: sums, parse });
const readPoints = defineScript({ lua: points, parse });

/**
 * How many hits fell into the window, in two round trips: its ends lie on multiples of 10 s, or on whole hours where
 * the buckets have expired; `fromMs` and `toMs` say what was really counted.
 * @throws {WrongTypeError} when a key holds something else
 */
export async function sum(
  client: Client,
  series: string,
  { sinceMs }: { readonly sinceMs: number },
): Promise<Sum> {
  const nowMs = await serverMs(client);
  return await sumOf(client, series, { fromMs: nowMs - sinceMs, toMs: nowMs }, nowMs);
}

/** How many hits since local midnight. */
export async function sumToday(client: Client, series: string): Promise<Sum> {
  const nowMs = await serverMs(client);
  return await sumOf(client, series, { fromMs: dayOf(nowMs).todayMs, toMs: nowMs }, nowMs);
}

/** The sum of any window; `toMs` in the future counts as now. */
export async function sumBetween(client: Client, series: string, window: Window): Promise<Sum> {
  return await sumOf(client, series, window, await serverMs(client));
}

async function sumOf(client: Client, series: string, window: Window, nowMs: number): Promise<Sum> {
  const plan = planOf(client, [{ series, ...window }], nowMs);
  let fromMs = Math.floor(window.fromMs / bucketMs) * bucketMs;
  let toMs = Math.min(Math.ceil(window.toMs / bucketMs) * bucketMs, nowMs);
  if (plan.keys.length === 0) return { fromMs, toMs, sum: 0 };
  const { found, coarse, foreign } = await ask(client, plan, 1);
  if (foreign !== undefined) throw new WrongTypeError(foreign, 'hit counter');
  for (const { part, hour } of plan.ends) {
    if (!coarse[part]) continue;
    fromMs = Math.min(fromMs, hour * hourMs);
    toMs = Math.max(toMs, Math.min((hour + 1) * hourMs, nowMs));
  }
  return { fromMs, toMs, sum: found[0] ?? 0 };
}

async function ask(client: Client, { keys, words }: ReturnType<typeof planOf>, windows: number) {
  const [nowMs = 0, foreign = 0, ...figures] = await readSums(client, keys, [windows, ...words]);
  learnServerMs(client, nowMs);
  return {
    found: figures.slice(0, windows),
    coarse: figures.slice(windows).map(Boolean),
    foreign: foreign === 0 ? undefined : (keys[foreign - 1] ?? ''),
  };
}

/**
 * Hits by steps, zeros included, the last point up to now. Steps of whole hours reach back as far as hours are kept,
 * others as far as buckets.
 * @throws {UsageError} on a step that is no multiple of 10 s, or too many points
 * @throws {WrongTypeError} when a key holds something else
 */
export async function seriesPoints(
  client: Client,
  series: string,
  { stepMs, sinceMs }: { readonly stepMs: number; readonly sinceMs: number },
): Promise<Points> {
  requireSteps(stepMs, sinceMs);
  const nowMs = await serverMs(client);
  const fromMs = Math.floor((nowMs - sinceMs) / stepMs) * stepMs;
  const count = Math.floor((nowMs - fromMs) / stepMs) + 1;
  const rows = await plot(client, [series], { fromMs, stepMs, points: count });
  return (rows[0] ?? []).map((hits, i) => [fromMs + i * stepMs, hits] as const);
}

export function requireSteps(stepMs: number, sinceMs: number): void {
  if (!Number.isInteger(stepMs) || stepMs < bucketMs || stepMs % bucketMs !== 0) {
    throw new UsageError(`Expected the step to be a multiple of 10s, got \`${stepMs}ms\``);
  }
  if (stepMs % hourMs !== 0 && sinceMs > longestRawMs) {
    throw new UsageError('Steps finer than an hour reach back 3d', {
      hint: 'Take a shorter --since, or a --step of whole hours',
    });
  }
  if (sinceMs / stepMs > mostPoints) {
    throw new UsageError(`Expected at most ${mostPoints} points, got ${Math.ceil(sinceMs / stepMs)}`, {
      hint: 'Take a longer --step or a shorter --since',
    });
  }
}

/** The points of several series, each call reading a bounded number of hashes. */
export async function plot(
  client: Client,
  series: readonly string[],
  wanted: { readonly fromMs: number; readonly stepMs: number; readonly points: number },
): Promise<number[][]> {
  if (isCluster(client) && series.length > 1) {
    return (await Promise.all(series.map((one) => plot(client, [one], wanted)))).flat();
  }
  const { keys, words } = pointsPlan(client, series, wanted);
  const head = words.slice(0, 4);
  const rows = series.map(() => new Array<number>(wanted.points).fill(0));
  for (let from = 0; from < keys.length; from += hashesAtOnce) {
    const some = keys.slice(from, from + hashesAtOnce);
    const places = words.slice(4 + 2 * from, 4 + 2 * (from + some.length));
    const [nowMs = 0, foreign = 0, ...figures] = await readPoints(client, some, [...head, ...places]);
    learnServerMs(client, nowMs);
    if (foreign !== 0) throw new WrongTypeError(some[foreign - 1] ?? '', 'hit counter');
    for (const [row, counts] of rows.entries()) {
      for (let i = 0; i < wanted.points; i += 1)
        counts[i] = (counts[i] ?? 0) + (figures[row * wanted.points + i] ?? 0);
    }
  }
  return rows;
}

/** The series there are, most recently counted first. */
export function seriesNames(client: Client, limit?: number): Promise<string[]> {
  return registered(client, 'hits', limit);
}

/**
 * Today, yesterday up to the same time, and the last hour of several series: one command on one server, one for each
 * in Cluster. A series whose key holds something else counts as far as it can be read.
 */
export async function overview(
  client: Client,
  series: readonly string[],
  nowMs = guessServerMs(client),
): Promise<Overview[]> {
  if (series.length === 0) return [];
  if (isCluster(client) && series.length > 1) {
    return (await Promise.all(series.map((one) => overview(client, [one], nowMs)))).flat();
  }
  const { todayMs, yesterday } = dayOf(nowMs);
  const windows = series.flatMap((one) => [
    { series: one, fromMs: todayMs, toMs: nowMs },
    { series: one, ...yesterday },
    { series: one, fromMs: nowMs - hourMs, toMs: nowMs },
  ]);
  const { found } = await ask(client, planOf(client, windows, nowMs), windows.length);
  return series.map((name, i) => ({
    series: name,
    today: found[3 * i] ?? 0,
    yesterday: found[3 * i + 1] ?? 0,
    lastHour: found[3 * i + 2] ?? 0,
  }));
}
