import * as v from 'valibot';
import { UsageError } from '../../errors.ts';
import type { Client } from '../../redis/client.ts';
import { BackgroundFailure, rideOut } from '../../redis/refusals.ts';
import { passedOver } from '../../redis/scan.ts';
import { counted, formatClockSeconds, formatCount } from '../../ui/format.ts';
import { fitTo, sanitise } from '../../ui/text.ts';
import { durationMs, name } from '../../values.ts';
import { defineCommand, flagOr, named, optionalFlag, optionalWord, switchFlag, word } from '../feature.ts';
import { tellMissing } from '../shards/open-shards.ts';
import { bucketMs, dayMs, hourMs } from './keys.ts';
import { count, readLines, readNamed } from './lines.ts';
import * as printed from './printed.ts';
import { type Overview, requireSteps, seriesPoints, sum, sumToday } from './read.ts';
import {
  askSeries,
  closeOver,
  discoverOver,
  hitsOver,
  overviewOver,
  pointsOver,
  requireSeries,
  sumOver,
} from './spread.ts';
import { change } from './state.ts';

const series = named(word('SERIES', 'what is counted, such as web', name), 'hits');
const layout = optionalFlag(
  'NAME',
  'seed: plain keys SERIES:<epoch of each 10 s>, shared with programs that INCR them',
  v.picklist(['seed'], 'Expected seed'),
);
const atLeast = (minMs: number, text: string) =>
  v.pipe(
    durationMs,
    v.check(
      (ms) => ms >= minMs && ms <= 3660 * dayMs,
      ({ input }) => `Expected a duration from ${text} to 3660d, got \`${input}ms\``,
    ),
  );

const countOrStdin = v.pipe(
  v.string(),
  v.rawTransform<string, number | '-'>(({ dataset, addIssue, NEVER }) => {
    if (dataset.value === '-') return '-';
    const parsed = v.safeParse(count, dataset.value);
    if (parsed.success) return parsed.output;
    addIssue({ message: parsed.issues[0].message });
    return NEVER;
  }),
);

const addCommand = defineCommand({
  verb: 'add',
  summary: 'count hits; with `-`, one for each line of stdin, or as many as the line says',
  words: {
    series: named(
      word('SERIES', 'what is counted; `-`: each line of stdin names it, with a count behind a tab', name),
      'hits',
    ),
    count: optionalWord('N', 'how many (1); `-`: read stdin', countOrStdin),
  },
  flags: {
    keep: flagOr('DURATION', 'how long buckets of 10 s stay', atLeast(hourMs, '1h'), '3d'),
    keepHourly: flagOr('DURATION', 'how long hours stay', atLeast(dayMs, '1d'), '400d'),
    layout,
  },
  prints: printed.added,
  writes: true,
  partial: true,
  examples: [
    'quarterdeck hits add web',
    'tail -F access.log | quarterdeck hits add web -',
    'awk \'{print $1 "\\t" 1}\' access.log | quarterdeck hits add -',
  ],
  async run(context, input) {
    const { keep: keepMs, keepHourly: keepHourlyMs, layout = 'own' } = input;
    const { signal, config } = context;
    const { timeoutMs } = config;
    const background = new BackgroundFailure(timeoutMs);
    const hits = await hitsOver(context, {
      keepMs,
      keepHourlyMs,
      layout,
      onError: (error) => background.note(error, hits.failingForMs),
    });
    context.unconfirmed(() => (hits.pending === 0 ? undefined : counted(hits.pending, 'hit')));
    const added = new Map<string, number>();
    const add = (to: string, n: number): void => {
      hits.add(to, n);
      added.set(to, (added.get(to) ?? 0) + n);
    };
    const read = async (): Promise<void> => {
      if (input.series === '-') await readNamed(context, add);
      else if (input.count === '-') await readLines(context, (n) => add(input.series, n));
      else add(input.series, input.count ?? 1);
    };
    let unread: unknown;
    // Whatever ends the reading, what the lines before it counted is to be in.
    await background.race(read().catch((error: unknown) => (unread = error)));
    await rideOut(() => closeOver(context, hits), { signal, timeoutMs });
    if (unread !== undefined) throw unread;
    const all = [...added].map(([series, added]) => ({ series, added }));
    const one = all[0] ?? { series: input.series, added: 0 };
    const isNamed = input.series === '-';
    const text = (isNamed ? all : [one]).map(
      ({ series, added }) => `${sanitise(series)}  ${formatCount(added)} added`,
    );
    return { json: isNamed ? all : one, text };
  },
});

const sumCommand = defineCommand({
  verb: 'sum',
  summary: 'how many hits in the last 24 h, in another window, or today',
  words: { series },
  flags: {
    since: optionalFlag('DURATION', 'up to now (24h)', atLeast(bucketMs, '10s')),
    today: switchFlag('since midnight here'),
    layout,
  },
  prints: printed.sum,
  writes: false,
  partial: true,
  examples: ['quarterdeck hits sum web --since 7d', 'TZ=UTC quarterdeck hits sum web --today --json'],
  async run(context, { series, since, today, layout }) {
    if (since !== undefined && today) throw new UsageError('--since and --today exclude each other');
    const sinceMs = since ?? dayMs;
    const ask = (client: Client) => (today ? sumToday(client, series) : sum(client, series, { sinceMs }));
    const { found, missing } =
      layout === 'seed'
        ? await sumOver(context, series, today ? 'today' : sinceMs)
        : { found: await askSeries(context, series, ask), missing: [] };
    if (found.sum === 0 && layout === undefined) await requireSeries(context, series);
    const { fromMs, toMs } = found;
    return {
      json: { series, fromMs, toMs, sum: found.sum, ...missingJson(missing) },
      text: formatCount(found.sum),
      ...tellMissing(context, missing),
    };
  },
});

const seriesCommand = defineCommand({
  verb: 'series',
  summary: 'hits by steps of time, for plots',
  words: { series },
  flags: {
    step: flagOr('DURATION', 'a multiple of 10s', atLeast(bucketMs, '10s'), '10s'),
    since: flagOr('DURATION', 'up to now', atLeast(bucketMs, '10s'), '1h'),
    layout,
  },
  prints: printed.points,
  writes: false,
  partial: true,
  examples: ['quarterdeck hits series web --step 1m --since 6h --json'],
  async run(context, { series, step: stepMs, since: sinceMs, layout }) {
    requireSteps(stepMs, sinceMs);
    const window = { stepMs, sinceMs };
    const { found: points, missing } =
      layout === 'seed'
        ? await pointsOver(context, series, window)
        : {
            found: await askSeries(context, series, (client) => seriesPoints(client, series, window)),
            missing: [],
          };
    if (layout === undefined && points.every(([, hits]) => hits === 0)) await requireSeries(context, series);
    const lines = points.map(([atMs, hits]) => `${dateOf(atMs)} ${formatClockSeconds(atMs)}  ${hits}`);
    return {
      json: { series, stepMs, points, ...missingJson(missing) },
      text: lines,
      ...tellMissing(context, missing),
    };
  },
});

const listCommand = defineCommand({
  verb: 'list',
  summary: 'every series: today, yesterday up to the same time, the last hour',
  flags: { discover: switchFlag('look through all keys for series that other programs count') },
  prints: printed.all,
  writes: false,
  partial: true,
  async run(context, input) {
    const {
      found: all,
      missing,
      foreign,
    } = input.discover
      ? await discoverOver(context, context.signal)
      : { ...(await overviewOver(context)), foreign: [] };
    const said = passedOver(foreign, 'hit counters');
    if (said !== undefined) context.warn(said);
    return {
      json: all.map(seriesJson),
      text: all.length === 0 ? 'No series' : all.map(line),
      ...tellMissing(context, missing),
    };
  },
});

export const commands = [addCommand, sumCommand, seriesCommand, listCommand] as const;

/** A series as `hits list --json` and the snapshot tell of it. */
export function seriesJson({ series, today, yesterday, lastHour, layout }: Overview) {
  return { series, today, yesterday, lastHour, ...(layout !== undefined && { layout }) };
}

/** The servers of a sum that is not whole. */
function missingJson(missing: readonly { readonly shard: number }[]) {
  return missing.length === 0 ? {} : { missing: missing.map(({ shard }) => shard) };
}

function line({ series, today, yesterday, lastHour, layout: keys }: Overview): string {
  return [
    fitTo(sanitise(series), 24),
    `${formatCount(today).padStart(14)} today`,
    fitTo(`${change(today, yesterday)} on yesterday`, 20, 'right'),
    `${formatCount(lastHour).padStart(12)} in the last hour`,
    ...(keys === 'seed' ? ['plain keys'] : []),
  ].join('  ');
}

function dateOf(atMs: number): string {
  const at = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}
