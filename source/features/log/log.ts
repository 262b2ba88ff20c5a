import { compareNames } from '../../compare-names.ts';
import type { Client } from '../../redis/client.ts';
import { guardLifeMs } from '../../redis/idempotency.ts';
import { listed, registeredPage } from '../../redis/registry.ts';
import { asArray, asInteger, asTexts } from '../../redis/reply.ts';
import { defineScript, type ScriptArgument } from '../../redis/script.ts';
import { typed } from '../../redis/wrong-type.ts';
import { cutMark, namesCutTexts } from '../../ui/format.ts';

import heaviestLua from './heaviest.lua';
import { type LogKeys, type LogName, logKeys, logName, parseLogName } from './keys.ts';
import readLua from './read.lua';
import recentLua from './recent.lua';
import { parseLine, type RecentLine } from './recent-line.ts';
import writeLua from './write.lua';

/**
 * What happens often, and what happened last, by name and severity; shared with programs that follow Redis in Action.
 *
 * `common:<name>:<severity>` counts the messages of the UTC hour in `:start`; `:last` holds those of the hour in
 * `:pstart`; `recent:<name>:<severity>` lists the last 100 lines, newest first, as `time.asctime()` and the message.
 * One script counts a whole batch: it rotates by the server's clock, bounds the distinct messages by Space-Saving
 * (Metwally, Agrawal and El Abbadi, ICDT 2005: ranks of what is heavy stay right, and the sum of all counts is what
 * was written) and answers a batch that was sent twice without counting it twice. Nothing is WATCHed, so writers
 * never wait for each other. Reading computes what the rotation would give and writes nothing: a program of that kind
 * renames keys that it expects where it saw them. Beside that layout's keys `:samples` keeps a line for each template and `:patterns` what
 * the writers learned about templates (see `Miner`); both go a week after the last write.
 *
 * Not promised: times of recent lines are the writer's own clock, in its time zone, as in that layout; a batch in doubt
 * for more than an hour may count twice; counts of light messages are too high, by at most the lightest count, once
 * more than 10,000 distinct ones came within an hour.
 */

export const mostDistinct = 10_000;
export const mostRecent = 100;
const ownLifeSeconds = 7 * 24 * 3600;

/** One counted message of a batch: how often, and a line it stands for if that differs. */
export type Counted = { readonly message: string; readonly count: number; readonly sample: string };

export type Batch = {
  readonly counted: readonly Counted[];
  /** Lines for the recent list, oldest first. */
  readonly lines: readonly string[];
  /** What the writer knows of the learned patterns; without it exact texts are counted. */
  readonly patterns?: { readonly known: readonly string[]; readonly learned: readonly string[] };
};

export type Written =
  | {
      readonly state: 'written';
      /** The UTC hour it counts in. */
      readonly hour: string;
      readonly distinct: number;
      /** How many of the learned patterns the others have now. */
      readonly learned: number;
    }
  | { readonly state: 'stale'; readonly from: number; readonly patterns: readonly string[] };

/**
 * Whose batch it is, and which of it: a lane has one batch in flight at a time, which keeps its number when it is sent
 * again.
 */
export type Lane = { readonly lane: string; readonly number: number };

export type WriteOptions = {
  /** Epoch seconds instead of the server's clock: for tests. */
  readonly clock?: number | undefined;
  /** How many distinct messages are kept of an hour. */
  readonly distinct?: number;
};

/** Texts are cut behind `ReadOptions.longest` bytes, with a mark such as `… (12.4M, cut)`. */
export type Common = LogName & {
  /**
   * The UTC hour, `YYYY-MM-DDTHH:00:00`; of the server's clock when nothing was written yet; null when the log does not
   * say since when it counts.
   */
  readonly hour: string | null;
  /** The hour before, if something was written in it. */
  readonly previousHour: string | null;
  /** How far the hour is, from 0 to 1. */
  readonly elapsed: number;
  readonly total: number;
  readonly distinct: number;
  readonly previousTotal: number;
  readonly entries: readonly Entry[];
  /** Messages of the previous hour that have not come this hour, the most frequent first. */
  readonly gone: readonly { readonly message: string; readonly previous: number }[];
};

export type Entry = {
  readonly message: string;
  readonly count: number;
  readonly previous: number;
  readonly rank: number;
  readonly previousRank: number | null;
  /** A line the message stands for. */
  readonly sample: string;
};

export type ReadOptions = {
  readonly top?: number;
  readonly gone?: number;
  /** Of each text so many bytes are read at most; what is longer is cut with a mark. */
  readonly longest?: number;
  /** Epoch seconds instead of the server's clock: for tests. */
  readonly clock?: number | undefined;
};

/**
 * Counts a batch in one round trip.
 * @throws {WrongTypeError}
 */
export async function writeBatch(
  redis: Client,
  keys: LogKeys,
  { lane, number }: Lane,
  { counted, lines, patterns }: Batch,
  { clock, distinct = mostDistinct }: WriteOptions = {},
): Promise<Written> {
  const known = patterns?.known;
  const learned = patterns?.learned ?? [];
  const words: ScriptArgument[] = [number, guardLifeMs, clock ?? '', distinct, mostRecent, ownLifeSeconds];
  words.push(known?.length ?? -1, known?.at(-1) ?? '', learned.length, lines.length, ...learned, ...lines);
  for (const { message, count, sample } of counted) words.push(message, count, sample);
  return await call(redis, keys, writeScript(redis, familyOf(keys, keys.guard + lane), words));
}

/**
 * This hour's most frequent messages beside the previous hour's. Reading writes nothing: where the hour is over, the
 * answer is what it would be after the rotation that the next writer makes.
 * @throws {WrongTypeError | UnreadableReplyError}
 */
export async function common(
  redis: Client,
  log: LogName,
  { top = 20, gone = 5, longest = longestFor(top + gone), clock }: ReadOptions = {},
): Promise<Common> {
  const { name, severity } = logName(log.name, log.severity);
  const keys = logKeys(redis, { name, severity });
  const family = [keys.common, keys.start, keys.last, keys.pstart, keys.samples];
  const found = await call(redis, keys, readScript(redis, family, [clock ?? '', top, gone, longest]));
  return { name, severity, ...parseRead(found, keys) };
}

/** What many texts of one reply may have each, so that all of them stay below 16 MiB. */
function longestFor(texts: number): number {
  return Math.min(65_536, Math.max(2048, Math.floor((16 * 1024 * 1024) / (2 * Math.max(1, texts)))));
}

/**
 * The last lines, newest first; each cut behind `longest` bytes.
 * @throws {WrongTypeError}
 */
export async function recent(
  redis: Client,
  log: LogName,
  count = mostRecent,
  { longest = 65_536 }: { readonly longest?: number } = {},
): Promise<RecentLine[]> {
  const keys = logKeys(redis, logName(log.name, log.severity));
  const lines: RecentLine[] = [];
  while (lines.length < count) {
    const words = [lines.length, count - lines.length, longest, recentBudget];
    const page = await call(redis, keys, recentScript(redis, [keys.recent], words));
    if (page.length === 0) break;
    for (const line of page) lines.push(parseLine(line));
  }
  return lines;
}

/** How many bytes of lines come in one reply. */
const recentBudget = 4 * 1024 * 1024;

/**
 * The messages that came most often in this hour and the last one, for writers to learn from; long ones are left out.
 * @throws {WrongTypeError}
 */
export async function heaviest(redis: Client, keys: LogKeys): Promise<readonly string[]> {
  return await call(redis, keys, heaviestScript(redis, [keys.common, keys.last], [mostLearnedFrom, 8192]));
}

const mostLearnedFrom = 1000;

/** The logs in the index, by name and severity; some may be gone. `strange` is what cannot be the name of a log. */
export async function indexedLogs(redis: Client): Promise<{
  readonly logs: readonly LogName[];
  readonly strange: readonly string[];
  /** What is missing because there is too much of it, in sentences. */
  readonly cuts: readonly string[];
}> {
  const known = await listed(redis, 'log');
  const { names } = known;
  const logs = names.flatMap((name) => parseLogName(name) ?? []);
  return {
    logs: logs.toSorted(byName),
    strange: names.filter((name) => !parseLogName(name)),
    cuts: namesCutTexts(known),
  };
}

/** The logs that Quarterdeck has met, by name and severity; some may be gone. */
export async function logs(redis: Client): Promise<readonly LogName[]> {
  return (await indexedLogs(redis)).logs;
}

/** The logs written to last, by name and severity, and how many there are: for a screen, which has room for so many. */
export async function logsPage(
  redis: Client,
  most: number,
): Promise<{ readonly logs: readonly LogName[]; readonly total: number }> {
  const { names, total } = await registeredPage(redis, 'log', most);
  const logs = names.flatMap((text) => parseLogName(text) ?? []);
  return { logs: logs.toSorted(byName), total: total - (names.length - logs.length) };
}

/** Whether anybody has ever written to this log. */
export async function isKnown(redis: Client, log: LogName): Promise<boolean> {
  const { common, start, last, pstart, recent } = logKeys(redis, log);
  return (await redis.exists(common, start, last, pstart, recent)) > 0;
}

function byName(a: LogName, b: LogName): number {
  return compareNames(a.name, b.name) || compareNames(a.severity, b.severity);
}

function familyOf(keys: LogKeys, guard: string): readonly string[] {
  const { common, start, last, pstart, recent, samples, patterns } = keys;
  return [common, start, last, pstart, recent, samples, patterns, guard];
}

/** Names the key that is in the way; costs nothing unless one is. */
async function call<Reply>(redis: Client, keys: LogKeys, reply: Promise<Reply>): Promise<Reply> {
  try {
    return await reply;
  } catch (error) {
    return await typed<Reply>(redis, typesOf(keys), Promise.reject(error));
  }
}

function typesOf(keys: LogKeys) {
  return {
    [keys.common]: 'zset',
    [keys.start]: 'string',
    [keys.last]: 'zset',
    [keys.pstart]: 'string',
    [keys.recent]: 'list',
    [keys.samples]: 'hash',
    [keys.patterns]: 'list',
  } as const;
}

const writeScript = defineScript({
  lua: writeLua,
  parse(reply): Written {
    const [state, first, ...rest] = Array.isArray(reply) ? reply : [];
    if (state === 'written') {
      return { state, hour: String(first), distinct: asInteger(rest[0]), learned: asInteger(rest[1]) };
    }
    if (state === 'stale') return { state, from: Number(first), patterns: rest.map(String) };
    throw new Error(`Expected \`written\` or \`stale\` from Redis, got \`${String(reply)}\``);
  },
});

const readScript = defineScript({ lua: readLua, parse: asArray });

const heaviestScript = defineScript({ lua: heaviestLua, parse: asTexts });

const recentScript = defineScript({
  lua: recentLua,
  parse: (reply): string[] => groups(reply, 2).map(([line = '', bytes]) => asRead(line, bytes)),
});

/** @throws {UnreadableReplyError} naming the key in which a count is none, or too large to be exact */
function parseRead(reply: readonly unknown[], keys: LogKeys): Omit<Common, keyof LogName> {
  const [now, start, since, pstart, between, total, distinct, previousTotal, , entries, gone] = reply;
  const rotated =
    Number(since) > 0
      ? { hour: hourOf(Number(now)), isPrevious: Number(since) === 1, previous: start }
      : undefined;
  const isPrevious = rotated?.isPrevious ?? Number(between) === 1;
  // Where the hour is over, what `common` holds is of the hour before.
  const ofPrevious = rotated ? keys.common : keys.last;
  const isEmpty = asInteger(previousTotal, ofPrevious) === 0;
  return {
    hour: rotated?.hour ?? hourSaid(String(start), distinct, now),
    previousHour: isPrevious && !isEmpty ? String(rotated?.previous ?? pstart) : null,
    elapsed: (Number(now) % 3600) / 3600,
    total: asInteger(total, keys.common),
    distinct: asInteger(distinct),
    previousTotal: asInteger(previousTotal, ofPrevious),
    entries: groups(entries, 7).map(
      ([text = '', bytes, count, previous, previousRank, sample = '', sampleBytes], index) => {
        const message = asRead(text, bytes);
        return {
          message,
          count: asInteger(count, keys.common),
          previous: previous === '' ? 0 : asInteger(previous, ofPrevious),
          rank: index + 1,
          previousRank: previousRank === '' ? null : asInteger(previousRank),
          sample: asRead(sample, sampleBytes) || message,
        };
      },
    ),
    gone: groups(gone, 3).map(([text = '', bytes, previous]) => ({
      message: asRead(text, bytes),
      previous: asInteger(previous, ofPrevious),
    })),
  };
}

function hourSaid(start: string, distinct: unknown, now: unknown): string | null {
  if (/^\d{4}-\d\d-\d\dT\d\d:00:00$/.test(start)) return start;
  return Number(distinct) === 0 ? hourOf(Number(now)) : null;
}

/** A text that a script sent, with a mark where it was cut: then its length came along. */
function asRead(text: string, bytes: string | undefined): string {
  return bytes === undefined || bytes === '' ? text : text + cutMark(Number(bytes));
}

function groups(flat: unknown, size: number): string[][] {
  const cells = Array.isArray(flat) ? flat.map(String) : [];
  return Array.from({ length: cells.length / size }, (_, index) =>
    cells.slice(index * size, (index + 1) * size),
  );
}

function hourOf(epochSeconds: number): string {
  return `${new Date(epochSeconds * 1000).toISOString().slice(0, 13)}:00:00`;
}
