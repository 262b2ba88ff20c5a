import * as v from 'valibot';
import { counted } from '../../ui/format.ts';
import { durationMs, name, sizeBytes, wholeNumber } from '../../values.ts';
import { defineCommand, flagOr, list, named, optionalFlag, switchFlag, word } from '../feature.ts';
import { settlePublished } from '../topic/publish.ts';
import { preservable } from './copy/execute.ts';
import { forgetTarget } from './forget.ts';
import { forgetGuard, resumeGuard } from './guards.ts';
import { type SyncEvent, targetMarkerName } from './options.ts';
import * as printed from './printed.ts';
import type { Halt } from './record.ts';
import { resumeTarget } from './resume.ts';
import { defaultCeiling } from './runner/ceiling.ts';
import { runSync } from './runner/run.ts';
import { resumeFlags } from './state.ts';
import { status, type TargetStatus } from './status.ts';
import { notify, watch } from './watcher/watch.ts';

const channel = named(flagOr('CHANNEL', 'the topic that tells of changes', name, 'new_files'), 'sync');
const folder = v.pipe(v.string(), v.nonEmpty('Expected a folder'));
const base = word('DIR', 'the folder to copy from', folder);
const target = word('DEST', 'a local path, host:path or rsync://host/module', folder);

const ceiling = v.pipe(
  v.string(),
  v.regex(/^\d{1,15}$|^(?:100|\d{1,2})(?:\.\d+)?%$/, 'Expected a number of files, or a share such as 20%'),
  v.transform((text) =>
    text.endsWith('%') ? { percent: Number(text.slice(0, -1)), atLeast: 0 } : { files: Number(text) },
  ),
);
const preserved = v.pipe(
  v.string(),
  v.transform((text) => text.split(',').filter((each) => each !== '')),
  v.array(v.picklist(preservable, `Expected some of ${preservable.join(',')}`)),
);

const notifyCommand = defineCommand({
  verb: 'notify',
  summary: 'notify that files changed or are gone',
  words: { paths: list('PATH', 'relative to the base, or absolute inside it', v.string(), { min: 1 }) },
  flags: {
    channel,
    base: optionalFlag('DIR', 'what the paths are relative to (the current folder)', folder),
  },
  prints: printed.notified,
  writes: true,
  examples: ['quarterdeck sync notify img/logo.png --base /srv/site'],
  async run({ redis }, { paths, channel, base }) {
    const { last, count } = await notify(redis, channel, paths, base === undefined ? {} : { base });
    // This process ends now: what the server remembers of it as a producer may go, and its topic is to be listed.
    await settlePublished(redis);
    return {
      json: { channel, count, id: last },
      text: `Notified ${channel} of ${counted(count, 'path')}, up to id ${last}`,
    };
  },
});

const watchCommand = defineCommand({
  verb: 'watch',
  summary: 'publish changes of a folder as they happen, until stopped',
  words: { folder: word('DIR', 'the folder', folder) },
  flags: { channel },
  prints: printed.watched,
  writes: true,
  async run({ redis, config, signal, progress, warn }, { folder, channel }) {
    let sum = 0;
    progress(`Watching ${folder} for ${channel}`);
    await watch(redis, folder, channel, {
      signal,
      timeoutMs: config.timeoutMs,
      onNotified(count) {
        sum += count;
      },
      onTrouble: warn,
    });
    return { json: { channel, count: sum }, text: `Notified ${channel} of ${counted(sum, 'change')}` };
  },
});

const runSyncCommand = defineCommand({
  verb: 'run',
  summary: 'keep a target equal to a folder: follow its changes, compare everything now and then',
  words: { base, target },
  flags: {
    channel,
    every: flagOr('DURATION', 'how long the first change of a batch waits for others', durationMs, '2s'),
    batchFiles: flagOr('N', 'at most so many paths in a batch', wholeNumber({ min: 1 }), '1000'),
    batchBytes: flagOr('BYTES', 'at most so many bytes, or one larger file', sizeBytes, '256MiB'),
    fullEvery: flagOr(
      'DURATION',
      'how often everything is compared, from 3/4 to 5/4 of it',
      durationMs,
      '1h',
    ),
    before: optionalFlag('CMD', 'sees each batch first: its paths on stdin, each ended by a NUL', v.string()),
    delete: switchFlag('remove at the target what is gone from the folder'),
    maxDelete: optionalFlag(
      'N|P%',
      'halt instead of removing more files within a day, or of those there were (50%, at least 100)',
      ceiling,
    ),
    targetMarker: optionalFlag(
      'NAME',
      'copy and remove nothing unless this file is at the top of the target',
      targetMarkerName,
    ),
    preserve: flagOr('LIST', `also keep ${preservable.join(', ')}`, preserved, ''),
    standby: switchFlag('wait while another process serves this target'),
  },
  emits: printed.event,
  writes: true,
  endsWithinMs: 4000,
  examples: ['quarterdeck sync run /srv/img cdn1:/srv/img --delete'],
  async run(context, { every, fullEvery, delete: deletes, maxDelete = defaultCeiling, ...rest }) {
    await runSync(context.redis, {
      ...rest,
      everyMs: every,
      fullEveryMs: fullEvery,
      deletes,
      maxDelete,
      timeoutMs: context.config.timeoutMs,
      signal: context.signal,
      listen: () => context.listen(),
      onEvent: (event) => context.emit(event, sentenceOf(event)),
      onTrouble: (sentence) => context.warn(sentence),
    });
    return { text: '' };
  },
});

function sentenceOf(event: SyncEvent): string {
  if ('halted' in event) return `halted: ${event.halted.message}`;
  if ('resumed' in event) return 'resumed';
  const { files, deleted, failed, durationMs } = event;
  const done = `${counted(files, 'file')}, ${deleted} deleted, ${failed} failed`;
  return 'full' in event
    ? `full comparison ${event.full}: ${done}, ${event.missedByEvents} missed by events, ${durationMs} ms`
    : `batch ${event.batch}: ${done}, ${counted(event.bytes, 'byte')}, ${durationMs} ms`;
}

const statusCommand = defineCommand({
  verb: 'status',
  summary: 'show every target: what is queued, what was done, what events missed',
  prints: printed.targets,
  writes: false,
  async run({ redis, warn }) {
    const targets = await status(redis, (message) => warn(message));
    return { json: targets, text: targets.length === 0 ? 'Nothing is synced' : targets.flatMap(statusLines) };
  },
});

/** A line for a target, and one for each thing that needs somebody. */
function statusLines(status: TargetStatus): string[] {
  const { channel, base, target, condition, queued, synced, failed, refused, missedByEvents } = status;
  const { halted, error, failures } = status;
  return [
    `${channel}  ${base} > ${target}  ${condition}  ${queued} queued  ${synced} synced  ${failed} failed  ${refused} refused  ${missedByEvents} missed by events`,
    ...(halted ? [`  halted: ${halted.message}${resumption(status, halted)}`] : []),
    ...(error === null ? [] : [`  ${error}`]),
    ...failures.map(({ path, reason }) => `  ${path}: ${reason}`),
  ];
}

function resumption({ base, target }: TargetStatus, halted: Halt): string {
  const flags = resumeFlags(halted);
  return flags === undefined ? '' : `; sync resume ${base} ${target} ${flags}`;
}

const resumeCommand = defineCommand({
  verb: 'resume',
  summary: 'let a halted target go on: allow what it would remove, or take another folder for its base',
  words: { base, target },
  flags: {
    channel,
    deletes: optionalFlag('N', 'at most so many files may be removed, once', wholeNumber({ min: 0 })),
    adopt: switchFlag('the folder that is there now is the base from now on'),
  },
  prints: printed.resumed,
  writes: true,
  guard: resumeGuard,
  examples: ['quarterdeck sync resume /srv/img cdn1:/srv/img --deletes 4210 --yes'],
  final: 'the target goes on at once',
  async run({ redis }, { base, target, channel, deletes, adopt }) {
    const { reason } = await resumeTarget(redis, { base, target, channel, deletes, adopt });
    return {
      json: { channel, base, target, reason, deletes: deletes ?? null, adopt },
      text: `${target} goes on as soon as its runner looks, or at its next start`,
    };
  },
});

const forgetCommand = defineCommand({
  verb: 'forget',
  summary: 'forget a target that nobody serves any more, and what is queued for it',
  words: { base, target },
  flags: { channel },
  prints: printed.forgotten,
  writes: true,
  guard: forgetGuard,
  follows:
    'Once it has that lock it drops the subscriber of the target with what is queued for it, and removes what failed there and its record.',
  examples: ['quarterdeck sync forget /srv/img cdn9:/srv/img --yes'],
  final: 'what was queued for it is removed; when it is served again it is compared in full',
  async run({ redis, signal, listen, progress }, { channel, base: given, target }) {
    const about = { base: given, target, signal, listen, onWait: progress };
    const { base, freed } = await forgetTarget(redis, channel, about);
    return {
      json: { channel, base, target, freed },
      text: `Forgot ${target} of ${base}; ${counted(freed, 'message')} freed`,
    };
  },
});

export const commands = [
  notifyCommand,
  watchCommand,
  runSyncCommand,
  statusCommand,
  resumeCommand,
  forgetCommand,
] as const;
