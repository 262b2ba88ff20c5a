import { randomUUID } from 'node:crypto';
import { WrongTypeError } from '../../../errors.ts';
import type { Client } from '../../../redis/client.ts';
import { register } from '../../../redis/registry.ts';
import { asArray, asInteger, asNumber, asText, asTexts } from '../../../redis/reply.ts';
import { retryAborted } from '../../../redis/retry-aborted.ts';
import { defineScript } from '../../../redis/script.ts';
import { cutMark } from '../../../ui/format.ts';
import { BatchElsewhereError } from '../errors.ts';
import { type BufferKeys, bufferKeys } from '../keys.ts';
import { byId, type OnStep, type Refusal, type Row, type Target } from '../sql/target.ts';
import { longestRead, tooLong } from './aside.ts';
import claimLua from './claim.lua';
import commitLua from './commit.lua';
import readBatchLua from './read-batch.lua';

/**
 * From Redis to SQL, exactly once in effect, without a lock.
 *
 * 1. Claim: one script renames `pending` to `inflight` and names the batch. Whoever claims while a batch is in
 *    flight, after a crash or beside us, is handed the same batch under the same id.
 * 2. Read it in pages; it does not change any more.
 * 3. One SQL transaction records the batch id, adds the counts, and records the rows that the table refused; it does
 *    nothing if the id is recorded already.
 * 4. Commit: one script lets go of the batch, if it is still this one. It sets aside what SQL refused, as the
 *    transaction recorded it, and puts back into `pending` what SQL cannot take: fractions, counts past 2^53, ids that
 *    are not text.
 *
 * A crash before 3 commits leaves the batch in flight and SQL untouched; a crash after leaves it in flight with
 * its id recorded, so the next flush only does 4. At any moment
 * SQL + pending + aside + (in flight, unless SQL has recorded its id) = what was counted.
 *
 * Recorded ids are forgotten a day after their commit here, and only ids that this Redis itself has let go of, so
 * several servers may share one database. Not promised: a Redis that comes back from a backup, or from a replica
 * more than a day behind, may offer a batch whose id SQL has forgotten.
 */

const readPage = { ids: 1000, bytes: 1024 * 1024 };
const movePart = 400;
const keepSettledMs = 86_400_000;
/** Of a batch: when more is refused, it is the table that does not fit. */
const mostRefused = { ids: 100, share: 0.05 };
/** Of a type: a claim looks at each of them. */
const mostAside = 10_000;

export type Flushed = {
  readonly type: string;
  /** Undefined: nothing was pending. */
  readonly batch: string | undefined;
  readonly rows: number;
  readonly total: number;
  /** Ids that SQL refused and that are set aside now, with the reasons. */
  readonly refused: readonly Refusal[];
  /** Ids that stay pending because SQL cannot take them as they are. */
  readonly leftPending: number;
  readonly durationMs: number;
};

export type FlushOptions = { readonly onStep?: OnStep };

type Claim = {
  /** Empty: there is nothing to claim. */
  readonly id: string;
  readonly isResumed: boolean;
  /** How many ids are aside, and how many of them are due. */
  readonly aside: number;
  readonly due: number;
  readonly forget: readonly string[];
};

const claimScript = defineScript({
  lua: claimLua,
  parse(reply): Claim {
    const [id, isResumed, aside, due, forget] = asArray(reply);
    return {
      id: asText(id),
      isResumed: asInteger(isResumed) === 1,
      aside: asInteger(aside),
      due: asInteger(due),
      forget: asTexts(forget),
    };
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

/**
 * Whether a flush would find anything: asked before a database is opened in vain. What is only set aside, and not due,
 * is to be looked at now and then: the table may be defined otherwise by now.
 */
export async function hasWork(redis: Client, type: string): Promise<boolean | 'aside'> {
  const { pending, inflight, batch, aside, due } = bufferKeys(redis, type);
  const [waiting, isAside, [seconds]] = await Promise.all([
    retryAborted(() => redis.exists(pending, inflight, batch)),
    retryAborted(() => redis.exists(aside)),
    retryAborted(() => redis.time()),
  ]);
  if (waiting > 0) return true;
  if (isAside === 0) return false;
  const nowMs = Number(seconds) * 1000;
  return (await retryAborted(() => redis.zcount(due, '-inf', nowMs))) > 0 ? true : 'aside';
}

type Settled = Omit<Flushed, 'type' | 'durationMs'>;

const nothingSettled: Settled = { batch: undefined, rows: 0, total: 0, refused: [], leftPending: 0 };

async function settleAll(
  redis: Client,
  type: string,
  keys: BufferKeys,
  target: Target,
  { onStep }: FlushOptions,
): Promise<Settled> {
  let sum = nothingSettled;
  let due = 0;
  const claimAndSettle = async (what: 'pending' | 'due'): Promise<'none' | 'resumed' | 'new'> => {
    onStep?.('claiming');
    const claim = await claimed(redis, keys, target, what);
    due = claim.due;
    if (claim.id === '') return 'none';
    onStep?.('claimed');
    const settled = await settle(redis, type, keys, target, claim, onStep);
    if (settled) sum = together(sum, settled);
    // What was to be claimed may still be, behind the batch that we found in flight.
    return claim.isResumed || !settled ? 'resumed' : 'new';
  };
  while ((await claimAndSettle('pending')) === 'resumed');
  // Alone, and behind the others: what fails again holds up nothing.
  while (due > 0 && (await claimAndSettle('due')) !== 'none');
  return sum;
}

function together(one: Settled, other: Settled): Settled {
  return {
    batch: other.batch ?? one.batch,
    rows: one.rows + other.rows,
    total: one.total + other.total,
    refused: [...one.refused, ...other.refused],
    leftPending: other.leftPending,
  };
}

async function claimed(
  redis: Client,
  { pending, inflight, batch, oldest, settled, aside, why, due }: BufferKeys,
  { identity, definition = '' }: Target,
  what: 'pending' | 'due',
): Promise<Claim> {
  return await claimScript(
    redis,
    [pending, inflight, batch, oldest, settled, aside, why, due],
    [randomUUID(), identity, keepSettledMs, what, definition],
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
  const read = await readBatch(redis, keys, claim, onStep);
  if (!read) return;
  const { rows, unfit, long } = read;
  const [longAside, longPending] = [long.filter(isExact), long.filter((one) => !isExact(one))];
  const total = sumOf(rows);
  const note = `${type}: ${rows.length} rows, ${total >= 0 ? '+' : ''}${total}`;
  const most = Math.max(mostRefused.ids, Math.floor(rows.length * mostRefused.share));
  const applied = await target.apply(
    {
      id: claim.id,
      note,
      rows,
      forget: claim.forget,
      mostRefused: Math.min(most, Math.max(0, mostAside - claim.aside - long.length)),
    },
    onStep,
  );
  const { isNew, refused } =
    typeof applied === 'string' ? { isNew: applied === 'applied', refused: [] } : applied;
  const moves: Move[] = [
    ...unfit,
    ...long.map(({ place, count }): Move => ['long', place, count, '', '']),
    ...refused.map(
      ({ id, count, code, reason }): Move => ['aside', id, count, code, reason.slice(0, longestReason)],
    ),
  ];
  await letGo(redis, keys, { claim, moves, isNew, definition: target.definition ?? '' }, onStep);
  const written = isNew
    ? { rows: rows.length - refused.length, total: total - sumOf(refused) }
    : { rows: 0, total: 0 };
  return {
    batch: claim.id,
    ...written,
    refused: [...refused, ...longAside],
    leftPending: unfit.length + longPending.length,
  };
}

function isExact({ count }: Long): boolean {
  return Number.isSafeInteger(count);
}

function sumOf(rows: readonly Row[]): number {
  return rows.reduce((sum, { count }) => sum + count, 0);
}

/** What happens to an id when the batch is let go of; five words each. */
type Move = readonly [
  mode: 'fraction' | 'all' | 'aside' | 'long',
  idOrPlace: Buffer | string | number,
  count: number | '',
  code: string,
  reason: string,
];

const longestReason = 300;

/** An id that is too long to be read, with its beginning. */
type Long = Refusal & { readonly place: number };

type Page = {
  readonly next: number | undefined;
  readonly long: readonly Long[];
  readonly flat: readonly unknown[];
};

const readScript = defineScript({
  lua: readBatchLua,
  binary: true,
  parse(reply): Page | 'gone' {
    const [next, long, ...flat] = asArray(reply);
    if (asText(next) === 'gone') return 'gone';
    const cells = asArray(long);
    return {
      next: asText(next) === '' ? undefined : asInteger(next),
      long: Array.from({ length: cells.length / 4 }, (_, index) => longOf(cells.slice(4 * index))),
      flat,
    };
  },
});

function longOf([place, bytes, count, beginning]: readonly unknown[]): Long {
  const id = asText(beginning) + cutMark(asInteger(bytes));
  return { place: asInteger(place), id, count: asNumber(count), ...tooLong(asInteger(bytes)) };
}

/** Undefined if it is in flight no longer. */
async function readBatch(
  redis: Client,
  { inflight, batch }: BufferKeys,
  { id: batchId }: Claim,
  onStep: OnStep | undefined,
): Promise<{ rows: Row[]; unfit: Move[]; long: Long[] } | undefined> {
  const rows: Row[] = [];
  const unfit: Move[] = [];
  const long: Long[] = [];
  for (let place: number | undefined = 0; place !== undefined; ) {
    const page: Page | 'gone' = await readScript(
      redis,
      [inflight, batch],
      [place, readPage.ids, longestRead, readPage.bytes, batchId],
    );
    if (page === 'gone') return;
    onStep?.('page-read');
    long.push(...page.long);
    for (let index = 0; index < page.flat.length; index += 2) {
      const bytes = page.flat[index];
      const count = asNumber(page.flat[index + 1]);
      if (!Buffer.isBuffer(bytes)) continue;
      const id = bytes.toString();
      const whole = Math.trunc(count);
      const isText = !id.includes('\0') && (!id.includes('\uFFFD') || Buffer.from(id).equals(bytes));
      if (!isText || !Number.isSafeInteger(whole)) {
        unfit.push(['all', bytes, '', '', '']);
        continue;
      }
      if (whole !== count) unfit.push(['fraction', bytes, '', '', '']);
      if (whole !== 0) rows.push({ id, count: whole });
    }
    place = page.next;
  }
  rows.sort(byId);
  return { rows, unfit, long };
}

async function letGo(
  redis: Client,
  { pending, inflight, batch, settled, aside, why, due }: BufferKeys,
  {
    claim: { id, forget },
    moves,
    isNew,
    definition,
  }: {
    readonly claim: Claim;
    readonly moves: readonly Move[];
    readonly isNew: boolean;
    readonly definition: string;
  },
  onStep: OnStep | undefined,
): Promise<void> {
  const parts = Math.max(1, Math.ceil(moves.length / movePart));
  const forgotten = isNew ? forget : [];
  for (let part = 1; part <= parts; part += 1) {
    const isLast = part === parts;
    const some = moves.slice((part - 1) * movePart, part * movePart).flat();
    await commitScript(
      redis,
      [pending, inflight, batch, settled, aside, why, due],
      [id, part, isLast ? 1 : 0, definition, ...(isLast ? [forgotten.length, ...forgotten] : [0]), ...some],
    );
    onStep?.(isLast ? 'committed' : 'put-back');
  }
}
