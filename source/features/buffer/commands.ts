import * as v from 'valibot';
import { messageOf, WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { shellWord } from '../../shell-word.ts';
import { counted, formatCount, formatDuration } from '../../ui/format.ts';
import { textTable } from '../../ui/text-table.ts';
import { durationMs, name, wholeNumber } from '../../values.ts';
import {
  type CommandContext,
  defineCommand,
  flag,
  flagOr,
  named,
  optionalFlag,
  optionalWord,
  switchFlag,
  type Text,
  word,
} from '../feature.ts';
import { asideCommands } from './aside-commands.ts';
import { increment } from './buffer.ts';
import { countLines } from './count-lines.ts';
import { discover } from './discover.ts';
import { BadIdError } from './errors.ts';
import type { Flushed } from './flush/flush.ts';
import type { FlushRun } from './flush/flusher.ts';
import { flushGuard } from './guards.ts';
import { isId } from './keys.ts';
import { allTypes, assertKnown } from './known-names.ts';
import { type Pending, pendingOf } from './pending.ts';
import * as printed from './printed.ts';
import { bringDriver } from './sql/driver.ts';
import type { TargetOptions } from './sql/target.ts';
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
    context.warn(`\`quarterdeck buffer aside ${shellWord(type)}\` lists what is set aside`);
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

export const commands = [incr, pending, flush, ...asideCommands];
