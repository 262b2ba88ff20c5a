import * as v from 'valibot';
import { messageOf, UsageError } from '../../errors.ts';
import { registered } from '../../redis/registry.ts';
import { counted, formatBytes, formatDuration } from '../../ui/format.ts';
import { UnknownNameError } from '../../unknown-name.ts';
import { name, pattern, sizeBytes, wholeNumber } from '../../values.ts';
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
  word,
} from '../feature.ts';
import { asideCommands } from './aside-commands.ts';
import { asideOf } from './channel/aside.ts';
import { largestPartBytes, mostConsumers, smallestPartBytes } from './channel/cost.ts';
import { FilesDamagedError, FilesFailedError, PartsAsideError } from './channel/errors.ts';
import { forget } from './channel/forget.ts';
import { type ChannelStatus, look, status, statuses } from './channel/status.ts';
import { deliverTo } from './consumer/sinks.ts';
import { forgetGuard } from './guards.ts';
import { knownConsumers } from './known-names.ts';
import * as printed from './printed.ts';
import { type ShipProgress, type Shipped, ship } from './ship.ts';

const partBytes = v.pipe(
  sizeBytes,
  v.check(
    (bytes) => bytes >= smallestPartBytes && bytes <= largestPartBytes,
    'Expected a size from 1KiB to 256MiB',
  ),
);
const file = v.pipe(v.string(), v.nonEmpty('Expected a path, got nothing'));
const glob = v.pipe(v.string(), v.nonEmpty('Expected a glob such as `*.log`, got nothing'));

const runCommand = defineCommand({
  verb: 'run',
  summary: 'ship files to every consumer of a channel, within a budget of bytes of Redis',
  words: { paths: list('PATH', 'files, or directories of files', file, { min: 1 }) },
  flags: {
    channel: named(flag('NAME', 'where the consumers listen, such as logs:', name), 'ship'),
    consumers: flag(
      'N',
      'who must get every file: consumers 0 to N-1',
      wholeNumber({ min: 1, max: mostConsumers }),
    ),
    budget: flagOr('SIZE', 'bytes of Redis to use at most', sizeBytes, '1GiB'),
    part: optionalFlag(
      'SIZE',
      'cut files into parts of at most this; default: what the budget allows, at most 4MiB',
      partBytes,
    ),
    recursive: switchFlag('into subdirectories too', { short: 'r' }),
    follow: switchFlag('go on with files that grow, appear or are rotated'),
    keepOpen: switchFlag('do not tell the consumers that this was all'),
    prefix: flagOr('TEXT', 'put this before every name', v.string(), ''),
    include: list('GLOB', 'of directories, only files of such names', glob),
    exclude: list('GLOB', 'of directories, no files of such names; GLOB/: no such directories', glob),
    archive: optionalFlag('DIR', 'with --follow: where rotation moves earlier generations', file),
  },
  prints: printed.shipped,
  writes: true,
  examples: [
    'quarterdeck ship run /var/log --recursive --channel logs: --consumers 3 --budget 64MiB',
    'quarterdeck ship run app.log --follow --channel app: --consumers 1',
  ],
  async run(context, { paths, channel, budget, part, ...rest }) {
    const reporter = makeReporter(context, channel);
    const reported = new Set<string>();
    const shipped = await ship(context.redis, paths, {
      ...rest,
      channel,
      budgetBytes: budget,
      ...(part !== undefined && { partBytes: part }),
      signal: context.signal,
      listen: () => context.listen(),
      timeoutMs: context.config.timeoutMs,
      onRefused: (refusal) => context.warn(`${messageOf(refusal)}: waiting`),
      onProgress: (progress) => reporter(progress),
      onNote(note) {
        // An attempt that begins again finds the same.
        if (!reported.has(note)) context.warn(note);
        reported.add(note);
      },
    });
    const { isInterrupted, failed, notes: _, ...figures } = shipped;
    return {
      json: { channel, ...figures },
      text: isInterrupted ? `Interrupted; ${sentence(channel, shipped)}` : sentence(channel, shipped),
      async printed() {
        if (failed.length > 0) throw new FilesFailedError(failed);
      },
    };
  },
});

const consumeCommand = defineCommand({
  verb: 'consume',
  summary: 'get every file shipped to a channel: its lines on stdout, copies, or a command for each part',
  words: { channel: named(word('CHANNEL', 'where it is shipped to', name), 'ship') },
  flags: {
    as: named(flag('ID', 'which consumer this is: 0 to N-1', name), knownConsumers),
    out: optionalFlag('DIR', 'rebuild the files in this directory', file),
    exec: optionalFlag('CMD', 'run this for each part, with its content as input', v.string()),
    retries: optionalFlag(
      'N',
      'run a failing CMD again so often, then set its part aside; default: end at the first failure',
      wholeNumber({ max: 1000 }),
    ),
    asideLimit: flagOr('N', 'so many parts may be set aside, then it ends', wholeNumber(), '100'),
    common: optionalFlag('NAME', 'log each line here too, as `log write` does', name),
    multiline: switchFlag('of --common, as of `log write`: a stack trace is one message'),
    firstLine: optionalFlag('REGEX', 'of --common, a message begins with a line that matches', pattern),
    hits: optionalFlag('SERIES', 'count the lines here too, as `hits add` does', name),
    spool: optionalFlag(
      'DIR',
      'where gzip files too large for the budget are collected (~/.local/state/quarterdeck/spool)',
      file,
    ),
  },
  prints: printed.consumed,
  emits: printed.line,
  writes: true,
  endsWithinMs: 4000,
  examples: [
    'quarterdeck ship consume logs: --as 0 --out /srv/logs',
    "quarterdeck ship consume logs: --as 1 --exec 'grep -c ERROR'",
    'quarterdeck ship consume logs: --as 2 --json | jq -r .line',
  ],
  async run(context, { channel, as, out, exec, common, hits, spool, multiline, firstLine, ...more }) {
    if (out !== undefined && exec !== undefined) {
      throw new UsageError('--out and --exec exclude each other', {
        hint: 'Run two consumers, each with its own --as',
      });
    }
    if (common === undefined && (multiline || firstLine)) {
      throw new UsageError('--multiline and --first-line are about the messages of --common', {
        hint: 'Say with --common NAME which log they go to',
      });
    }
    const damaged: string[] = [];
    const refused = new Set<string>();
    const consumed = await deliverTo(context, channel, {
      as,
      out,
      exec,
      ...more,
      common,
      hits,
      multiline: firstLine ?? (multiline ? 'indent' : undefined),
      ...(spool !== undefined && { spoolDirectory: spool }),
      onDamage(problem) {
        damaged.push(problem);
        context.warn(problem);
      },
      onAside(problem) {
        if (!refused.has(problem)) context.warn(problem);
        refused.add(problem);
      },
    });
    const isStream = out === undefined && exec === undefined;
    const { files, bytes, parts } = consumed;
    const text = `Consumed ${counted(files, 'file')}, ${formatBytes(bytes)} in ${counted(parts, 'part')}, as ${as}`;
    if (isStream) context.progress(text);
    return {
      ...(!isStream && { json: { channel, consumer: as, ...consumed } }),
      text: isStream ? '' : text,
      async printed() {
        const aside = await asideOf(context.redis, channel, as);
        if (aside.size > 0) throw new PartsAsideError(channel, as, [...refused], aside.size);
        if (damaged.length > 0) throw new FilesDamagedError(damaged);
      },
    };
  },
});

const statusCommand = defineCommand({
  verb: 'status',
  summary: 'what every channel is doing: budget, files, consumers and who is waited for',
  words: { channel: named(optionalWord('CHANNEL', 'only this one', name), 'ship') },
  prints: printed.channels,
  writes: false,
  async run({ redis, warn }, { channel }) {
    if (channel !== undefined) {
      const found = await status(redis, channel);
      if (found) return { json: [found], text: describe(found) };
      const known = await registered(redis, 'ship');
      throw new UnknownNameError('ship', 'channel', channel, known, { listedBy: 'ship status' });
    }
    const { found, faults, cuts } = await statuses(redis);
    for (const text of [...cuts, ...faults.map(({ error }) => messageOf(error))]) warn(text);
    return {
      json: found,
      text:
        found.length === 0
          ? 'No channels'
          : found.flatMap((one, index) => [...(index > 0 ? [''] : []), ...describe(one)]),
    };
  },
});

const forgetCommand = defineCommand({
  verb: 'forget',
  summary: 'stop waiting for a consumer, and free what only it was missing',
  words: {
    channel: named(word('CHANNEL', 'where it is shipped to', name), 'ship'),
    consumer: named(word('CONSUMER', 'whom to forget', name), knownConsumers),
  },
  prints: printed.forgotten,
  writes: true,
  follows:
    'Then it is taken off every part that waits for it; parts that wait for nobody else are freed, and what it had set aside goes.',
  guard: forgetGuard,
  final: 'the parts that only it was missing are freed',
  async run({ redis }, { channel, consumer }) {
    const freedBytes = await forget(redis, channel, consumer);
    return {
      json: { channel, consumer, freedBytes },
      text: `Forgot consumer ${consumer} of ${channel}; ${formatBytes(freedBytes)} freed`,
    };
  },
});

export const commands = [runCommand, consumeCommand, statusCommand, forgetCommand, ...asideCommands];

const progressMs = 2000;
const patienceMs = 10_000;

/** Says how far it is, and once for each case what it waits for. */
function makeReporter(context: CommandContext, channel: string): (progress: ShipProgress) => void {
  let saidAtMs = 0;
  let warned = '';
  let isLooking = false;
  let last = { bytes: 0, atMs: Date.now() };

  const warnIfStalled = async (): Promise<void> => {
    isLooking = true;
    const view = await look(context.redis, channel);
    isLooking = false;
    const who = (view?.consumers ?? []).filter(({ stalledMs }) => stalledMs !== null).map(({ id }) => id);
    if (who.join() !== warned && view?.state === 'stalled') context.warn(`stalled: ${view.reason}`);
    warned = who.join();
  };
  return (progress) => {
    const now = Date.now();
    if (progress.waitingSinceMs !== undefined && now - progress.waitingSinceMs > patienceMs && !isLooking) {
      warnIfStalled().catch(() => {
        isLooking = false;
      });
    }
    if (now - saidAtMs < progressMs) return;
    saidAtMs = now;
    const rate = ((progress.bytes - last.bytes) * 1000) / Math.max(1, now - last.atMs);
    last = { bytes: progress.bytes, atMs: now };
    context.progress(progressLine(progress, rate));
  };
}

function progressLine(progress: ShipProgress, bytesPerSecond: number): string {
  const { files, filesTotal, bytes, bytesTotal, usedBytes, waitingSinceMs } = progress;
  const left = bytesPerSecond > 0 ? ((bytesTotal - bytes) / bytesPerSecond) * 1000 : undefined;
  return [
    `${files} of ${counted(filesTotal, 'file')}`,
    `${formatBytes(bytes)} of ${formatBytes(bytesTotal)}`,
    `${formatBytes(bytesPerSecond)}/s`,
    ...(left !== undefined && left > 0 ? [`${formatDuration(left)} left`] : []),
    `${formatBytes(usedBytes)} used`,
    ...(waitingSinceMs === undefined ? [] : ['waiting for consumers']),
  ].join(', ');
}

function sentence(
  channel: string,
  { files, bytes, parts, budgetBytes, peakBytes, durationMs }: Shipped,
): string {
  const budget = `at most ${formatBytes(peakBytes)} of ${formatBytes(budgetBytes)} used`;
  return `${counted(files, 'file')}, ${formatBytes(bytes)} in ${counted(parts, 'part')} through ${channel} in ${formatDuration(durationMs)}, ${budget}`;
}

function describe(channel: ChannelStatus): string[] {
  const { state, reason, usedBytes, budgetBytes, peakBytes, consumers, files, unlisted, totals } = channel;
  return [
    `${channel.channel}  ${state}${reason === '' ? '' : `: ${reason}`}`,
    `  budget     ${formatBytes(usedBytes)} of ${formatBytes(budgetBytes)} used, at most ${formatBytes(peakBytes)}`,
    `  shipped    ${totals.files} of ${counted(totals.filesFound, 'file')}, ${formatBytes(totals.bytes)} of ${formatBytes(totals.bytesFound)}`,
    ...consumers.map(({ id, done, lag, aside, seenMs, condition }) => {
      const seen = seenMs === null ? '' : `, seen ${formatDuration(Date.now() - seenMs)} ago`;
      const putAside = aside === 0 ? '' : ` (${aside} set aside)`;
      return `  consumer ${id}  ${done} done, lag ${lag}${putAside}, ${condition}${seen}`;
    }),
    ...files.map(
      ({ name, bytes, shippedBytes, done, want, state }) =>
        `  ${state.padEnd(9)}  ${formatBytes(shippedBytes).padStart(5)} of ${formatBytes(bytes).padStart(5)}  ${done}/${want}  ${name}`,
    ),
    ...(unlisted > 0 ? [`  and ${counted(unlisted, 'file')} more, of which no record is kept`] : []),
  ];
}
