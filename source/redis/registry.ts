import { requireWhole } from '../values.ts';
import { mostOfNames } from './allowance.ts';
import type { Client } from './client.ts';
import { keyFamily, singleKey } from './keys.ts';
import { isReplyError, refusalSort } from './refusals.ts';
import pageLua from './registry-page.lua';
import trimLua from './registry-trim.lua';
import { asArray, asInteger, asNumber, asPairs, asText } from './reply.ts';
import { retryAborted } from './retry-aborted.ts';
import { defineScript } from './script.ts';
import { typed } from './wrong-type.ts';

/**
 * A small index of what exists, so that the console finds every long-lived thing without scanning.
 *
 * One ZSET a family, `quarterdeck:<family>`: member = name as the user says it, score = epoch ms when it was last
 * registered. It is derived data: losing it loses nothing, and the next use of each thing registers it again. So
 * registering never decides what an act answers: a server that refuses it is left alone for a while.
 *
 * Lists go through all names, a page at a time, as long as those are not very many megabytes, and say how many they did
 * not read; a page that is bounded comes with the total. Where names come and go, whoever registers them also takes old ones out (`stillThere`).
 */

/** For each name, whether what it names still exists. */
export type StillThere = (client: Client, names: readonly string[]) => Promise<readonly boolean[]>;

export type RegisterOptions = {
  /** Asks Redis in any case: for acts that make the thing, which another process may have unregistered meanwhile. */
  readonly isNew?: boolean;
  /** For families whose things come and go: which of some names that nobody registered for ten minutes still exist. */
  readonly stillThere?: StillThere;
};

const refreshMs = 60_000;
/** How often, for each family, one name that is used is registered all the same, to notice that the index was lost. */
const probeEveryMs = 3000;
const staleAfterMs = 600_000;
/** How many names are registered between two looks at old ones, and how many of those are looked at. */
const trimEvery = 64;
const trimmedAtOnce = 256;
const pageLength = 1000;
/** Names have at most 512 bytes; what is beside one in an index is short. */
const longestName = 600;
const pageBytes = 32_768;

type Memory = {
  readonly registeredAtMs: Map<string, number>;
  /** By family. */
  readonly probedAtMs: Map<string, number>;
  untilTrim: number;
};
const memories = new WeakMap<Client, Memory>();

function memoryOf(client: Client): Memory {
  // Processes that register one name and end: every so many of them trims.
  const memory = memories.get(client) ?? {
    registeredAtMs: new Map<string, number>(),
    probedAtMs: new Map<string, number>(),
    untilTrim: Math.ceil(Math.random() * trimEvery),
  };
  memories.set(client, memory);
  return memory;
}

/**
 * Registers a name, at most once a minute for each client, and one name of each family every three seconds; free on the
 * other calls. When such a name is found missing (a flush, a restart without data), all of its family are registered
 * again at their next use. That a server refuses it, for whatever reason, is no failure.
 */
export async function register(
  client: Client,
  family: string,
  name: string,
  { isNew = false, stillThere }: RegisterOptions = {},
): Promise<void> {
  const memory = memoryOf(client);
  const { registeredAtMs, probedAtMs } = memory;
  const id = `${family}\0${name}`;
  const now = Date.now();
  const knownAtMs = registeredAtMs.get(id);
  const isProbe = now - (probedAtMs.get(family) ?? 0) >= probeEveryMs;
  if (!isNew && !isProbe && now - (knownAtMs ?? 0) < refreshMs) return;
  probedAtMs.set(family, now);
  // A process may meet very many names (one limiter a user): forget rather than grow.
  if (registeredAtMs.size > 10_000) registeredAtMs.clear();
  registeredAtMs.set(id, now);
  try {
    const added = await retryAborted(() => client.zadd(registryKey(family), now, name));
    if (Number(added) === 1 && knownAtMs !== undefined) {
      for (const other of registeredAtMs.keys())
        if (other !== id && other.startsWith(`${family}\0`)) registeredAtMs.delete(other);
    }
    if (!stillThere) return;
    memory.untilTrim -= 1;
    if (memory.untilTrim > 0) return;
    memory.untilTrim = trimEvery;
    await trimRegistry(client, family, stillThere);
  } catch (error) {
    if (refusalSort(error) !== 'lasting') registeredAtMs.delete(id);
    if (!isRefusal(error)) throw error;
  }
}

/** Registers many names at once, such as those that a discovery found. That a server refuses it is no failure. */
export async function registerAll(client: Client, family: string, names: readonly string[]): Promise<void> {
  try {
    await registerFound(client, family, names);
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
}

/** The same where that is what somebody asked for. @throws what the server refuses it with */
export async function registerFound(client: Client, family: string, names: readonly string[]): Promise<void> {
  const now = Date.now();
  for (let from = 0; from < names.length; from += pageLength) {
    const pairs = names.slice(from, from + pageLength).flatMap((name) => [now, name]);
    await retryAborted(() => client.zadd(registryKey(family), ...pairs));
  }
}

/** Which of these names are not registered, sorted. */
export async function unregistered(
  client: Client,
  family: string,
  names: readonly string[],
): Promise<readonly string[]> {
  const missing: string[] = [];
  for (let from = 0; from < names.length; from += pageLength) {
    const some = names.slice(from, from + pageLength);
    const known = await registeredAmong(client, family, some);
    missing.push(...some.filter((name) => !known.has(name)));
  }
  return missing.toSorted();
}

/** The server said no; a connection that ended is another matter. */
function isRefusal(error: unknown): boolean {
  return refusalSort(error) !== undefined || isReplyError(error);
}

/**
 * Takes the oldest names out of the index of which nothing is left, some at a time.
 * @returns how many were taken out
 */
export async function trimRegistry(client: Client, family: string, stillThere: StillThere): Promise<number> {
  const index = registryKey(family);
  const staleMs = Date.now() - staleAfterMs;
  const old = await retryAborted(() =>
    client.zrange(index, '-inf', `(${staleMs}`, 'BYSCORE', 'LIMIT', 0, trimmedAtOnce),
  );
  if (old.length === 0) return 0;
  const exists = await stillThere(client, old);
  const gone = old.filter((_, position) => exists[position] === false);
  const kept = old.filter((_, position) => exists[position] !== false);
  return await trim(client, [index], [staleMs, gone.length, ...gone, ...kept]);
}

const trim = defineScript({ lua: trimLua, parse: asInteger });

/** A thing exists as long as one of these keys of its family does. */
export function existsAs(...patterns: readonly string[]): StillThere {
  return async (client, names) =>
    await Promise.all(
      names.map(async (name) => {
        const keys = Object.values(keyFamily(client, name, Object.fromEntries(patterns.entries())));
        return (await retryAborted(() => client.exists(...keys))) > 0;
      }),
    );
}

type Registered = { readonly name: string; readonly registeredMs: number };
type Page = LeftOut & { readonly cursor: string; readonly names: readonly Registered[] };
/** What is longer than a name can be. */
type LeftOut = { readonly leftOut: number; readonly leftOutBytes: number };
/** The names of one family, and what is missing. */
export type Names = LeftOut & {
  /** Most recently registered first. */
  readonly names: readonly string[];
  readonly index: string;
  /** Of the names, together. */
  readonly bytes: number;
  /** How many names were not read because there are too many. */
  readonly unread: number;
};

/** A scan's first cursor. */
const start = '0';
/** Instead of a cursor: the names that were registered last. */
const newest = '';

const pageScript = defineScript({
  lua: pageLua,
  parse(reply): Page {
    const [cursor, leftOut, leftOutBytes, ...flat] = asArray(reply);
    return {
      cursor: asText(cursor),
      leftOut: asInteger(leftOut),
      leftOutBytes: asInteger(leftOutBytes),
      names: asPairs(flat).map(([name, ms]) => ({ name, registeredMs: asNumber(ms) })),
    };
  },
});

function readPage(
  client: Client,
  index: string,
  cursor: string,
  most: number,
  bytes = pageBytes,
  match = '*',
): Promise<Page> {
  const words = [cursor, most, longestName, bytes, match];
  return typed(client, { [index]: 'zset' }, pageScript(client, [index], words));
}

async function* scan(
  client: Client,
  family: string,
  match?: string,
  most = pageLength,
): AsyncGenerator<Page> {
  let cursor = start;
  do {
    const page = await readPage(client, registryKey(family), cursor, most, pageBytes, match);
    cursor = page.cursor;
    yield page;
  } while (cursor !== start);
}

/**
 * All names of one family in no order, a page at a time as the server gives them: none that was there all the while is
 * left out, however many are registered meanwhile, but for what is longer than a name can be. A name may come twice.
 */
export async function* registeredPages(
  client: Client,
  family: string,
): AsyncGenerator<readonly Registered[]> {
  for await (const { names } of scan(client, family)) if (names.length > 0) yield names;
}

/** More of them than a person picks from. */
const mostAlike = 2000;

/**
 * The names of one family that have `beginning` behind `lead`, a pattern, in no order; none where they are too many to
 * pick from: some of them would look like all.
 */
export async function namesBeginning(
  client: Client,
  family: string,
  beginning: string,
  lead = '',
): Promise<readonly string[]> {
  const found = new Set<string>();
  for await (const { names } of scan(client, family, `${lead}${literally(beginning)}*`)) {
    for (const { name } of names) found.add(name);
    if (found.size > mostAlike) return [];
  }
  return [...found];
}

/** A pattern that fits this text alone. */
export function literally(text: string): string {
  return text.replaceAll(/[\\*?[\]^-]/g, String.raw`\$&`);
}

/** How many entries of the index are longer than a name can be: no list shows them. */
export async function overlongCount(client: Client, family: string): Promise<number> {
  let count = 0;
  for await (const { leftOut } of scan(client, family, undefined, 0)) count += leftOut;
  return count;
}

/** The names of one family, most recently registered first: all of them, or at most `limit`; as `listed` reads them. */
export async function registered(client: Client, family: string, limit?: number): Promise<readonly string[]> {
  return (await listed(client, family, limit)).names;
}

/** The names of one family: all of them, or at most `limit`; no more than 8 MiB of them. */
export async function listed(client: Client, family: string, limit?: number): Promise<Names> {
  const index = registryKey(family);
  if (limit !== undefined) {
    requireWhole('limit', limit);
    const most = Math.min(limit * longestName, mostOfNames);
    const { names, leftOut, leftOutBytes } = await readPage(client, index, newest, limit, most);
    return { names: names.map(({ name }) => name), index, leftOut, leftOutBytes, bytes: 0, unread: 0 };
  }
  const found = new Map<string, number>();
  let [bytes, leftOut, leftOutBytes, isWhole] = [0, 0, 0, true];
  for await (const page of scan(client, family)) {
    leftOut += page.leftOut;
    leftOutBytes += page.leftOutBytes;
    for (const { name, registeredMs } of page.names) {
      bytes += Buffer.byteLength(name);
      found.set(name, registeredMs);
    }
    isWhole = bytes < mostOfNames;
    if (!isWhole) break;
  }
  const names = [...found].sort(([, a], [, b]) => b - a).map(([name]) => name);
  const unread = isWhole ? 0 : Math.max(0, (await registeredCount(client, family)) - names.length - leftOut);
  return { names, index, leftOut, leftOutBytes, bytes, unread };
}

/** Which of these names are registered: one command, with as many words as there are names. */
export async function registeredAmong(
  client: Client,
  family: string,
  names: readonly string[],
): Promise<ReadonlySet<string>> {
  if (names.length === 0) return new Set();
  const index = registryKey(family);
  const scores = await typed(
    client,
    { [index]: 'zset' },
    retryAborted(() => client.zmscore(index, ...names)),
  );
  return new Set(names.filter((_, position) => scores[position] !== null));
}

/** How many names one family has. */
export function registeredCount(client: Client, family: string): Promise<number> {
  const index = registryKey(family);
  return typed(
    client,
    { [index]: 'zset' },
    retryAborted(() => client.zcard(index)),
  );
}

/**
 * The most recently registered names, and of how many: for a screen, which has room for so many. Where they are long
 * there are fewer, as many as 32 KiB hold.
 */
export async function registeredPage(
  client: Client,
  family: string,
  limit: number,
): Promise<{ readonly names: readonly string[]; readonly total: number }> {
  const [page, total] = await Promise.all([
    readPage(client, registryKey(family), newest, limit),
    registeredCount(client, family),
  ]);
  const names = page.names.map(({ name }) => name);
  return { names, total: Math.max(total, names.length) };
}

/** The names with the highest scores in any such set, without what is longer than a name can be. */
export async function highestNames(client: Client, key: string, most: number): Promise<readonly string[]> {
  const { names } = await readPage(client, key, newest, most);
  return names.map(({ name }) => name);
}

/** Takes names out of the index, once what they named is gone. */
export async function unregister(client: Client, family: string, ...names: string[]): Promise<void> {
  const { registeredAtMs } = memoryOf(client);
  for (const name of names) registeredAtMs.delete(`${family}\0${name}`);
  for (let from = 0; from < names.length; from += pageLength) {
    const some = names.slice(from, from + pageLength);
    await retryAborted(() => client.zrem(registryKey(family), ...some));
  }
}

export function registryKey(family: string): string {
  return singleKey('quarterdeck:', family);
}
