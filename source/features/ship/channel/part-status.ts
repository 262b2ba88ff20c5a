import type { Client } from '../../../redis/client.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { type channelKeys, counterKey } from './keys.ts';
import { type Entry, idsOf, type Process } from './ledger.ts';

export type PartStatus = {
  readonly part: string;
  readonly file: string;
  readonly bytes: number;
  readonly cost: number;
  /** How much of the file there is up to the end of this part, from 0 to 1; undefined while it grows. */
  readonly share: number | undefined;
  /** Which consumers have finished it, and which have not. */
  readonly finished: readonly string[];
  readonly missing: readonly string[];
  /** Who has set it aside. */
  readonly aside: readonly string[];
  /** `aside`: everybody that it waits for has set it aside. */
  readonly state: 'writing' | 'announced' | 'reading' | 'aside';
};

type Counted = PartStatus & { readonly announced: number };

/** Who has a part and who has not, of those who report by name and those who only count. */
export function partStatus(
  part: string,
  entry: Entry,
  {
    counts,
    cursors,
    aside,
  }: {
    readonly counts: ReadonlyMap<string, number>;
    readonly cursors: ReadonlyMap<string, number>;
    readonly aside: readonly string[];
  },
): Counted {
  const want = idsOf(entry.want);
  const finished = idsOf(entry.finished);
  // Those who only INCR are not known by name: whoever has fetched the message is taken for them.
  let nameless = (counts.get(part) ?? 0) - finished.length;
  for (const id of want) {
    if (nameless <= 0) break;
    if (finished.includes(id) || (cursors.get(id) ?? 0) < (entry.id ?? Number.POSITIVE_INFINITY)) continue;
    finished.push(id);
    nameless -= 1;
  }
  const missing = want.filter((id) => !finished.includes(id));
  const isAside = missing.length > 0 && missing.every((id) => aside.includes(id));
  return {
    part,
    file: entry.file,
    bytes: entry.bytes,
    cost: entry.cost,
    share: entry.of ? (entry.at + entry.bytes) / entry.of : undefined,
    finished,
    missing,
    aside,
    state:
      entry.id === undefined ? 'writing' : isAside ? 'aside' : finished.length > 0 ? 'reading' : 'announced',
    announced: entry.announced ?? Number.POSITIVE_INFINITY,
  };
}

/** The legacy counters, asked only when somebody is expected who does not report by name. */
export async function countsOf(
  redis: Client,
  keys: ReturnType<typeof channelKeys>,
  entries: readonly { readonly part: string; readonly entry: Entry }[],
  who: ReadonlyMap<string, Process | undefined>,
): Promise<ReadonlyMap<string, number>> {
  const unclear = entries.filter(({ entry }) =>
    idsOf(entry.want).some(
      (id) => !entry.finished.includes(` ${id} `) && who.get(`c:${id}`)?.token === undefined,
    ),
  );
  if (unclear.length === 0) return new Map();
  const counters = await retryAborted(() => redis.mget(unclear.map(({ part }) => counterKey(keys, part))));
  return new Map(unclear.map(({ part }, index) => [part, Number(counters[index] ?? 0)]));
}
