import * as v from 'valibot';
import { messageOf, WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { registered } from '../../redis/registry.ts';
import { counted, formatCount, formatDuration } from '../../ui/format.ts';
import { textTable } from '../../ui/text-table.ts';
import { durationMs, name, wholeNumber } from '../../values.ts';
import {
  type CommandContext,
  defineCommand,
  flag,
  flagOr,
  optionalFlag,
  optionalWord,
  switchFlag,
  type Text,
  word,
} from '../feature.ts';
import { increment } from './buffer.ts';
import { countLines } from './count-lines.ts';
import { discover } from './discover.ts';
import type { Flushed } from './flush.ts';
import { isOwnType } from './keys.ts';
import { type Pending, pendingOf } from './pending.ts';
import { ordinal, signed, took } from './status-text.ts';
import type { TargetOptions } from './target.ts';

const incr = defineCommand({
  verb: 'incr',
  summary: 'count something; it waits in Redis until a flush writes it to SQL',
  words: {
    type: word('TYPE', 'what is counted, usually the name of the table', name),
    id: word('ID', 'whose count grows; `-` reads lines `ID<TAB>BY` from stdin', name),
    by: optionalWord('BY', 'by how much (1)', wholeNumber({ min: 1 })),
  },
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
  words: { type: optionalWord('TYPE', 'only this type', name) },
  flags: { discover: switchFlag('also look for buffers that only others have written, by a slow SCAN') },
  writes: false,
  examples: ['quarterdeck buffer pending', "quarterdeck snapshot --fail-if 'buffer.oldestAgeMs > 10m'"],
  async run(context, { type, discover: isThorough }) {
    const { redis, signal } = context;
    const found = isThorough ? await discover(redis, signal) : [];
    const rows =
      type === undefined
        ? await allPending(redis, found, (message) => context.warn(message))
        : [await pendingOf(redis, type)];
    return { json: rows.map(pendingJson), text: pendingText(rows) };
  },
});

const flush = defineCommand({
  verb: 'flush',
  summary: 'write what is pending to SQL, exactly once in effect',
  words: { type: word('TYPE', 'what to flush', name) },
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
  writes: true,
  endsWithinMs: 4000,
  examples: [
    'quarterdeck buffer flush project --to sqlite:app.db --column views',
    'PGPASSWORD=... quarterdeck buffer flush project --to postgres://app@db/app --every 10s',
  ],
  async run(context, { type, to, table = type, key, column, every }) {
    const target: TargetOptions = { to, table, key, column };
    if (/^postgres(?:ql)?:\/\/[^/?]*:[^/?]+@/.test(to)) {
      context.warn('A password in a URL is visible in the process list; use PGPASSWORD or ~/.pgpass');
    }
    const { flushOnce } = await import('./flusher.ts');
    if (every !== undefined) return await flushEvery(context, type, target, every);
    const flushed = await flushOnce({ redis: context.redis, type, target });
    tellSetAside(context, flushed);
    return { json: flushedJson(flushed), text: flushedText(flushed) };
  },
});

async function flushEvery(context: CommandContext, type: string, target: TargetOptions, everyMs: number) {
  const { keepFlushing } = await import('./flusher.ts');
  let hasTold = 0;
  await keepFlushing({
    redis: context.redis,
    type,
    target,
    everyMs,
    signal: context.signal,
    listen: () => context.listen(),
    async onFlushed(flushed) {
      if (flushed.setAside !== hasTold) tellSetAside(context, flushed);
      hasTold = flushed.setAside;
      await context.emit(flushedJson(flushed), flushedText(flushed));
    },
    onFailure(error, failures, retryInMs) {
      context.warn(
        `${messageOf(error)}. Trying a ${ordinal(failures + 1)} time in ${formatDuration(retryInMs)}`,
      );
    },
    onStandby: () => context.progress(`Another process flushes ${type}; waiting to take over`),
  });
  return { text: '' };
}

function tellSetAside(context: CommandContext, { type, setAside }: Flushed): void {
  if (setAside === 0) return;
  context.warn(
    `${setAside} ${setAside === 1 ? 'id' : 'ids'} of ${type} stay pending: a fraction, a count past 2^53, or an id that is not text`,
  );
}

function flushedJson({ type, batch, rows, total, setAside, durationMs }: Flushed) {
  return { type, batch: batch ?? null, rows, total, setAside, durationMs };
}

function flushedText({ type, batch, rows, total, durationMs }: Flushed): string {
  if (batch === undefined) return `${type}: nothing pending`;
  return `${type}: ${counted(rows, 'row')}, ${signed(total)} in ${took(durationMs)}`;
}

/** Every type in the index and every one given; a type whose keys are something else is told and left out. */
export async function allPending(
  redis: Client,
  more: readonly string[] = [],
  warn: (message: string) => void = () => {},
): Promise<Pending[]> {
  const types = [...new Set([...(await registered(redis, 'buffer')), ...more])].filter(isOwnType).sort();
  const found = await Promise.allSettled(types.map((type) => pendingOf(redis, type)));
  return found.flatMap((outcome) => {
    if (outcome.status === 'fulfilled') return [outcome.value];
    if (!(outcome.reason instanceof WrongTypeError)) throw outcome.reason;
    warn(outcome.reason.message);
    return [];
  });
}

/** One type as `buffer pending --json` and `snapshot --json` show it. */
export function pendingJson({ type, ids, total, inflight, oldestMs, nowMs, status }: Pending) {
  return {
    type,
    ids,
    total,
    inflight: inflight.total,
    inflightIds: inflight.ids,
    batch: inflight.batch ?? null,
    oldestMs: oldestMs ?? null,
    oldestAgeMs: oldestMs === undefined ? null : Math.max(0, nowMs - oldestMs),
    last: status?.last ?? null,
    failure: status?.failure ?? null,
  };
}

function pendingText(rows: readonly Pending[]): Text {
  if (rows.length === 0) return 'No buffers yet: `quarterdeck buffer incr TYPE ID` begins one';
  const cells = rows.map(({ type, ids, total, inflight, oldestMs, nowMs, status }) => [
    type,
    counted(ids, 'id'),
    signed(total),
    inflight.batch === undefined ? '' : `${signed(inflight.total)} in flight`,
    oldestMs === undefined ? '' : `oldest ${formatDuration(nowMs - oldestMs)}`,
    status?.failure ? `failing: ${status.failure.message}` : '',
  ]);
  return textTable(cells, { right: [1, 2] });
}

export const commands = [incr, pending, flush];
