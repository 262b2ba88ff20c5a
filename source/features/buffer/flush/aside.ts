import * as v from 'valibot';
import { Allowance, mostOfOne } from '../../../redis/allowance.ts';
import type { Client } from '../../../redis/client.ts';
import { asArray, asInteger, asNumber, asText } from '../../../redis/reply.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { defineScript } from '../../../redis/script.ts';
import { typed } from '../../../redis/wrong-type.ts';
import { cutMark, formatBytes, onlyText } from '../../../ui/format.ts';
import { bufferKeys } from '../keys.ts';
import pageLua from './aside-page.lua';
import dropLua from './drop.lua';
import dropAllLua from './drop-all.lua';
import retryLua from './retry.lua';
import retryAllLua from './retry-all.lua';

/**
 * Ids that SQL refuses, and the others not held up by them.
 *
 * A flush moves what the table refused into `pending:<type>:aside`, with the reason; new counts of such an id join it
 * there. It is tried again alone: hourly, later each time up to a day, once the table is defined differently, or when
 * somebody asks for it. At any moment SQL + pending + in flight + aside is what was counted.
 */
export type Aside = {
  readonly type: string;
  /** Behind 1 KiB cut, with a mark such as `… (12.4M, cut)`. */
  readonly id: string;
  readonly count: number;
  /** SQLSTATE, `SQLITE_CONSTRAINT`, or one of ours: `ID_LENGTH`, `ID_TYPE`, `COUNT_TYPE`, `NO_ROW`; undefined: not known. */
  readonly code: string | undefined;
  readonly reason: string | undefined;
  /** Epoch ms. */
  readonly sinceMs: number | undefined;
  readonly tries: number;
  /** Epoch ms; 0: with the next flush. */
  readonly nextRetryMs: number | undefined;
};

/**
 * Bytes of an id that a flush reads; ours have at most 2 KiB. For good: whoever settles a batch after a crash has to read
 * of it what was read before.
 */
export const longestRead = 65_536;

/** Why an id of so many bytes goes to no database. */
export function tooLong(bytes: number): { readonly code: 'ID_LENGTH'; readonly reason: string } {
  const reason = `an id of ${formatBytes(bytes)} is not read: those of up to ${formatBytes(longestRead)} are`;
  return { code: 'ID_LENGTH', reason };
}

const explanation = v.object({
  code: v.string(),
  reason: v.string(),
  sinceMs: v.number(),
  tries: v.number(),
});

const pageIds = 500;
const longestId = 1024;
/** Ours are shorter. */
const longestWhy = 8192;
const pageBytes = 65_536;

type Page = { readonly cursor: string; readonly rows: readonly Omit<Aside, 'type'>[] };
const fieldsEach = 5;

const pageScript = defineScript({
  lua: pageLua,
  parse(reply): Page {
    const [cursor, ...flat] = asArray(reply);
    const rows = Array.from({ length: flat.length / fieldsEach }, (_, place) =>
      rowOf(flat.slice(fieldsEach * place, fieldsEach * (place + 1))),
    );
    return { cursor: asText(cursor), rows };
  },
});

function rowOf([id, bytes, count, why, due]: readonly unknown[]): Omit<Aside, 'type'> {
  const known = v.safeParse(v.pipe(v.string(), v.parseJson(), explanation), asText(why));
  const dueMs = asText(due);
  const length = bytes === '' ? 0 : asInteger(bytes);
  const cause = length > longestRead ? tooLong(length) : known.success ? known.output : undefined;
  return {
    id: shownId(id, length),
    count: asNumber(count),
    code: cause?.code,
    reason: cause?.reason,
    sinceMs: known.success ? known.output.sinceMs : undefined,
    tries: known.success ? known.output.tries : 0,
    nextRetryMs: dueMs === '' ? undefined : asNumber(dueMs),
  };
}

function shownId(id: unknown, length: number): string {
  return asText(id) + (length === 0 ? '' : cutMark(length));
}

const retryScript = defineScript({
  lua: retryLua,
  parse: (reply) => asArray(reply).map((each) => asInteger(each)),
});
const retryAllScript = defineScript({
  lua: retryAllLua,
  parse(reply) {
    const [cursor, retried] = asArray(reply);
    return { cursor: asText(cursor), retried: asInteger(retried) };
  },
});
const dropScript = defineScript({
  lua: dropLua,
  parse: (reply) => asArray(reply).map((each) => asText(each)),
});
const droppedEach = 3;
const dropAllScript = defineScript({
  lua: dropAllLua,
  parse(reply) {
    const [cursor, ...flat] = asArray(reply);
    const dropped = Array.from({ length: flat.length / droppedEach }, (_, place): Dropped => {
      const [id, bytes, count] = flat.slice(droppedEach * place, droppedEach * (place + 1));
      const length = bytes === '' ? 0 : asInteger(bytes);
      return { id: shownId(id, length), isCut: length > 0, count: asNumber(count) };
    });
    return { cursor: asText(cursor), dropped };
  },
});

/**
 * The ids of a type that are set aside, a page at a time.
 * @throws {BadTypeError | WrongTypeError}
 */
export async function* asidePages(redis: Client, type: string): AsyncGenerator<readonly Aside[]> {
  const { aside, why, due } = bufferKeys(redis, type);
  let from = '0';
  do {
    const { cursor, rows } = await typed(
      redis,
      { [aside]: 'zset', [why]: 'hash', [due]: 'zset' },
      pageScript(redis, [aside, why, due], [from, longestId, longestWhy, pageBytes]),
    );
    from = cursor;
    if (rows.length > 0) yield rows.map((row) => ({ type, ...row }));
  } while (from !== '0');
}

/**
 * The ids of a type that are set aside, and what is missing because there is too much of it, in sentences.
 * @throws {BadTypeError | WrongTypeError}
 */
export async function asideOf(
  redis: Client,
  type: string,
  all: Allowance,
): Promise<{ readonly rows: readonly Aside[]; readonly cuts: readonly string[] }> {
  const allowance = new Allowance(mostOfOne, all);
  const rows = new Map<string, Aside>();
  for await (const page of asidePages(redis, type)) {
    if (allowance.isSpent) {
      const total = await retryAborted(() => redis.zcard(bufferKeys(redis, type).aside));
      const cut = onlyText(rows.size, total, `ids aside of \`${type}\``, mostOfOne);
      return { rows: [...rows.values()], cuts: [cut] };
    }
    for (const row of page) {
      rows.set(row.id, row);
      allowance.takeBytes(row.id.length + (row.reason?.length ?? 0) + 64);
    }
  }
  return { rows: [...rows.values()], cuts: [] };
}

/**
 * Lets the next flush try these ids again, or all that are aside.
 * @returns those that are not aside
 */
export async function retryAside(
  redis: Client,
  type: string,
  ids: readonly string[] | 'all',
): Promise<{ readonly retried: number; readonly unknown: readonly string[] }> {
  const { aside, due } = bufferKeys(redis, type);
  const unknown: string[] = [];
  let retried = 0;
  if (ids === 'all') {
    for (let cursor: string | undefined; cursor !== '0'; ) {
      const part = await typed(
        redis,
        { [aside]: 'zset', [due]: 'zset' },
        retryAllScript(redis, [aside, due], [cursor ?? '0', pageIds]),
      );
      cursor = part.cursor;
      retried += part.retried;
    }
    return { retried, unknown };
  }
  for (const page of pages(ids)) {
    const found = await typed(redis, { [aside]: 'zset' }, retryScript(redis, [aside, due], page));
    retried += found.filter((each) => each === 1).length;
    unknown.push(...page.filter((_, index) => found[index] !== 1));
  }
  return { retried, unknown };
}

export type Dropped = {
  readonly id: string;
  /** Of `id` only the beginning is here, with its length. */
  readonly isCut: boolean;
  readonly count: number;
};

/** All that is aside, or only ids that no flush reads: `ID_LENGTH`. */
export type WhichAside = 'all' | 'too long';

/**
 * Forgets what is set aside, whatever its ids.
 * @returns a page at a time what each id amounted to
 */
export async function* dropAllAside(
  redis: Client,
  type: string,
  which: WhichAside,
): AsyncGenerator<readonly Dropped[]> {
  const { aside, why, due } = bufferKeys(redis, type);
  const above = which === 'all' ? 0 : longestRead;
  let from = '0';
  do {
    const { cursor, dropped } = await typed(
      redis,
      { [aside]: 'zset' },
      dropAllScript(redis, [aside, why, due], [from, above, longestId, pageBytes]),
    );
    from = cursor;
    yield dropped;
  } while (from !== '0');
}

/**
 * Forgets what was counted for these ids and is set aside.
 * @returns what each of them amounted to, and those that are not aside
 */
export async function dropAside(
  redis: Client,
  type: string,
  ids: readonly string[],
): Promise<{
  readonly dropped: readonly { readonly id: string; readonly count: number }[];
  readonly unknown: readonly string[];
}> {
  const { aside, why, due } = bufferKeys(redis, type);
  const dropped: { id: string; count: number }[] = [];
  const unknown: string[] = [];
  for (const page of pages(ids)) {
    const counts = await typed(redis, { [aside]: 'zset' }, dropScript(redis, [aside, why, due], page));
    for (const [index, id] of page.entries()) {
      const count = counts[index] ?? '';
      if (count === '') unknown.push(id);
      else dropped.push({ id, count: Number(count) });
    }
  }
  return { dropped, unknown };
}

function* pages(ids: readonly string[]): Generator<readonly string[]> {
  for (let from = 0; from < ids.length; from += pageIds) yield ids.slice(from, from + pageIds);
}
