import * as v from 'valibot';
import { WrongTypeError } from '../../errors.ts';
import { formatClock, formatClockSeconds, formatCount, formatPercent } from '../../ui/format.ts';
import { sanitise } from '../../ui/text.ts';
import { name, wholeNumber } from '../../values.ts';
import {
  type CommandContext,
  defineCommand,
  flagOr,
  list,
  type ReadContext,
  switchFlag,
  word,
} from '../feature.ts';
import { discover } from './discover.ts';
import { joinLogName, type LogName, severityName } from './keys.ts';
import { type Common, common, logs, recent } from './log.ts';
import { formatMovement, movement } from './movement.ts';
import { LogWriter } from './writer.ts';

const logName = word('NAME', 'the log, such as web', name);
const severity = flagOr(
  'NAME',
  'debug, info, warning, error, critical, or any other',
  v.pipe(
    name,
    v.transform((text) => severityName(text)),
  ),
  'info',
);

const writeCommand = defineCommand({
  verb: 'write',
  summary: 'count a message, or each line of stdin, and keep the last ones',
  words: {
    name: logName,
    message: list('MESSAGE', 'the message; without it each line of stdin', v.string()),
  },
  flags: { severity, raw: switchFlag('count exact texts instead of templates') },
  writes: true,
  examples: [
    'quarterdeck log write web --severity error upstream timed out',
    'journalctl -f -o cat | quarterdeck log write host',
  ],
  async run(context, { name, message, severity, raw }) {
    const writer = new LogWriter(context.redis, name, { severity, raw });
    if (message.length > 0) writer.write(message.join(' '));
    else await writeLines(context, writer);
    await writer.close();
    const { log, written } = writer;
    const text = `${formatCount(written)} ${written === 1 ? 'message' : 'messages'} to ${sanitise(joinLogName(log))}`;
    return { json: { ...log, written }, text };
  },
});

async function writeLines(context: CommandContext, writer: LogWriter): Promise<void> {
  for await (const line of context.stdin()) {
    if (!writer.write(line)) await writer.room();
    if (writer.failure !== undefined) return;
  }
}

const commonCommand = defineCommand({
  verb: 'common',
  summary: 'the most frequent messages of this hour, beside the hour before',
  words: { name: logName },
  flags: {
    severity,
    top: flagOr('N', 'how many', wholeNumber({ min: 1, max: 10_000 }), '20'),
    raw: switchFlag('show a line each template stands for instead of the template'),
  },
  writes: false,
  examples: ['quarterdeck log common web --severity error', 'quarterdeck log common web --top 5 --json'],
  async run({ redis, config }, { top, raw, ...log }) {
    const found = await common(
      redis,
      { name: log.name, severity: log.severity },
      { top, readOnly: config.readOnly },
    );
    const { elapsed, entries, ...rest } = found;
    const shown = raw
      ? entries.map((entry) => ({ ...entry, message: entry.sample, template: entry.message }))
      : entries;
    return { json: { ...rest, entries: shown }, text: commonText({ ...found, entries: shown }) };
  },
});

const recentCommand = defineCommand({
  verb: 'recent',
  summary: 'the last lines, newest first',
  words: { name: logName },
  flags: { severity, count: flagOr('N', 'how many', wholeNumber({ min: 1 }), '100') },
  writes: false,
  async run({ redis }, { name, severity, count }) {
    const lines = await recent(redis, { name, severity }, count);
    const text = lines.map(({ at, message }) => {
      return `${at === null ? '--:--:--' : formatClockSeconds(at)}  ${sanitise(message)}`;
    });
    return {
      json: lines,
      text: text.join('\n') || `Nothing was written to ${sanitise(name)}:${sanitise(severity)}`,
    };
  },
});

const listCommand = defineCommand({
  verb: 'list',
  summary: 'logs by name and severity, and how much they hold of this hour',
  flags: { discover: switchFlag('also look for logs that only others write, by a slow SCAN') },
  writes: false,
  async run(context, { discover: isThorough }) {
    const others = isThorough ? await discover(context.redis, context.signal) : [];
    const { found, wrong } = await listLogs(context, others);
    for (const { message } of wrong) context.warn(message);
    const rows = found.map(({ total, distinct, ...log }) => {
      return [formatCount(total), formatCount(distinct), sanitise(joinLogName(log))];
    });
    const text = aligned([['lines', 'distinct', 'log'], ...rows]).join('\n');
    return { json: found, text: found.length === 0 ? 'No logs' : text };
  },
});

export const commands = [writeCommand, commonCommand, recentCommand, listCommand] as const;

export type Listed = {
  readonly found: readonly (LogName & { readonly total: number; readonly distinct: number })[];
  /** Logs that cannot be told of, because one of their keys holds something else. */
  readonly wrong: readonly WrongTypeError[];
};

/** As `log list --json` and the snapshot tell it. */
export async function listLogs(
  { redis }: Pick<ReadContext, 'redis'>,
  others: readonly LogName[] = [],
): Promise<Listed> {
  const known = await logs(redis);
  const names = new Set(known.map(joinLogName));
  const all = [...known, ...others.filter((log) => !names.has(joinLogName(log)))];
  const asked = await Promise.all(
    all.map((log) => common(redis, log, { top: 0, gone: 0, readOnly: true }).catch(wrongType)),
  );
  return {
    found: asked.flatMap((log) => {
      if (log instanceof WrongTypeError) return [];
      const { name, severity, total, distinct } = log;
      return [{ name, severity, total, distinct }];
    }),
    wrong: asked.filter((log) => log instanceof WrongTypeError),
  };
}

/** One key of somebody else's must not hide all other logs. */
function wrongType(error: unknown): WrongTypeError {
  if (error instanceof WrongTypeError) return error;
  throw error;
}

function commonText({
  hour,
  previousHour,
  elapsed,
  total,
  distinct,
  previousTotal,
  entries,
  gone,
  ...log
}: Common) {
  const hours = previousHour === null ? '' : `${clock(previousHour)}-${clock(hour)} → `;
  const head = `${sanitise(joinLogName(log))}  ${hours}${clock(hour)}-now  ${formatCount(total)} lines, ${formatCount(distinct)} distinct`;
  if (entries.length === 0 && gone.length === 0) return `${head}\nNothing was written this hour`;
  const cells = entries.map(({ rank, previousRank, count, previous, message }) => [
    `${rank}`,
    previousRank === null ? '–' : `${previousRank}`,
    formatCount(count),
    formatPercent(count / Math.max(1, total)),
    previousHour === null ? '–' : formatCount(previous),
    formatMovement(movement(count, previous, previousHour !== null, elapsed)),
    sanitise(message),
  ]);
  const lost = gone.map(
    ({ message, previous }) => `gone: ${sanitise(message)} (${formatCount(previous)} last hour)`,
  );
  return [
    head,
    ...aligned([['#', 'was', 'count', 'share', 'last h', 'Δ', 'message'], ...cells]),
    ...lost,
  ].join('\n');
}

/** The local time of a UTC hour. */
function clock(hour: string): string {
  return formatClock(Date.parse(`${hour}Z`));
}

/** Columns to the right, but for the last. */
function aligned(table: readonly (readonly string[])[]): string[] {
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  );
  return table.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
}
