import { UsageError, WrongTypeError } from '../../errors.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { guessServerMs, learnServerMs, serverMs } from '../../redis/clock.ts';
import { UnreadableReplyError } from '../../redis/errors.ts';
import { requireKeyName } from '../../redis/keys.ts';
import { listed, registryKey } from '../../redis/registry.ts';
import { asIntegers } from '../../redis/reply.ts';
import { defineScript } from '../../redis/script.ts';
import { namesCutTexts } from '../../ui/format.ts';
import { requireWhole } from '../../values.ts';
import { bucketMs, dayMs, hourMs } from './keys.ts';
import points from './points.lua';
import sums from './sums.lua';
import { dayOf, type Plan, partWords, planOf, pointsPlan, type Window } from './windows.ts';

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
  /** Counted in plain keys, shared with other programs. */
  readonly layout?: 'seed';
};

export const mostPoints = 10_000;
/** No Date is later. */
const latestMs = 8.64e15;
/** As long as buckets are kept unless a writer says otherwise. */
export const longestRawMs = 3 * dayMs;
const hashesAtOnce = 48;

const readSums = defineScript({ lua: sums, parse: asIntegers });
const readPoints = defineScript({ lua: points, parse: asIntegers });

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
  requireKeyName(client, series);
  requireWhole('sinceMs', sinceMs);
  const nowMs = await serverMs(client);
  return await sumOf(client, series, { fromMs: nowMs - sinceMs, toMs: nowMs }, nowMs);
}

/** How many hits since local midnight. */
export async function sumToday(client: Client, series: string): Promise<Sum> {
  requireKeyName(client, series);
  const nowMs = await serverMs(client);
  return await sumOf(client, series, { fromMs: dayOf(nowMs).todayMs, toMs: nowMs }, nowMs);
}

/** The sum of any window; `toMs` in the future counts as now. */
export async function sumBetween(client: Client, series: string, window: Window): Promise<Sum> {
  requireKeyName(client, series);
  requireWhole('fromAt', window.fromMs, { max: latestMs });
  requireWhole('toAt', window.toMs, { max: latestMs });
  return await sumOf(client, series, window, await serverMs(client));
}

async function sumOf(client: Client, series: string, window: Window, nowMs: number): Promise<Sum> {
  const plan = planOf(client, [{ series, ...window }], nowMs);
  let fromMs = Math.floor(window.fromMs / bucketMs) * bucketMs;
  let toMs = Math.min(Math.ceil(window.toMs / bucketMs) * bucketMs, nowMs);
  if (plan.keys.length === 0) return { fromMs, toMs, sum: 0 };
  const { found, coarse, foreign } = await ask(client, plan, 1);
  if (foreign[0] !== undefined) throw new WrongTypeError(foreign[0], 'hit counter');
  for (const { part, hour } of plan.ends) {
    if (!coarse[part]) continue;
    fromMs = Math.min(fromMs, hour * hourMs);
    toMs = Math.max(toMs, Math.min((hour + 1) * hourMs, nowMs));
  }
  return { fromMs, toMs, sum: found[0] ?? 0 };
}

type Asked = {
  /** The sum of each window. */
  readonly found: readonly number[];
  /** Of each part, whether its whole hour was counted. */
  readonly coarse: readonly boolean[];
  /** Keys that hold something else. */
  readonly foreign: readonly string[];
};

async function ask(client: Client, { keys, words }: Plan, windows: number): Promise<Asked> {
  const pieces = piecesOf(keys, words);
  const replies = await Promise.all(
    pieces.map(async (piece) => {
      const [nowMs = 0, wrong = 0, ...rest] = await readSums(client, piece.keys, [windows, ...piece.words]);
      const figures = rest.slice(wrong);
      learnServerMs(client, nowMs);
      return {
        sums: figures.slice(0, windows),
        coarse: figures.slice(windows),
        foreign: rest.slice(0, wrong).flatMap((place) => piece.keys[place - 1] ?? []),
      };
    }),
  );
  return {
    found: Array.from({ length: windows }, (_, i) =>
      exact(replies.reduce((sum, { sums }) => sum + (sums[i] ?? 0), 0)),
    ),
    coarse: replies.flatMap(({ coarse }) => coarse.map(Boolean)),
    foreign: replies.flatMap(({ foreign }) => foreign),
  };
}

/** A sum of sums, each of which is exact. @throws {UnreadableReplyError} when it is larger than a number holds exactly */
function exact(sum: number): number {
  if (Number.isSafeInteger(sum)) return sum;
  throw new UnreadableReplyError('a sum of at most 2^53', sum);
}

/** A plan as commands of at most 3,000 words: years are more days than that. */
function piecesOf(
  keys: readonly string[],
  words: readonly number[],
): readonly Pick<Plan, 'keys' | 'words'>[] {
  if (words.length <= mostPartWords) return [{ keys: [...keys], words: [...words] }];
  const pieces: Pick<Plan, 'keys' | 'words'>[] = [];
  for (let from = 0; from < words.length; from += mostPartWords) {
    const some = words.slice(from, from + mostPartWords);
    const own: string[] = [];
    const place = (of: number): number => {
      if (of === 0) return 0;
      const key = keys[of - 1] ?? '';
      const known = own.indexOf(key) + 1;
      return known > 0 ? known : own.push(key);
    };
    for (let at = 0; at < some.length; at += partWords) {
      some[at + 1] = place(some[at + 1] ?? 0);
      some[at + 3] = place(some[at + 3] ?? 0);
    }
    pieces.push({ keys: own, words: some });
  }
  return pieces;
}

/** Each part may name two keys of its own. */
const mostPartWords = 350 * partWords;

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
  requireKeyName(client, series);
  requireWhole('sinceMs', sinceMs);
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

/**
 * The points of several series, each call reading a bounded number of hashes.
 * @param onForeign called with each key that holds something else; without it such a key is thrown
 * @throws {WrongTypeError}
 */
export async function plot(
  client: Client,
  series: readonly string[],
  wanted: { readonly fromMs: number; readonly stepMs: number; readonly points: number },
  onForeign: (key: string) => void = (key) => {
    throw new WrongTypeError(key, 'hit counter');
  },
): Promise<number[][]> {
  if (isCluster(client) && series.length > 1) {
    return (await Promise.all(series.map((one) => plot(client, [one], wanted, onForeign)))).flat();
  }
  const { keys, words } = pointsPlan(client, series, wanted);
  const head = words.slice(0, 4);
  const rows = series.map(() => new Array<number>(wanted.points).fill(0));
  for (let from = 0; from < keys.length; from += hashesAtOnce) {
    const some = keys.slice(from, from + hashesAtOnce);
    const places = words.slice(4 + 2 * from, 4 + 2 * (from + some.length));
    const [nowMs = 0, wrong = 0, ...rest] = await readPoints(client, some, [...head, ...places]);
    const figures = rest.slice(wrong);
    learnServerMs(client, nowMs);
    for (const place of rest.slice(0, wrong)) onForeign(some[place - 1] ?? '');
    for (const [row, counts] of rows.entries()) {
      for (let i = 0; i < wanted.points; i += 1)
        counts[i] = (counts[i] ?? 0) + (figures[row * wanted.points + i] ?? 0);
    }
  }
  return rows;
}

/**
 * The series there are, most recently counted first: all of them, or at most `limit`.
 * @param onCut called with a sentence that says what is missing, where there is too much of it
 */
export async function seriesNames(
  client: Client,
  limit?: number,
  onCut?: (text: string) => void,
): Promise<readonly string[]> {
  const known = await listed(client, 'hits', limit);
  for (const text of namesCutTexts(known)) onCut?.(text);
  return known.names;
}

/** Whether a series of this name was ever counted here. */
export async function isKnown(client: Client, series: string): Promise<boolean> {
  requireKeyName(client, series);
  return (await client.zscore(registryKey('hits'), series)) !== null;
}

/**
 * Today, yesterday up to the same time, and the last hour of any number of series: one command for some thirty of them
 * on one server, one for each in Cluster. A series whose key holds something else counts as far as it can be read.
 * @param onForeign called with each such key
 */
export async function overview(
  client: Client,
  series: readonly string[],
  nowMs = guessServerMs(client),
  onForeign?: (key: string) => void,
): Promise<Overview[]> {
  const atOnce = isCluster(client) ? 1 : seriesAtOnce;
  const found: Overview[] = [];
  for (let from = 0; from < series.length; from += commandsAtOnce * atOnce) {
    const commands: Promise<Overview[]>[] = [];
    for (let at = from; at < Math.min(series.length, from + commandsAtOnce * atOnce); at += atOnce) {
      commands.push(overviewOfSome(client, series.slice(at, at + atOnce), nowMs, onForeign));
    }
    for (const some of await Promise.all(commands)) found.push(...some);
  }
  return found;
}

/** Below 3,000 words a command, and a pipeline that keeps nobody waiting for long. */
const seriesAtOnce = 30;
const commandsAtOnce = 32;

async function overviewOfSome(
  client: Client,
  series: readonly string[],
  nowMs: number,
  onForeign: ((key: string) => void) | undefined,
): Promise<Overview[]> {
  const { todayMs, yesterday } = dayOf(nowMs);
  const windows = series.flatMap((one) => [
    { series: one, fromMs: todayMs, toMs: nowMs },
    { series: one, ...yesterday },
    { series: one, fromMs: nowMs - hourMs, toMs: nowMs },
  ]);
  const { found, foreign } = await ask(client, planOf(client, windows, nowMs), windows.length);
  for (const key of foreign) onForeign?.(key);
  return series.map((name, i) => ({
    series: name,
    today: found[3 * i] ?? 0,
    yesterday: found[3 * i + 1] ?? 0,
    lastHour: found[3 * i + 2] ?? 0,
  }));
}
