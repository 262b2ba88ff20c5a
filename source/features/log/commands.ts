import * as v from 'valibot';
import { WrongTypeError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { UnreadableReplyError } from '../../redis/errors.ts';
import { BackgroundFailure, rideOut } from '../../redis/refusals.ts';
import { namesBeginning } from '../../redis/registry.ts';
import { counted, formatClock, formatClockSeconds, formatCount, formatPercent } from '../../ui/format.ts';
import { textTable } from '../../ui/text-table.ts';
import { UnknownNameError } from '../../unknown-name.ts';
import { pattern, wholeNumber } from '../../values.ts';
import {
  type CommandContext,
  defineCommand,
  flagOr,
  list,
  named,
  optionalFlag,
  type ReadContext,
  switchFlag,
  type Text,
  word,
} from '../feature.ts';
import { shorten } from './cut.ts';
import { discover } from './discover.ts';
import {
  joinLogName,
  type LogName,
  logNameMistake,
  parseLogName,
  severityMistake,
  severityName,
} from './keys.ts';
import { type Common, common, indexedLogs, isKnown, logs, recent } from './log.ts';
import { formatMovement, type Movement, movement } from './movement.ts';
import * as printed from './printed.ts';
import type { Multiline } from './records/records.ts';
import { LogWriter } from './writer.ts';

const logName = named(
  word(
    'NAME',
    'the log, such as web',
    v.pipe(
      v.string(),
      v.check(
        (text) => logNameMistake(text) === undefined,
        ({ input }) => logNameMistake(input) ?? '',
      ),
    ),
  ),
  async (redis, beginning) => {
    const found = await namesBeginning(redis, 'log', beginning);
    return found.flatMap((text) => parseLogName(text)?.name ?? []);
  },
);
const severity = flagOr(
  'NAME',
  'debug, info, warning, error, critical, or any other',
  v.pipe(
    v.string(),
    v.check(
      (text) => severityMistake(text) === undefined,
      ({ input }) => severityMistake(input) ?? '',
    ),
    v.transform((text) => severityName(text)),
  ),
  'info',
);

const writeCommand = defineCommand({
  verb: 'write',
  summary: 'count a message, or each line of stdin, and keep the last ones',
  words: {
    name: logName,
    message: list('MESSAGE', 'the message; without it, or with `-`, each line of stdin', v.string()),
  },
  flags: {
    severity,
    raw: switchFlag('count exact texts instead of templates'),
    multiline: switchFlag(
      'of stdin, what is indented is of the line before it: a stack trace is one message',
    ),
    firstLine: optionalFlag('REGEX', 'of stdin, a message begins with a line that matches', pattern),
  },
  prints: printed.written,
  writes: true,
  examples: [
    'quarterdeck log write web --severity error upstream timed out',
    'journalctl -f -o cat | quarterdeck log write host',
    'kubectl logs -f web | quarterdeck log write web --multiline',
  ],
  async run(context, { name, message, severity, raw, multiline, firstLine }) {
    const { signal, config } = context;
    const isStdin = message.length === 0 || (message.length === 1 && message[0] === '-');
    const { timeoutMs } = config;
    const background = new BackgroundFailure(timeoutMs);
    const writer = new LogWriter(context.redis, name, {
      severity,
      raw,
      onEvent({ error }) {
        background.note(error, writer.failingForMs);
      },
    });
    context.unconfirmed(() =>
      writer.pending === 0
        ? undefined
        : `${counted(writer.pending, 'message')} to ${joinLogName(writer.log)}`,
    );
    if (isStdin)
      await background.race(writeLines(context, writer, firstLine ?? (multiline ? 'indent' : undefined)));
    else writer.write(message.join(' '));
    await rideOut(() => writer.close(), { signal, timeoutMs });
    const { log, written } = writer;
    const text = `${formatCount(written)} ${written === 1 ? 'message' : 'messages'} to ${joinLogName(log)}`;
    return { json: { ...log, written }, text };
  },
});

async function writeLines(
  { stdin }: CommandContext,
  writer: LogWriter,
  multiline: Multiline | undefined,
): Promise<void> {
  const records = writer.lines({ multiline });
  const quiet = setTimeout(() => records.settle(), restMs);
  try {
    // Half of a log is better than none: what cannot be kept as it is comes with a mark.
    for await (const line of stdin({ long: { bytes: longestLine, shorten }, showsBytes: true })) {
      const hasRoom = records.take(line);
      if (records.isHolding) quiet.refresh();
      if (!hasRoom) await writer.drained();
    }
  } finally {
    clearTimeout(quiet);
    records.settle();
  }
}

const longestLine = 256 * 1024;
/** After so long without a line a record is over. */
const restMs = 2000;

const commonCommand = defineCommand({
  verb: 'common',
  summary: 'the most frequent messages of this hour, beside the hour before',
  words: { name: logName },
  flags: {
    severity,
    top: flagOr('N', 'how many', wholeNumber({ min: 1, max: 10_000 }), '20'),
    raw: switchFlag('show a line each template stands for instead of the template'),
  },
  prints: printed.common,
  writes: false,
  examples: ['quarterdeck log common web --severity error', 'quarterdeck log common web --top 5 --json'],
  async run({ redis }, { top, raw, name, severity }) {
    const found = await common(redis, { name, severity }, { top });
    if (found.distinct === 0 && found.previousTotal === 0) await requireKnown(redis, { name, severity });
    const { elapsed, entries, ...rest } = found;
    const shown = entries.map((entry) => ({
      ...(raw ? { ...entry, message: entry.sample, template: entry.message } : entry),
      moved: movement(entry.count, entry.previous, found.previousHour !== null, elapsed),
    }));
    const json = { ...rest, entries: shown.map(({ moved, ...entry }) => ({ ...entry, move: moved.kind })) };
    return { json, text: commonText({ ...found, entries: shown }) };
  },
});

const recentCommand = defineCommand({
  verb: 'recent',
  summary: 'the last lines, newest first',
  words: { name: logName },
  flags: { severity, count: flagOr('N', 'how many', wholeNumber({ min: 1 }), '100') },
  prints: printed.recent,
  writes: false,
  async run({ redis }, { name, severity, count }) {
    const lines = await recent(redis, { name, severity }, count);
    if (lines.length === 0) await requireKnown(redis, { name, severity });
    const text = lines.map(({ at, message }) => {
      return `${at === null ? '--:--:--' : formatClockSeconds(at)}  ${message}`;
    });
    return { json: lines, text: text.length > 0 ? text : `Nothing was written to ${name}:${severity}` };
  },
});

const listCommand = defineCommand({
  verb: 'list',
  summary: 'logs by name and severity, and how much they hold of this hour',
  flags: { discover: switchFlag('also look for logs that only others write, by a slow SCAN') },
  prints: printed.logs,
  writes: false,
  async run(context, { discover: isThorough }) {
    const others = isThorough ? await discover(context.redis, context.signal) : [];
    const { found, wrong, strange, cuts } = await listLogs(context, others);
    for (const cut of cuts) context.warn(cut);
    for (const { message } of wrong) context.warn(message);
    const [first] = strange;
    if (first !== undefined) {
      context.warn(
        `${counted(strange.length, 'name')} in quarterdeck:log cannot be a log's, passed over: ${first}`,
      );
    }
    const rows = found.map(({ total, distinct, ...log }) => {
      return [formatCount(total), formatCount(distinct), joinLogName(log)];
    });
    const text = textTable([['lines', 'distinct', 'log'], ...rows], { right: [0, 1] });
    return { json: found, text: found.length === 0 ? 'No logs' : text };
  },
});

export const commands = [writeCommand, commonCommand, recentCommand, listCommand] as const;

export type Listed = {
  readonly found: readonly (LogName & { readonly total: number; readonly distinct: number })[];
  /** Why logs cannot be read of which a key holds something else. */
  readonly wrong: readonly (WrongTypeError | UnreadableReplyError)[];
  /** What stands in the index and is no name of a log. */
  readonly strange: readonly string[];
  /** What is missing because there is too much of it, in sentences. */
  readonly cuts: readonly string[];
};

/** As `log list --json` and the snapshot report it. */
export async function listLogs(
  { redis }: Pick<ReadContext, 'redis'>,
  others: readonly LogName[] = [],
): Promise<Listed> {
  const { logs: known, strange, cuts } = await indexedLogs(redis);
  const names = new Set(known.map(joinLogName));
  const all = [...known, ...others.filter((log) => !names.has(joinLogName(log)))];
  const found: Listed['found'][number][] = [];
  const wrong: Listed['wrong'][number][] = [];
  for (let from = 0; from < all.length; from += askedAtOnce) {
    const page = all.slice(from, from + askedAtOnce);
    const answers = await Promise.all(
      page.map((log) => common(redis, log, { top: 0, gone: 0 }).catch(unreadable)),
    );
    for (const answer of answers) {
      if (answer instanceof Error) wrong.push(answer);
      else
        found.push({
          name: answer.name,
          severity: answer.severity,
          total: answer.total,
          distinct: answer.distinct,
        });
    }
  }
  return { found, wrong, strange, cuts };
}

/** One pipeline of so many questions at a time. */
const askedAtOnce = 500;

/** @throws {UnknownNameError} when nobody has ever written to this log */
async function requireKnown(redis: Client, log: LogName): Promise<void> {
  if (await isKnown(redis, log)) return;
  const known = await logs(redis);
  // Of the same name there may be another severity.
  const [other] = known.filter(({ name }) => name === log.name);
  const meant = other && joinLogName(other);
  throw new UnknownNameError('log', 'log', joinLogName(log), known.map(joinLogName), { meant });
}

/** One key of somebody else's must not hide all other logs. */
function unreadable(error: unknown): WrongTypeError | UnreadableReplyError {
  if (error instanceof WrongTypeError || error instanceof UnreadableReplyError) return error;
  throw error;
}

type Shown = Omit<Common, 'entries' | 'elapsed'> & {
  readonly entries: readonly (Common['entries'][number] & { readonly moved: Movement })[];
};

function commonText({
  hour,
  previousHour,
  total,
  distinct,
  previousTotal,
  entries,
  gone,
  ...log
}: Shown): Text {
  const now = hour === null ? 'hour unknown' : `${clock(hour)}-now`;
  const hours =
    previousHour === null || hour === null ? now : `${clock(previousHour)}-${clock(hour)} → ${now}`;
  const head = `${joinLogName(log)}  ${hours}  ${counted(total, 'line')}, ${formatCount(distinct)} distinct`;
  if (entries.length === 0 && gone.length === 0) return [head, 'Nothing was written this hour'];
  const cells = entries.map(({ rank, previousRank, count, previous, message, moved }) => [
    `${rank}`,
    previousRank === null ? '–' : `${previousRank}`,
    formatCount(count),
    formatPercent(count / Math.max(1, total)),
    previousHour === null ? '–' : formatCount(previous),
    formatMovement(moved),
    message,
  ]);
  const lost = gone.map(({ message, previous }) => `gone: ${message} (${formatCount(previous)} last hour)`);
  const table = [['#', 'was', 'count', 'share', 'last h', 'Δ', 'message'], ...cells];
  return [head, ...textTable(table, { right: [0, 1, 2, 3, 4, 5] }), ...lost];
}

/** The local time of a UTC hour. */
function clock(hour: string): string {
  return formatClock(Date.parse(`${hour}Z`));
}
