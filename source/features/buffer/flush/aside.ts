import * as v from 'valibot';
import type { Client } from '../../../redis/client.ts';
import { asArray, asInteger, asNumber, asOptionalText, asText } from '../../../redis/reply.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { defineScript } from '../../../redis/script.ts';
import { typed } from '../../../redis/wrong-type.ts';
import { bufferKeys } from '../keys.ts';
import dropLua from './drop.lua';
import retryLua from './retry.lua';

/**
 * Ids that SQL refuses, and the others not held up by them.
 *
 * A flush moves what the table refused into `pending:<type>:aside`, with the reason; new counts of such an id join it
 * there. It is tried again alone: hourly, later each time up to a day, once the table is defined differently, or when
 * somebody says so. At any moment SQL + pending + in flight + aside is what was counted.
 */
export type Aside = {
  readonly type: string;
  readonly id: string;
  readonly count: number;
  /** SQLSTATE, `SQLITE_CONSTRAINT`, or one of ours: `ID_TYPE`, `COUNT_TYPE`, `NO_ROW`; undefined: not known. */
  readonly code: string | undefined;
  readonly reason: string | undefined;
  /** Epoch ms. */
  readonly sinceMs: number | undefined;
  readonly tries: number;
  /** Epoch ms; 0: with the next flush. */
  readonly nextRetryMs: number | undefined;
};

const explanation = v.object({
  code: v.string(),
  reason: v.string(),
  sinceMs: v.number(),
  tries: v.number(),
});

const pageIds = 500;

const retryScript = defineScript({
  lua: retryLua,
  parse: (reply) => asArray(reply).map((each) => asInteger(each)),
});
const dropScript = defineScript({
  lua: dropLua,
  parse: (reply) => asArray(reply).map((each) => asText(each)),
});

/**
 * The ids of a type that are set aside, a page at a time.
 * @throws {BadTypeError | WrongTypeError}
 */
export async function* asidePages(redis: Client, type: string): AsyncGenerator<readonly Aside[]> {
  const { aside, why, due } = bufferKeys(redis, type);
  let cursor = '0';
  do {
    const from = cursor;
    const [next, flat] = await typed(
      redis,
      { [aside]: 'zset' },
      retryAborted(() => redis.zscan(aside, from, 'COUNT', pageIds)),
    );
    cursor = next;
    const ids = flat.filter((_, index) => index % 2 === 0);
    if (ids.length === 0) continue;
    const [reasons, times] = await Promise.all([
      retryAborted(() => redis.hmget(why, ...ids)),
      retryAborted(() => redis.zmscore(due, ...ids)),
    ]);
    yield ids.map((id, index) => {
      const known = v.safeParse(
        v.pipe(v.string(), v.parseJson(), explanation),
        asOptionalText(reasons[index]),
      );
      const dueMs = times[index];
      return {
        type,
        id,
        count: asNumber(flat[2 * index + 1], aside),
        code: known.success ? known.output.code : undefined,
        reason: known.success ? known.output.reason : undefined,
        sinceMs: known.success ? known.output.sinceMs : undefined,
        tries: known.success ? known.output.tries : 0,
        nextRetryMs: dueMs === null || dueMs === undefined ? undefined : Number(dueMs),
      };
    });
  } while (cursor !== '0');
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
  for await (const page of ids === 'all' ? idPages(redis, type) : pages(ids)) {
    const found = await typed(redis, { [aside]: 'zset' }, retryScript(redis, [aside, due], page));
    retried += found.filter((each) => each === 1).length;
    unknown.push(...page.filter((_, index) => found[index] !== 1));
  }
  return { retried, unknown: ids === 'all' ? [] : unknown };
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

async function* idPages(redis: Client, type: string): AsyncGenerator<readonly string[]> {
  for await (const page of asidePages(redis, type)) yield page.map(({ id }) => id);
}

function* pages(ids: readonly string[]): Generator<readonly string[]> {
  for (let from = 0; from < ids.length; from += pageIds) yield ids.slice(from, from + pageIds);
}
