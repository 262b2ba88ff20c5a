import { beginningsOf } from '../../../redis/beginnings.ts';
import type { Client } from '../../../redis/client.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { asideOf } from '../channel/aside.ts';
import { PartsUncountedError } from '../channel/errors.ts';
import { type ChannelKeys, counterKey, dataKey } from '../channel/keys.ts';
import { type AsideRecord, asideField, type Entry, idsOf, parseEntry, scanHash } from '../channel/ledger.ts';
import { countIn } from '../channel/part-status.ts';

/** A part behind the cursor that a consumer has not finished. */
export type Owed = { readonly id: number; readonly part: string; readonly entry: Entry | undefined };

export type Debts = {
  /** To be delivered before anything new, oldest first. */
  readonly owed: readonly Owed[];
  /** There are more, to be asked for when these are delivered. */
  readonly isPart: boolean;
  /** What this consumer has set aside, by part. */
  readonly aside: ReadonlyMap<string, AsideRecord>;
  /** What had been set aside and is not in Redis any more. */
  readonly gone: readonly string[];
};

/**
 * What the ledger still waits for from a consumer, though its cursor is past it: another program may have moved the
 * cursor and died, and what was set aside may be wanted again. The cursor only says what was announced to somebody.
 * @throws {PartsUncountedError} when somebody counted such a part and it cannot be known who
 */
export async function debtsOf(
  redis: Client,
  keys: ChannelKeys,
  { channel, id, cursor }: { readonly channel: string; readonly id: string; readonly cursor: number },
): Promise<Debts> {
  const aside = await asideOf(redis, channel, id);
  const found: (Owed & { readonly entry: Entry & { readonly id: number } })[] = [];
  const there = new Set<string>();
  let isPart = false;
  // Somebody else's entries stay where they are.
  const wanted = /^[\w.-]+$/.test(id) ? { holding: ` ${id} ` } : {};
  for await (const [part, json] of scanHash(redis, keys.parts, wanted)) {
    const entry = parseEntry(json);
    if (entry?.id === undefined) continue;
    if (aside.has(part)) there.add(part);
    const isWanted = entry.want.includes(` ${id} `) && !entry.finished.includes(` ${id} `);
    if (!isWanted || entry.id > cursor || aside.get(part)?.retry === false) continue;
    found.push({ id: entry.id, part, entry: { ...entry, id: entry.id } });
    if (found.length >= 2 * mostOwed) isPart = keepOldest(found);
  }
  if (found.length > mostOwed) isPart = keepOldest(found);
  const owed: Owed[] = await uncounted(redis, keys, channel, id, found);
  const gone: string[] = [];
  for (const [part, record] of [...aside].filter(([each]) => !there.has(each))) {
    if ((await retryAborted(() => redis.exists(dataKey(keys, part)))) === 0) {
      await retryAborted(() => redis.hdel(keys.aside, asideField(id, part)));
      aside.delete(part);
      gone.push(part);
    } else if (record.retry) owed.push({ id: record.id, part, entry: undefined });
  }
  return { owed: owed.sort((a, b) => a.id - b.id), isPart, aside, gone };
}

/** As many as are delivered before the ledger is looked through again. */
const mostOwed = 5000;

function keepOldest(found: { readonly id: number }[]): true {
  found.sort((a, b) => a.id - b.id);
  found.length = mostOwed;
  return true;
}

/** Of these, what nobody can have counted in this consumer's name. */
async function uncounted(
  redis: Client,
  keys: ChannelKeys,
  channel: string,
  id: string,
  found: readonly (Owed & { readonly entry: Entry & { readonly id: number } })[],
): Promise<Owed[]> {
  if (found.length === 0) return [];
  const cursors = await cursorsOf(redis, keys, new Set(found.flatMap(({ entry }) => idsOf(entry.want))));
  const owed: Owed[] = [];
  const unclear: string[] = [];
  for (let i = 0; i < found.length; i += pageParts) {
    const page = found.slice(i, i + pageParts);
    const counters = page.map(({ part }) => counterKey(keys, part));
    const counts = await beginningsOf(redis, counters);
    page.forEach((each, index) => {
      const { want, finished, id: message } = each.entry;
      // Legacy consumers count without a name: any of them who has fetched the message.
      const nameless = countIn(counts[index]) - idsOf(finished).length;
      const fetchers = idsOf(want).filter(
        (one) => !finished.includes(` ${one} `) && (cursors.get(one) ?? 0) >= message,
      );
      if (nameless <= 0) owed.push(each);
      else if (nameless < fetchers.length) unclear.push(each.part);
    });
  }
  if (unclear.length > 0) throw new PartsUncountedError(channel, id, unclear);
  return owed;
}

const pageParts = 500;

/** How far these consumers are, of those that have a cursor. */
async function cursorsOf(
  redis: Client,
  keys: ChannelKeys,
  ids: ReadonlySet<string>,
): Promise<ReadonlyMap<string, number>> {
  const cursors = new Map<string, number>();
  const all = [...ids];
  for (let i = 0; i < all.length; i += pageParts) {
    const page = all.slice(i, i + pageParts);
    const scores = await retryAborted(() => redis.zmscore(keys.members, ...page));
    for (const [index, id] of page.entries()) {
      const score = scores[index];
      if (score !== null && score !== undefined) cursors.set(id, Number(score));
    }
  }
  return cursors;
}
