import { WrongTypeError } from '../../errors.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { defineScript } from '../../redis/script.ts';
import { bufferKeys } from './keys.ts';
import pendingLua from './pending.lua';
import { parseStatus, type Status } from './status.ts';

/**
 * What waits, for people to look at. Reading writes nothing and stays cheap: up to `exactUpTo` ids are added up in
 * the server; beyond that the glance is an estimate from a sample, and `pendingOf` adds up page by page.
 */

const exactUpTo = 5000;
const sample = 1000;

export type Pending = {
  readonly type: string;
  readonly ids: number;
  readonly total: number;
  /** False: `total` and `inflight.total` are estimates. */
  readonly isExact: boolean;
  readonly inflight: { readonly ids: number; readonly total: number; readonly batch: string | undefined };
  /** Epoch ms; nothing pending or in flight is older. Undefined: nothing is. */
  readonly oldestMs: number | undefined;
  /** The server's clock at the reading. */
  readonly nowMs: number;
  readonly status: Status | undefined;
};

/** A type whose keys belong to something else. */
export type Foreign = { readonly type: string; readonly error: string };

type Entry = 'WRONG_TYPE' | [number, string, number, number, string, number, string, Flat, Flat];
type Flat = Record<string, string> | string[];

const pendingScript = defineScript({
  lua: pendingLua,
  parse(reply): { nowMs: number; entries: Entry[] } {
    const [now, ...entries] = reply as [string, ...Entry[]];
    return { nowMs: Number(now), entries };
  },
});

/** A glance at several types: one call, or one for each type in a cluster. */
export async function glance(redis: Client, types: readonly string[]): Promise<(Pending | Foreign)[]> {
  if (types.length === 0) return [];
  const groups = isCluster(redis) ? types.map((type) => [type]) : [types];
  const found = await Promise.all(
    groups.map(async (group) => {
      const keys = group.flatMap((type) => {
        const { pending, inflight, batch, oldest, status } = bufferKeys(redis, type);
        return [pending, inflight, batch, oldest, status];
      });
      const { nowMs, entries } = await pendingScript(redis, keys, [exactUpTo, sample]);
      return entries.map((entry, index) => read(redis, group[index] ?? '', entry, nowMs));
    }),
  );
  return found.flat();
}

/**
 * Everything about one type, exactly, however much it is.
 * @throws {WrongTypeError} if its keys belong to something else
 */
export async function pendingOf(redis: Client, type: string): Promise<Pending> {
  const [found] = await glance(redis, [type]);
  const { pending, inflight } = bufferKeys(redis, type);
  if (!found || 'error' in found) throw new WrongTypeError(pending, 'sorted set');
  if (found.isExact) return found;
  const [waiting, claimed] = await Promise.all([addUp(redis, pending), addUp(redis, inflight)]);
  return { ...found, ...waiting, isExact: true, inflight: { ...found.inflight, ...claimed } };
}

async function addUp(redis: Client, key: string): Promise<{ ids: number; total: number }> {
  const counts = new Map<string, number>();
  let cursor = '0';
  do {
    const from = cursor;
    const [next, flat] = await retryAborted(() => redis.zscan(key, from, 'COUNT', 1000));
    cursor = next;
    for (let index = 0; index < flat.length; index += 2)
      counts.set(flat[index] ?? '', Number(flat[index + 1]));
  } while (cursor !== '0');
  return { ids: counts.size, total: [...counts.values()].reduce((sum, count) => sum + count, 0) };
}

function read(redis: Client, type: string, entry: Entry, nowMs: number): Pending | Foreign {
  if (entry === 'WRONG_TYPE') {
    return { type, error: new WrongTypeError(bufferKeys(redis, type).pending, 'sorted set').message };
  }
  const [ids, total, isExact, claimedIds, claimedTotal, isClaimedExact, oldest, batch, status] = entry;
  const { id, oldestMs: claimedOldest } = fields(batch);
  const since = id === undefined ? (ids > 0 ? oldest : '') : (claimedOldest ?? '');
  return {
    type,
    ids,
    total: Number(total),
    isExact: isExact === 1 && isClaimedExact === 1,
    inflight: { ids: claimedIds, total: Number(claimedTotal), batch: id },
    oldestMs: since === '' ? undefined : Number(since),
    nowMs,
    status: parseStatus(fields(status)),
  };
}

function fields(flat: Flat): Readonly<Record<string, string | undefined>> {
  if (!Array.isArray(flat)) return flat;
  return Object.fromEntries(flat.flatMap((name, index) => (index % 2 ? [] : [[name, flat[index + 1]]])));
}
