import { WrongTypeError } from '../../errors.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { asArray, asInteger, asNumber, asPairs, asText } from '../../redis/reply.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { defineScript } from '../../redis/script.ts';
import { bufferKeys } from './keys.ts';
import pendingLua from './pending.lua';
import { parseStatus, type Status, statusFields } from './status.ts';

/**
 * What waits, for people to look at. Reading writes nothing and stays cheap: up to `exactUpTo` ids are added up in
 * the server; beyond that the glance is an estimate from a sample, and `pendingOf` adds up page by page.
 */

const exactUpTo = 5000;
const sample = 1000;
const mostBytes = 4096;

type Sum = { readonly ids: number; readonly total: number };

export type Pending = {
  readonly type: string;
  readonly ids: number;
  readonly total: number;
  /** False: the totals are estimates, or past 2^53 and rounded. */
  readonly isExact: boolean;
  readonly inflight: Sum & { readonly batch: string | undefined };
  /** What SQL refuses. */
  readonly aside: Sum;
  /** Epoch ms; nothing pending or in flight is older. Undefined: nothing is. */
  readonly oldestMs: number | undefined;
  /** The server's clock at the reading. */
  readonly nowMs: number;
  readonly status: Status | undefined;
};

/** A type whose keys belong to something else. */
export type Foreign = { readonly type: string; readonly error: string };

const pendingScript = defineScript({
  lua: pendingLua,
  parse(reply) {
    const [now, ...entries] = asArray(reply);
    return { nowMs: asInteger(now), entries };
  },
});

/** A glance at several types: one call, or one for each type in a cluster. */
export async function glance(redis: Client, types: readonly string[]): Promise<(Pending | Foreign)[]> {
  if (types.length === 0) return [];
  const groups = isCluster(redis) ? types.map((type) => [type]) : [types];
  const found = await Promise.all(
    groups.map(async (group) => {
      const keys = group.flatMap((type) => {
        const { pending, inflight, batch, oldest, status, aside } = bufferKeys(redis, type);
        return [pending, inflight, batch, oldest, status, aside];
      });
      const { nowMs, entries } = await pendingScript(redis, keys, [
        exactUpTo,
        sample,
        mostBytes,
        ...statusFields,
      ]);
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
  const keys = bufferKeys(redis, type);
  if (!found || 'error' in found) throw new WrongTypeError(keys.pending, 'sorted set');
  if (found.isExact) return found;
  const [waiting, claimed, aside] = await Promise.all([
    addUp(redis, keys.pending),
    addUp(redis, keys.inflight),
    addUp(redis, keys.aside),
  ]);
  const isExact = [waiting, claimed, aside].every(({ total }) => Math.abs(total) <= Number.MAX_SAFE_INTEGER);
  return { ...found, ...waiting, isExact, inflight: { ...found.inflight, ...claimed }, aside };
}

async function addUp(redis: Client, key: string): Promise<Sum> {
  const counts = new Map<string, number>();
  let cursor = '0';
  do {
    const from = cursor;
    const [next, flat] = await retryAborted(() => redis.zscan(key, from, 'COUNT', 1000));
    cursor = next;
    for (let index = 0; index < flat.length; index += 2)
      counts.set(flat[index] ?? '', asNumber(flat[index + 1], key));
  } while (cursor !== '0');
  return { ids: counts.size, total: [...counts.values()].reduce((sum, count) => sum + count, 0) };
}

function read(redis: Client, type: string, entry: unknown, nowMs: number): Pending | Foreign {
  if (entry === 'WRONG_TYPE') {
    return { type, error: new WrongTypeError(bufferKeys(redis, type).pending, 'sorted set').message };
  }
  const [first, second, third, oldest, batch, batchOldest, status] = asArray(entry);
  const [waiting, claimed, aside] = [sumIn(first), sumIn(second), sumIn(third)];
  const id = asText(batch);
  const since = id === '' ? (waiting.ids > 0 ? asText(oldest) : '') : asText(batchOldest);
  return {
    type,
    ids: waiting.ids,
    total: waiting.total,
    isExact: waiting.isExact && claimed.isExact && aside.isExact,
    inflight: { ids: claimed.ids, total: claimed.total, batch: id === '' ? undefined : id },
    aside: { ids: aside.ids, total: aside.total },
    oldestMs: /^\d{1,15}$/.test(since) ? Number(since) : undefined,
    nowMs,
    status: parseStatus(Object.fromEntries(asPairs(status).map(([name, value]) => [name, asText(value)]))),
  };
}

function sumIn(reply: unknown): Sum & { readonly isExact: boolean } {
  const [ids, total, isExact] = asArray(reply);
  return { ids: asInteger(ids), total: asNumber(total), isExact: asInteger(isExact) === 1 };
}
