import type { Client } from '../../redis/client.ts';
import { guardLifeMs } from '../../redis/idempotency.ts';
import { registered } from '../../redis/registry.ts';
import { defineScript, type ScriptArgument } from '../../redis/script.ts';
import { typed } from '../../redis/wrong-type.ts';
import { type LogKeys, type LogName, logKeys, parseLogName } from './keys.ts';
import readLua from './read.lua';
import { parseLine, type RecentLine } from './recent-line.ts';
import writeLua from './write.lua';

/**
 * What happens often, and what happened last, by name and severity; shared with programs that follow the book.
 *
 * `common:<name>:<severity>` counts the messages of the UTC hour in `:start`; `:last` holds those of the hour in
 * `:pstart`; `recent:<name>:<severity>` lists the last 100 lines, newest first, as `time.asctime()` and the message.
 * One script counts a whole batch: it rotates by the server's clock, bounds the distinct messages by Space-Saving
 * (Metwally, Agrawal and El Abbadi, ICDT 2005: ranks of what is heavy stay right, and the sum of all counts is what
 * was written) and answers a batch that was sent twice without counting it twice. Nothing is WATCHed, so writers
 * never wait for each other. Beside the book's keys `:samples` keeps a line for each template and `:patterns` what
 * the writers learned about templates (see `Miner`); both go a week after the last write.
 *
 * Not promised: times of recent lines are the writer's own clock, in its time zone, as in the book; a batch in doubt
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

export type Common = LogName & {
  /** The UTC hour, `YYYY-MM-DDTHH:00:00`; of the server's clock when nothing was written yet. */
  readonly hour: string;
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
  /** Leave a rotation that is due to the next writer; the answer is the same. */
  readonly readOnly?: boolean;
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

/** Begins a new hour if the last one is over. @throws {WrongTypeError} */
async function rotate(redis: Client, keys: LogKeys, clock: number | undefined): Promise<void> {
  const words = ['', guardLifeMs, clock ?? '', mostDistinct, mostRecent, ownLifeSeconds, -1, '', 0, 0];
  await call(redis, keys, writeScript(redis, familyOf(keys, keys.guard), words));
}

/**
 * This hour's most frequent messages beside the previous hour's; rotates first if the hour is over.
 * @throws {WrongTypeError}
 */
export async function common(
  redis: Client,
  log: LogName,
  { top = 20, gone = 5, readOnly = false, clock }: ReadOptions = {},
): Promise<Common> {
  const keys = logKeys(redis, log);
  const family = [keys.common, keys.start, keys.last, keys.pstart, keys.samples];
  const { isDue, ...found } = await call(redis, keys, readScript(redis, family, [clock ?? '', top, gone]));
  if (isDue && !readOnly) await rotate(redis, keys, clock);
  return { ...log, ...found };
}

/**
 * The last lines, newest first.
 * @throws {WrongTypeError}
 */
export async function recent(redis: Client, log: LogName, count = mostRecent): Promise<RecentLine[]> {
  const { recent: key } = logKeys(redis, log);
  const lines = await typed(redis, { [key]: 'list' }, redis.lrange(key, 0, count - 1));
  return lines.map(parseLine);
}

/** The logs that Quarterdeck has met, by name and severity; some may be gone. */
export async function logs(redis: Client): Promise<LogName[]> {
  const names = await registered(redis, 'log');
  return names.map(parseLogName).sort((a, b) => compare(a.name, b.name) || compare(a.severity, b.severity));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
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
    if (state === 'written') return { state, hour: String(first), distinct: Number(rest[0]) };
    if (state === 'stale') return { state, from: Number(first), patterns: rest.map(String) };
    throw new Error(`Expected \`written\` or \`stale\` from Redis, got \`${String(reply)}\``);
  },
});

const readScript = defineScript({ lua: readLua, parse: parseRead });

function parseRead(reply: unknown): Omit<Common, keyof LogName> & { readonly isDue: boolean } {
  if (!Array.isArray(reply)) throw new Error(`Expected an array from Redis, got \`${String(reply)}\``);
  const [now, start, since, pstart, between, total, distinct, previousTotal, , entries, gone]: unknown[] =
    reply;
  const isDue = Number(since) > 0;
  const rotated = isDue
    ? { hour: hourOf(Number(now)), isPrevious: Number(since) === 1, previous: start }
    : undefined;
  const isPrevious = rotated?.isPrevious ?? Number(between) === 1;
  const isEmpty = Number(previousTotal) === 0;
  return {
    isDue,
    hour: rotated?.hour ?? (start === '' ? hourOf(Number(now)) : String(start)),
    previousHour: isPrevious && !isEmpty ? String(rotated?.previous ?? pstart) : null,
    elapsed: (Number(now) % 3600) / 3600,
    total: Number(total),
    distinct: Number(distinct),
    previousTotal: Number(previousTotal),
    entries: groups(entries, 5).map(([message = '', count, previous, previousRank, sample], index) => ({
      message,
      count: Number(count),
      previous: Number(previous),
      rank: index + 1,
      previousRank: previousRank === '' ? null : Number(previousRank),
      sample: sample || message,
    })),
    gone: groups(gone, 2).map(([message = '', previous]) => ({ message, previous: Number(previous) })),
  };
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
