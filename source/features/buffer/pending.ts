import { WrongTypeError } from '../../errors.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { asArray, asInteger, asNumber, asPairs, asText } from '../../redis/reply.ts';
import { defineScript } from '../../redis/script.ts';
import { typed } from '../../redis/wrong-type.ts';
import addUpLua from './add-up.lua';
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
  readonly inflight: Sum & {
    readonly batch: string | undefined;
    /** Epoch ms; undefined: not known. */
    readonly claimedMs?: number | undefined;
    /** Whether it says which database it was begun with. */
    readonly hasTarget?: boolean;
  };
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

const pageIds = 5000;

const addUpScript = defineScript({
  lua: addUpLua,
  parse(reply) {
    const [cursor, ids, met, sum, ...flat] = asArray(reply);
    return {
      cursor: asText(cursor),
      ids: asInteger(ids),
      met: asInteger(met),
      sum: asNumber(sum),
      counts: asPairs(flat).map(([id, count]) => [id, asNumber(count)] as const),
    };
  },
});

/**
 * The server adds up. Where it met more ids than there are, some of them twice, they are told apart here: all are sent
 * then, long ones as digests.
 */
async function addUp(redis: Client, key: string): Promise<Sum> {
  const quick = { ids: 0, most: 0, total: 0 };
  for await (const { ids, met, sum } of parts(redis, key, false)) {
    quick.ids += met;
    quick.total += sum;
    quick.most = Math.max(quick.most, ids);
  }
  if (quick.ids <= quick.most) return { ids: quick.ids, total: quick.total };
  const all = new Map<string, number>();
  for await (const { counts } of parts(redis, key, true))
    for (const [id, count] of counts) all.set(id, count);
  return { ids: all.size, total: [...all.values()].reduce((sum, count) => sum + count, 0) };
}

async function* parts(redis: Client, key: string, isNamed: boolean) {
  let cursor = '0';
  do {
    const part = await typed(
      redis,
      { [key]: 'zset' },
      addUpScript(redis, [key], [cursor, pageIds, isNamed ? 1 : 0]),
    );
    cursor = part.cursor;
    yield part;
  } while (cursor !== '0');
}

function read(redis: Client, type: string, entry: unknown, nowMs: number): Pending | Foreign {
  if (entry === 'WRONG_TYPE') {
    return { type, error: new WrongTypeError(bufferKeys(redis, type).pending, 'sorted set').message };
  }
  const [first, second, third, oldest, batch, batchOldest, claimed, hasTarget, status] = asArray(entry);
  const [waiting, taken, aside] = [sumIn(first), sumIn(second), sumIn(third)];
  const id = asText(batch);
  const since = id === '' ? (waiting.ids > 0 ? asText(oldest) : '') : asText(batchOldest);
  return {
    type,
    ids: waiting.ids,
    total: waiting.total,
    isExact: waiting.isExact && taken.isExact && aside.isExact,
    inflight: {
      ids: taken.ids,
      total: taken.total,
      batch: id === '' ? undefined : id,
      claimedMs: momentIn(asText(claimed)),
      hasTarget: asInteger(hasTarget) === 1,
    },
    aside: { ids: aside.ids, total: aside.total },
    oldestMs: momentIn(since),
    nowMs,
    status: parseStatus(Object.fromEntries(asPairs(status).map(([name, value]) => [name, asText(value)]))),
  };
}

/** Epoch ms in a text that anybody may have written. */
function momentIn(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function sumIn(reply: unknown): Sum & { readonly isExact: boolean } {
  const [ids, total, isExact] = asArray(reply);
  return { ids: asInteger(ids), total: asNumber(total), isExact: asInteger(isExact) === 1 };
}
