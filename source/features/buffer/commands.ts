import * as v from 'valibot';
import { messageOf, UsageError, WrongTypeError } from '../../errors.ts';
import { Allowance, mostOfAll } from '../../redis/allowance.ts';
import type { Client } from '../../redis/client.ts';
import { listed } from '../../redis/registry.ts';
import { shellWord } from '../../shell-word.ts';
import { counted, formatClock, formatCount, formatDuration, namesCutTexts } from '../../ui/format.ts';
import { textTable } from '../../ui/text-table.ts';
import { UnknownNameError } from '../../unknown-name.ts';
import { durationMs, name, wholeNumber } from '../../values.ts';
import {
  type CommandContext,
  defineCommand,
  flag,
  flagOr,
  list,
  named,
  optionalFlag,
  optionalWord,
  switchFlag,
  type Text,
  type Undo,
  word,
} from '../feature.ts';
import { increment } from './buffer.ts';
import { countLines } from './count-lines.ts';
import { discover } from './discover.ts';
import { BadIdError, NotAsideError } from './errors.ts';
import { type Aside, asideOf, dropAside, retryAside } from './flush/aside.ts';
import type { Flushed } from './flush/flush.ts';
import type { FlushRun } from './flush/flusher.ts';
import { dropGuard, flushGuard } from './guards.ts';
import { isId, isOwnType } from './keys.ts';
import { type Pending, pendingOf } from './pending.ts';
import * as printed from './printed.ts';
import { bringDriver } from './sql/driver.ts';
import { byId, type TargetOptions } from './sql/target.ts';
import { rowOf, stateOf } from './state.ts';
import { ordinal, signed, took } from './status-text.ts';

const idValue = v.pipe(
  v.string(),
  v.check(
    (id) => isId(id),
    ({ input }) => new BadIdError(input).message,
  ),
);

const incr = defineCommand({
  verb: 'incr',
  summary: 'count something; it waits in Redis until a flush writes it to SQL',
  words: {
    type: named(word('TYPE', 'what is counted, usually the name of the table', name), 'buffer'),
    id: word('ID', 'whose count grows; `-` reads lines `ID<TAB>BY` from stdin', idValue),
    by: optionalWord('BY', 'by how much (1)', wholeNumber({ min: 1 })),
  },
  prints: printed.counted,
  writes: true,
  examples: [
    'quarterdeck buffer incr project 42',
    "printf '42\\t3\\n17\\t1\\n' | quarterdeck buffer incr project -",
  ],
  async run(context, { type, id, by }) {
    if (id === '-') {
      const counted = await countLines(context, type, by ?? 1);
      const { lines, total, pending } = counted;
      const text = `${type}: counted ${formatCount(lines)} ${lines === 1 ? 'line' : 'lines'}, +${formatCount(total)}; ${formatCount(pending)} pending`;
      return { json: { type, id, pending, lines, total }, text };
    }
    const pending = await increment(context.redis, type, [[id, by ?? 1]]);
    return { json: { type, id, pending }, text: `${type} ${id}: ${formatCount(pending)} pending` };
  },
});

const pending = defineCommand({
  verb: 'pending',
  summary: 'what waits to be written to SQL',
  words: { type: named(optionalWord('TYPE', 'only this type', name), 'buffer') },
  flags: { discover: switchFlag('also look for buffers that only others have written, by a slow SCAN') },
  prints: printed.pending,
  writes: false,
  examples: ['quarterdeck buffer pending', "quarterdeck snapshot --fail-if 'buffer.oldestAgeMs > 10m'"],
  async run(context, { type, discover: isThorough }) {
    const { redis, signal } = context;
    const found = isThorough ? await discover(redis, signal) : [];
    const rows =
      type === undefined
        ? await allPending(redis, found, (message) => context.warn(message))
        : [await pendingOf(redis, type)];
    for (const row of rows) if (type !== undefined) await assertKnown(redis, row);
    return { json: rows.map(pendingJson), text: pendingText(rows) };
  },
});

const flush = defineCommand({
  verb: 'flush',
  summary: 'write what is pending to SQL, exactly once in effect',
  words: { type: named(word('TYPE', 'what to flush', name), 'buffer') },
  flags: {
    to: flag('TARGET', 'sqlite:FILE or postgres://USER@HOST/DATABASE (password: PGPASSWORD)', v.string()),
    table: optionalFlag('TABLE', 'the table, or schema.table (called like TYPE)', v.string()),
    key: flagOr('COLUMN', 'the unique column with the ids', v.string(), 'id'),
    column: flagOr('COLUMN', 'the column that grows', v.string(), 'count'),
    every: optionalFlag(
      'DURATION',
      'go on flushing this often, one process at a time',
      v.pipe(durationMs, v.minValue(100, 'Expected a duration from 100ms up')),
    ),
  },
  prints: printed.flushed,
  emits: printed.flushed,
  writes: true,
  endsWithinMs: 4000,
  outside: 'It writes to SQL, and only then takes what it wrote out of Redis: neither is done in a dry run.',
  examples: [
    'quarterdeck buffer flush project --to sqlite:app.db --column views',
    'PGPASSWORD=... quarterdeck buffer flush project --to postgres://app@db/app --every 10s',
  ],
  guard: flushGuard,
  async run(context, { type, to, table = type, key, column, every }) {
    const target: TargetOptions = { to, table, key, column };
    if (/^postgres(?:ql)?:\/\/[^/?]*:[^/?]+@/.test(to)) {
      context.warn('A password in a URL is visible in the process list; use PGPASSWORD or ~/.pgpass');
    }
    bringDriver(() => import('pg'));
    const { flushOnce } = await import('./flush/flusher.ts');
    const noted = new Set<string>();
    const run: FlushRun = {
      redis: context.redis,
      type,
      target,
      timeoutMs: context.config.timeoutMs,
      onNote(note) {
        if (noted.has(note)) return;
        noted.add(note);
        context.warn(note);
      },
    };
    if (every !== undefined) return await flushEvery(context, run, every);
    const flushed = await flushOnce({ ...run, signal: context.signal });
    warnOf(context, flushed);
    return { json: flushedJson(flushed), text: flushedText(flushed) };
  },
});

async function flushEvery(context: CommandContext, run: FlushRun, everyMs: number) {
  const { keepFlushing } = await import('./flush/flusher.ts');
  let leftPending = 0;
  await keepFlushing({
    ...run,
    everyMs,
    signal: context.signal,
    listen: () => context.listen(),
    async onFlushed(flushed) {
      const isOld = flushed.leftPending === leftPending;
      leftPending = flushed.leftPending;
      warnOf(context, isOld ? { ...flushed, leftPending: 0 } : flushed);
      await context.emit(flushedJson(flushed), flushedText(flushed));
    },
    onFailure(error, failures, retryInMs) {
      context.warn(
        `${messageOf(error)}. Trying a ${ordinal(failures + 1)} time in ${formatDuration(retryInMs)}`,
      );
    },
    onStandby: () => context.progress(`Another process flushes ${run.type}; waiting to take over`),
  });
  return { text: '' };
}

/** Ids that are not in SQL although the flush went well, by name. */
function warnOf(context: CommandContext, { type, leftPending, refused }: Flushed): void {
  if (leftPending > 0) {
    context.warn(
      `${counted(leftPending, 'id')} of ${type} ${leftPending === 1 ? 'stays' : 'stay'} pending: a fraction, a count past 2^53, or an id that is not text`,
    );
  }
  for (const { id, count, reason } of refused.slice(0, mostNamed))
    context.warn(`Set aside: ${signed(count)} of \`${id}\` in ${type}: ${reason}`);
  const others = refused.length - mostNamed;
  if (others > 0) context.warn(`Set aside: ${counted(others, 'other id')} of ${type}`);
  if (refused.length > 0)
    context.warn(`\`quarterdeck buffer aside ${shellWord(type)}\` lists what SQL refuses`);
}

const mostNamed = 10;

function flushedJson({ type, batch, rows, total, refused, leftPending, durationMs }: Flushed) {
  return {
    type,
    batch: batch ?? null,
    rows,
    total,
    aside: refused.length,
    leftPending,
    // What `leftPending` was called before.
    setAside: leftPending,
    durationMs,
  };
}

function flushedText({ type, batch, rows, total, durationMs, refused }: Flushed): string {
  if (batch === undefined) return `${type}: nothing pending`;
  const aside = refused.length > 0 ? `, ${counted(refused.length, 'id')} set aside` : '';
  return `${type}: ${counted(rows, 'row')}, ${signed(total)} in ${took(durationMs)}${aside}`;
}

const aside = defineCommand({
  verb: 'aside',
  summary: 'what SQL refuses: each id with its count and the reason',
  words: { type: named(optionalWord('TYPE', 'only this type', name), 'buffer') },
  prints: printed.aside,
  writes: false,
  examples: ['quarterdeck buffer aside project'],
  async run({ redis, warn }, { type }) {
    const types = type === undefined ? await allTypes(redis, [], warn) : [type];
    if (type !== undefined) await assertKnown(redis, await pendingOf(redis, type));
    const rows: Aside[] = [];
    const allowance = new Allowance(mostOfAll);
    for (const each of types) {
      try {
        const { rows: found, cuts } = await asideOf(redis, each, allowance);
        for (const cut of cuts) warn(cut);
        for (const row of found) rows.push(row);
      } catch (error) {
        if (type !== undefined || !(error instanceof WrongTypeError)) throw error;
        warn(error.message);
      }
    }
    rows.sort((one, other) => one.type.localeCompare(other.type) || byId(one, other));
    return { json: rows.map(asideJson), text: asideText(rows) };
  },
});

const retry = defineCommand({
  verb: 'retry',
  summary: 'let the next flush try again what SQL refused',
  words: {
    type: named(word('TYPE', 'the type', name), 'buffer'),
    ids: list('ID', 'as `buffer aside` lists them', name, { min: 0 }),
  },
  flags: { all: switchFlag('everything that is aside') },
  prints: printed.retried,
  writes: true,
  examples: ['quarterdeck buffer retry project 42', 'quarterdeck buffer retry project --all'],
  final: 'the next flush tries them; what SQL refuses is set aside again',
  async run({ redis }, { type, ids, all }) {
    if (all === ids.length > 0)
      throw new UsageError('Expected ids to try again, or --all', {
        hint: 'Usage: quarterdeck buffer retry TYPE ID... | --all',
      });
    await assertKnown(redis, await pendingOf(redis, type));
    const { retried, unknown } = await retryAside(redis, type, all ? 'all' : ids);
    if (unknown.length > 0 && retried === 0) throw new NotAsideError(type, unknown);
    return {
      json: { type, retried, unknown },
      text: [
        `${type}: the next flush tries ${counted(retried, 'id')} again`,
        ...unknown.map((id) => `\`${id}\` is not aside`),
      ],
    };
  },
});

const drop = defineCommand({
  verb: 'drop',
  summary: 'forget counts that SQL refuses',
  words: {
    type: named(word('TYPE', 'the type', name), 'buffer'),
    ids: list('ID', 'as `buffer aside` lists them', name, { min: 1 }),
  },
  prints: printed.dropped,
  writes: true,
  guard: dropGuard,
  examples: ['quarterdeck buffer drop project undefined --yes'],
  async run({ redis }, { type, ids }) {
    await assertKnown(redis, await pendingOf(redis, type));
    const { dropped, unknown } = await dropAside(redis, type, ids);
    if (dropped.length === 0) throw new NotAsideError(type, unknown);
    return {
      ...undoOfDrop(type, dropped),
      json: { type, dropped, unknown },
      text: [
        ...dropped.map(({ id, count }) => `${type}: forgot ${signed(count)} of \`${id}\``),
        ...unknown.map((id) => `\`${id}\` is not aside`),
      ],
    };
  },
});

/** They are counted again, and the next flush tries them; counts that never grew by an increment cannot be. */
function undoOfDrop(type: string, dropped: readonly { readonly id: string; readonly count: number }[]) {
  if (dropped.some(({ count }) => !Number.isSafeInteger(count) || count < 1)) return {};
  const total = signed(dropped.reduce((sum, { count }) => sum + count, 0));
  const what = `${total} of ${counted(dropped.length, 'id')}`;
  const undo: Undo = {
    effect: `${what} waits in ${type} again, and the next flush tries it`,
    async run({ redis }) {
      await increment(
        redis,
        type,
        dropped.map(({ id, count }) => [id, count] as const),
      );
      return `${type}: ${what} waits again`;
    },
  };
  return { undo };
}

function asideJson({ type, id, count, code, reason, sinceMs, tries, nextRetryMs }: Aside) {
  return {
    type,
    id,
    count,
    code: code ?? null,
    reason: reason ?? null,
    sinceMs: sinceMs ?? null,
    tries,
    nextRetryMs: nextRetryMs ?? null,
  };
}

function asideText(rows: readonly Aside[]): Text {
  if (rows.length === 0) return 'Nothing is set aside';
  return textTable(
    rows.map(({ type, id, count, code = '', reason = 'not known', tries, nextRetryMs }) => [
      type,
      id,
      signed(count),
      code,
      reason,
      `${counted(tries, 'try').replace('trys', 'tries')}, ${nextRetryMs === undefined || nextRetryMs === 0 ? 'again with the next flush' : `again at ${formatClock(nextRetryMs)}`}`,
    ]),
    { right: [2] },
  );
}

/** @throws {UnknownNameError} when nobody ever counted in this buffer */
async function assertKnown(
  redis: Client,
  { type, ids, inflight, aside: refused, status }: Pending,
): Promise<void> {
  if (ids + inflight.ids + refused.ids > 0 || inflight.batch !== undefined || status) return;
  const known = await allTypes(redis);
  if (known.includes(type)) return;
  throw new UnknownNameError('buffer', 'buffer', type, known, { listedBy: 'buffer pending' });
}

async function allTypes(
  redis: Client,
  more: readonly string[] = [],
  warn: (message: string) => void = () => {},
): Promise<string[]> {
  const known = await listed(redis, 'buffer');
  for (const text of namesCutTexts(known)) warn(text);
  return [...new Set([...known.names, ...more])].filter((type) => isOwnType(type, redis)).sort();
}

/** Every type in the index and every one given; a type whose keys are something else is reported and left out. */
export async function allPending(
  redis: Client,
  more: readonly string[] = [],
  warn: (message: string) => void = () => {},
): Promise<Pending[]> {
  const types = await allTypes(redis, more, warn);
  const found = await Promise.allSettled(types.map((type) => pendingOf(redis, type)));
  return found.flatMap((outcome) => {
    if (outcome.status === 'fulfilled') return [outcome.value];
    if (!(outcome.reason instanceof WrongTypeError)) throw outcome.reason;
    warn(outcome.reason.message);
    return [];
  });
}

/** One type as `buffer pending --json` and `snapshot --json` show it. */
export function pendingJson(found: Pending) {
  const { type, ids, total, isExact, inflight, aside, oldestMs, nowMs, status } = found;
  return {
    type,
    ids,
    total,
    // False: the totals are past 2^53 and rounded.
    exact: isExact,
    inflight: inflight.total,
    inflightIds: inflight.ids,
    batch: inflight.batch ?? null,
    aside: aside.total,
    asideIds: aside.ids,
    oldestMs: oldestMs ?? null,
    oldestAgeMs: oldestMs === undefined ? null : Math.max(0, nowMs - oldestMs),
    last: status?.last ?? null,
    failure: status?.failure ?? null,
    condition: stateOf(rowOf(found, undefined, nowMs), nowMs),
  };
}

function pendingText(rows: readonly Pending[]): Text {
  if (rows.length === 0) return 'No buffers yet: `quarterdeck buffer incr TYPE ID` begins one';
  const cells = rows.map(({ type, ids, total, isExact, inflight, aside, oldestMs, nowMs, status }) => [
    type,
    counted(ids, 'id'),
    isExact ? signed(total) : `about ${signed(total)}`,
    inflight.batch === undefined ? '' : `${signed(inflight.total)} in flight`,
    aside.ids === 0 ? '' : `${counted(aside.ids, 'id')} aside`,
    oldestMs === undefined ? '' : `oldest ${formatDuration(nowMs - oldestMs)}`,
    status?.failure ? `failing: ${status.failure.message}` : '',
  ]);
  return textTable(cells, { right: [1, 2] });
}

export const commands = [incr, pending, flush, aside, retry, drop];
