import { beginningsOf } from '../../../redis/beginnings.ts';
import { type Client, isCluster } from '../../../redis/client.ts';
import { type ChannelKeys, counterKey } from './keys.ts';
import { type Entry, idsOf, type Process } from './ledger.ts';

/** How it stands with a part. `aside`: everybody that it waits for has set it aside. */
export const partStates = ['writing', 'announced', 'reading', 'aside'] as const;
export type PartState = (typeof partStates)[number];

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
  readonly state: PartState;
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

type Counting = {
  readonly channel: string;
  readonly keys: ChannelKeys;
  readonly entries: readonly { readonly part: string; readonly entry: Entry }[];
  readonly who: ReadonlyMap<string, Process | undefined>;
};

/** The legacy counters by channel and part, asked only where somebody is expected who does not report by name. */
export async function countsOf(
  redis: Client,
  channels: readonly Counting[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>> {
  const unclear = channels.flatMap(({ channel, keys, entries, who }) =>
    entries
      .filter(({ entry }) =>
        idsOf(entry.want).some(
          (id) => !entry.finished.includes(` ${id} `) && who.get(`c:${id}`)?.token === undefined,
        ),
      )
      .map(({ part }) => ({ channel, part, key: counterKey(keys, part) })),
  );
  // In Cluster each channel has a slot of its own.
  const groups = isCluster(redis) ? [...Map.groupBy(unclear, ({ channel }) => channel).values()] : [unclear];
  const counts = new Map<string, Map<string, number>>();
  await Promise.all(
    groups.map(async (group) => {
      const found = await beginningsOf(
        redis,
        group.map(({ key }) => key),
      );
      for (const [index, { channel, part }] of group.entries()) {
        const own = counts.get(channel) ?? new Map<string, number>();
        counts.set(channel, own.set(part, countIn(found[index])));
      }
    }),
  );
  return counts;
}

/** What a legacy counter holds; anybody may have written there. */
export function countIn(text = ''): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}
