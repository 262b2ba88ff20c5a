import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import * as v from 'valibot';
import { messageOf, QuarterdeckError, UsageError } from '../../errors.ts';
import {
  type CommandContext,
  defineCommand,
  flagOr,
  optionalFlag,
  type ReadContext,
} from '../../features/feature.ts';
import { waitMs, wholeNumber } from '../../values.ts';
import * as printed from '../printed.ts';
import { askParts, chosenFeatures } from '../snapshot.ts';
import { exposition, type Family } from './exposition.ts';
import { type MetricsOptions, parts } from './families.ts';
import { serve } from './serve.ts';

declare const QUARTERDECK_VERSION: string | undefined;

const address = v.pipe(
  v.string(),
  v.rawTransform<string, { host: string; port: number }>(({ dataset, addIssue, NEVER }) => {
    const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(dataset.value) ?? [];
    const port = Number(digits);
    if (digits === undefined || port > 65_535) {
      addIssue({ message: `Expected an address such as 127.0.0.1:9121, got \`${dataset.value}\`` });
      return NEVER;
    }
    return { host: bracketed ?? (plain || '127.0.0.1'), port };
  }),
);

const mostThings = 500;
const usualEveryMs = 15_000;

/** The file cannot be written. */
class TextfileError extends QuarterdeckError {
  constructor(file: string, cause: unknown) {
    super('data', 'TEXTFILE_FAILED', `Cannot write ${file}: ${messageOf(cause)}`, { cause });
  }
}

export const metricsCommand = defineCommand({
  verb: 'metrics',
  summary:
    "print metrics in Prometheus' text format, serve them, or write them to a textfile of node_exporter",
  flags: {
    listen: optionalFlag('HOST:PORT', 'serve /metrics, /healthz and /readyz until stopped', address),
    textfile: optionalFlag('FILE', 'write them to this file; with --every again and again', v.string()),
    every: optionalFlag('DURATION', 'how often Redis is asked (15s)', waitMs),
    limitSubjects: flagOr(
      'N',
      'label the N subjects of limits that were refused most',
      wholeNumber({ max: 10_000 }),
      '0',
    ),
    maxSeries: flagOr('N', 'print at most N series', wholeNumber({ min: 100 }), '5000'),
  },
  prints: printed.metrics,
  writes: false,
  partial: true,
  ridesOut: ({ listen, every }) => listen !== undefined || every !== undefined,
  examples: [
    'quarterdeck metrics --listen 127.0.0.1:9121',
    'quarterdeck metrics --textfile /var/lib/node_exporter/quarterdeck.prom',
  ],
  async run(context, { listen, textfile, every, limitSubjects, maxSeries }) {
    if (listen && textfile !== undefined) throw new UsageError('--listen and --textfile exclude each other');
    if (every !== undefined && !listen && textfile === undefined) {
      throw new UsageError('--every goes with --listen or --textfile');
    }
    let running: Promise<readonly Family[]> | undefined;
    // While Redis hangs no second reading is begun: they would pile up.
    const read = (): Promise<readonly Family[]> => {
      running ??= reading(context, { limitSubjects, mostThings }, maxSeries).finally(() => {
        running = undefined;
      });
      return running;
    };
    if (listen) {
      await listening(context, listen, { read, everyMs: every ?? usualEveryMs });
      return { text: '' };
    }
    if (textfile === undefined) {
      const families = await read();
      if (context.config.json) return { json: families, text: '' };
      // Not made safe a second time: the labels are, and two of them must not become one.
      await context.write(Buffer.from(exposition(families)));
      return { text: '' };
    }
    for (;;) {
      await write(textfile, exposition(await within(read(), every)));
      if (every === undefined) return { json: { textfile }, text: `Wrote ${textfile}` };
      await wait(every, undefined, { signal: context.signal });
    }
  },
});

async function listening(
  context: CommandContext,
  address: { host: string; port: number },
  { read, everyMs }: { readonly read: () => Promise<readonly Family[]>; readonly everyMs: number },
): Promise<void> {
  let last: { readonly text: string; readonly atMs: number; readonly isAnswered: boolean } | undefined;
  const server = await serve(address, {
    // Older than that, they say nothing about now.
    metrics: () => (last && performance.now() - last.atMs < 3 * everyMs ? last.text : undefined),
    isReady: () => last?.isAnswered === true && performance.now() - last.atMs < 2 * everyMs,
  });
  try {
    await context.emit({ listening: server.url }, `Serving ${server.url}`);
    for (;;) {
      const families = await within(read(), everyMs);
      last = { text: exposition(families), atMs: performance.now(), isAnswered: isAnswered(families) };
      await wait(everyMs, undefined, { signal: context.signal });
    }
  } finally {
    server.close();
  }
}

/** A server that hangs is reported as one that does not answer. */
async function within(
  reading: Promise<readonly Family[]>,
  everyMs: number | undefined,
): Promise<readonly Family[]> {
  if (everyMs === undefined) return await reading;
  const timer = new AbortController();
  // It may be answered, or fail, when nobody waits for it any more.
  reading.catch(() => {});
  try {
    return await Promise.race([
      reading,
      wait(Math.max(1000, everyMs), unanswered(), { signal: timer.signal }),
    ]);
  } finally {
    timer.abort();
  }
}

function unanswered(): readonly Family[] {
  const samples = [{ labels: { module: 'server' }, value: 0 }];
  return [...buildInfo(undefined), { name: 'up', type: 'gauge', help: upHelp, samples }];
}

function isAnswered(families: readonly Family[]): boolean {
  const up = families.find(({ name }) => name === 'up');
  return up?.samples.some(({ labels, value }) => labels.module === 'server' && value === 1) === true;
}

const upHelp = 'Whether this part could be read';

async function reading(
  context: ReadContext,
  options: MetricsOptions,
  maxSeries: number,
): Promise<readonly Family[]> {
  const chosen = await chosenFeatures(undefined);
  if (context.connections.every(({ state }) => state().name !== 'live')) {
    return unanswered();
  }
  const answers = await askParts(context, chosen);
  const up: Family['samples'][number][] = [];
  const durations: Family['samples'][number][] = [];
  const dropped: Family['samples'][number][] = [];
  const families: Family[] = [];
  let left = maxSeries;
  for (const { noun, value, failure, ms } of answers) {
    const labels = { module: noun };
    const part = failure === undefined && value !== null ? parts[noun]?.(value, options) : undefined;
    up.push({ labels, value: failure === undefined && value !== null && !part?.unread ? 1 : 0 });
    durations.push({ labels, value: ms / 1000 });
    if (!part) continue;
    let missing = part.dropped;
    for (const family of part.families) {
      const samples = family.samples.slice(0, Math.max(0, left));
      left -= samples.length;
      missing += family.samples.length - samples.length;
      families.push({ ...family, samples });
    }
    dropped.push({ labels, value: missing });
  }
  const server = answers.find(({ noun }) => noun === 'server')?.value;
  return [
    ...buildInfo(server),
    { name: 'up', type: 'gauge', help: upHelp, samples: up },
    {
      name: 'scrape_duration_seconds',
      type: 'gauge',
      help: 'How long reading this part took',
      samples: durations,
    },
    {
      name: 'series_dropped',
      type: 'gauge',
      help: 'Things and series of this part that are left out, being too many',
      samples: dropped,
    },
    ...families,
  ];
}

const serverSchema = v.object({ program: v.nullable(v.string()), version: v.nullable(v.string()) });

function buildInfo(server: unknown): Family[] {
  const parsed = v.safeParse(serverSchema, server);
  const { program, version } = parsed.success ? parsed.output : { program: null, version: null };
  const own = typeof QUARTERDECK_VERSION === 'string' ? QUARTERDECK_VERSION : 'unbuilt';
  const labels = { version: own, server: program ?? 'unknown', server_version: version ?? 'unknown' };
  const help = 'Which version of quarterdeck reads which server';
  return [{ name: 'build_info', type: 'gauge', help, samples: [{ labels, value: 1 }] }];
}

/** Beside the file and then renamed, so that whoever reads it never finds half of it. */
async function write(file: string, text: string): Promise<void> {
  const beside = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}`);
  try {
    const handle = await open(beside, 'wx', 0o644);
    try {
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {});
    throw new TextfileError(file, error);
  }
}
