import { randomUUID } from 'node:crypto';
import { WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { register } from '../../redis/registry.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { defineScript } from '../../redis/script.ts';
import claimLua from './claim.lua';
import commitLua from './commit.lua';
import { BatchElsewhereError } from './errors.ts';
import { type BufferKeys, bufferKeys } from './keys.ts';
import type { OnStep, Row, Target } from './target.ts';

/**
 * From Redis to SQL, exactly once in effect, without a lock.
 *
 * 1. Claim: one script renames `pending` to `inflight` and names the batch. Whoever claims while a batch is in
 *    flight, after a crash or beside us, is handed the same batch under the same id.
 * 2. Read it in pages; it does not change any more.
 * 3. One SQL transaction records the batch id and adds the counts; it does nothing if the id is recorded already.
 * 4. Commit: one script lets go of the batch, if it is still this one, and puts back into `pending` what SQL cannot
 *    take: fractions, counts past 2^53, ids that are not text.
 *
 * A crash before 3 commits leaves the batch in flight and SQL untouched; a crash after leaves it in flight with
 * its id recorded, so the next flush only does 4. At any moment
 * SQL + pending + (in flight, unless SQL has recorded its id) = what was counted.
 *
 * Recorded ids are forgotten a day after their commit here, and only ids that this Redis itself has let go of, so
 * several servers may share one database. Not promised: a Redis that comes back from a backup, or from a replica
 * more than a day behind, may offer a batch whose id SQL has forgotten.
 */

const readPage = 1000;
const putBackPart = 500;
const keepSettledMs = 86_400_000;

export type Flushed = {
  readonly type: string;
  /** Undefined: nothing was pending. */
  readonly batch: string | undefined;
  readonly rows: number;
  readonly total: number;
  /** Ids put back because SQL cannot take them as they are. */
  readonly setAside: number;
  readonly durationMs: number;
};

export type FlushOptions = { readonly onStep?: OnStep };

type Claim = { readonly id: string; readonly isResumed: boolean; readonly forget: readonly string[] };

const claimScript = defineScript({
  lua: claimLua,
  parse(reply): Claim | undefined {
    const [id, isResumed, forget] = reply as [string, number, string[]];
    return id === '' ? undefined : { id, isResumed: isResumed === 1, forget };
  },
});
const commitScript = defineScript({ lua: commitLua, parse: (reply) => reply === 1 });

/**
 * Writes everything pending now to SQL. A batch that an earlier flush left in flight is settled first.
 * @throws {WrongTypeError | BatchElsewhereError} with nothing changed
 * @throws {SqlFailedError} the batch stays in flight, for the next flush
 */
export async function flush(
  redis: Client,
  type: string,
  target: Target,
  options: FlushOptions = {},
): Promise<Flushed> {
  const startedAt = performance.now();
  const keys = bufferKeys(redis, type);
  const flushed = await settleAll(redis, type, keys, target, options).catch((error: unknown) => {
    throw refusalOf(error, type, keys);
  });
  // Not needed for the counts, and refused by a Redis that is full: flushing must go on even then.
  await register(redis, 'buffer', type).catch(() => {});
  return { type, ...flushed, durationMs: Math.round(performance.now() - startedAt) };
}

/** Whether a flush would find anything: asked before a database is opened in vain. */
export async function hasWork(redis: Client, type: string): Promise<boolean> {
  const { pending, inflight, batch } = bufferKeys(redis, type);
  return (await retryAborted(() => redis.exists(pending, inflight, batch))) > 0;
}

type Settled = Omit<Flushed, 'type' | 'durationMs'>;

async function settleAll(
  redis: Client,
  type: string,
  keys: BufferKeys,
  target: Target,
  { onStep }: FlushOptions,
): Promise<Settled> {
  let sum: Settled = { batch: undefined, rows: 0, total: 0, setAside: 0 };
  for (;;) {
    onStep?.('claiming');
    const claim = await claimed(redis, keys, target);
    if (!claim) return sum;
    onStep?.('claimed');
    const settled = await settle(redis, type, keys, target, claim, onStep);
    if (!settled) continue;
    sum = { ...settled, rows: sum.rows + settled.rows, total: sum.total + settled.total };
    // What was pending when we were called may still be, behind the batch that we found in flight.
    if (!claim.isResumed) return sum;
  }
}

async function claimed(redis: Client, keys: BufferKeys, target: Target): Promise<Claim | undefined> {
  const { pending, inflight, batch, oldest, settled } = keys;
  return await claimScript(
    redis,
    [pending, inflight, batch, oldest, settled],
    [randomUUID(), target.identity, keepSettledMs],
  );
}

function refusalOf(error: unknown, type: string, { pending, batch }: BufferKeys): unknown {
  if (!(error instanceof Error)) return error;
  if (error.message.startsWith('ELSEWHERE')) return new BatchElsewhereError(type, batch);
  const [, key] = /^WRONG_TYPE (.*?)(?: script: .*)?$/s.exec(error.message) ?? [];
  if (key !== undefined) return new WrongTypeError(key, 'sorted set', { cause: error });
  if (error.message.startsWith('WRONGTYPE'))
    return new WrongTypeError(pending, 'sorted set', { cause: error });
  return error;
}

/** Undefined if somebody else has settled the batch in the meantime. */
async function settle(
  redis: Client,
  type: string,
  keys: BufferKeys,
  target: Target,
  claim: Claim,
  onStep: OnStep | undefined,
): Promise<Settled | undefined> {
  const { rows, aside } = await readBatch(redis, keys, onStep);
  if ((await retryAborted(() => redis.hget(keys.batch, 'id'))) !== claim.id) return;
  const total = rows.reduce((sum, row) => sum + row.count, 0);
  const note = `${type}: ${rows.length} rows, ${total >= 0 ? '+' : ''}${total}`;
  const isApplied = await target.apply({ id: claim.id, note, rows, forget: claim.forget }, onStep);
  await letGo(redis, keys, claim, isApplied, aside, onStep);
  const written = isApplied ? { rows: rows.length, total } : { rows: 0, total: 0 };
  return { batch: claim.id, ...written, setAside: aside.length };
}

type Aside = readonly [mode: 'fraction' | 'all', id: Buffer];

async function readBatch(
  redis: Client,
  { inflight }: BufferKeys,
  onStep: OnStep | undefined,
): Promise<{ rows: Row[]; aside: Aside[] }> {
  const rows: Row[] = [];
  const aside: Aside[] = [];
  for (let start = 0; ; start += readPage) {
    const end = start + readPage - 1;
    const flat = await retryAborted(() => redis.zrangeBuffer(inflight, `${start}`, `${end}`, 'WITHSCORES'));
    onStep?.('page-read');
    for (let index = 0; index < flat.length; index += 2) {
      const bytes = flat[index];
      const count = Number(flat[index + 1]);
      if (!bytes) continue;
      const id = bytes.toString();
      const whole = Math.trunc(count);
      const isText = !id.includes('\0') && (!id.includes('\uFFFD') || Buffer.from(id).equals(bytes));
      if (!isText || !Number.isSafeInteger(whole)) {
        aside.push(['all', bytes]);
        continue;
      }
      if (whole !== count) aside.push(['fraction', bytes]);
      if (whole !== 0) rows.push({ id, count: whole });
    }
    if (flat.length < 2 * readPage) break;
  }
  rows.sort((one, other) => (one.id < other.id ? -1 : one.id > other.id ? 1 : 0));
  return { rows, aside };
}

async function letGo(
  redis: Client,
  { pending, inflight, batch, settled }: BufferKeys,
  { id, forget }: Claim,
  isApplied: boolean,
  aside: readonly Aside[],
  onStep: OnStep | undefined,
): Promise<void> {
  const parts = Math.max(1, Math.ceil(aside.length / putBackPart));
  const forgotten = isApplied ? forget : [];
  for (let part = 1; part <= parts; part += 1) {
    const isLast = part === parts;
    const back = aside.slice((part - 1) * putBackPart, part * putBackPart).flat();
    await commitScript(
      redis,
      [pending, inflight, batch, settled],
      [id, part, isLast ? 1 : 0, ...(isLast ? [forgotten.length, ...forgotten] : [0]), ...back],
    );
    onStep?.(isLast ? 'committed' : 'put-back');
  }
}
