import * as v from 'valibot';
import { counted } from '../../ui/format.ts';
import { durationMs, name, sizeBytes, wholeNumber } from '../../values.ts';
import { defineCommand, flagOr, list, optionalFlag, switchFlag, word } from '../feature.ts';
import { forgetTarget } from './forget.ts';
import { forgetGuard } from './guards.ts';
import type { SyncEvent } from './options.ts';
import { runSync } from './runner/runner.ts';
import { status } from './status.ts';
import { notify, watch } from './watcher/watch.ts';

const channel = flagOr('CHANNEL', 'the topic that tells of changes', name, 'new_files');
const folder = v.pipe(v.string(), v.nonEmpty('Expected a folder'));
const base = word('DIR', 'the folder to copy from', folder);
const target = word('DEST', 'a local path, host:path or rsync://host/module', folder);

const notifyCommand = defineCommand({
  verb: 'notify',
  summary: 'tell that files changed or are gone',
  words: { paths: list('PATH', 'relative to the base, or absolute inside it', v.string(), { min: 1 }) },
  flags: {
    channel,
    base: optionalFlag('DIR', 'what the paths are relative to (the current folder)', folder),
  },
  writes: true,
  examples: ['quarterdeck sync notify img/logo.png --base /srv/site'],
  async run({ redis }, { paths, channel, base }) {
    const { last, count } = await notify(redis, channel, paths, base === undefined ? {} : { base });
    return { json: { channel, count, id: last }, text: `Told ${channel} of ${count}, up to id ${last}` };
  },
});

const watchCommand = defineCommand({
  verb: 'watch',
  summary: 'publish changes of a folder as they happen, until stopped',
  words: { folder: word('DIR', 'the folder', folder) },
  flags: { channel },
  writes: true,
  async run({ redis, signal, progress, warn }, { folder, channel }) {
    let told = 0;
    progress(`Watching ${folder} for ${channel}`);
    await watch(redis, folder, channel, {
      signal,
      onTold(count) {
        told += count;
      },
      onTrouble: warn,
    });
    return { json: { channel, count: told }, text: `Told ${channel} of ${told}` };
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
    standby: switchFlag('wait while another process serves this target'),
  },
  writes: true,
  endsWithinMs: 4000,
  examples: ['quarterdeck sync run /srv/img cdn1:/srv/img --delete'],
  async run(context, { every, fullEvery, delete: deletes, ...rest }) {
    await runSync(context.redis, {
      ...rest,
      everyMs: every,
      fullEveryMs: fullEvery,
      deletes,
      signal: context.signal,
      listen: () => context.listen(),
      onEvent: (event) => context.emit(event, sentenceOf(event)),
      onTrouble: (sentence) => context.warn(sentence),
    });
    return { text: '' };
  },
});

function sentenceOf(event: SyncEvent): string {
  if ('full' in event) {
    return `full comparison ${event.full}: ${counted(event.files, 'file')}, ${event.missedByEvents} missed by events, ${event.durationMs} ms`;
  }
  const { batch, files, bytes, deleted, failed, durationMs } = event;
  return `batch ${batch}: ${counted(files, 'file')}, ${counted(bytes, 'byte')}, ${deleted} deleted, ${failed} failed, ${durationMs} ms`;
}

const statusCommand = defineCommand({
  verb: 'status',
  summary: 'show every target: what is queued, what was done, what events missed',
  writes: false,
  async run({ redis, warn }) {
    const targets = await status(redis, (message) => warn(message));
    const text = targets.map(
      ({ channel, base, target, state, queued, synced, failed, refused, missedByEvents }) =>
        `${channel}  ${base} > ${target}  ${state}  ${queued} queued  ${synced} synced  ${failed} failed  ${refused} refused  ${missedByEvents} missed by events`,
    );
    return { json: targets, text: text.length === 0 ? 'Nothing is synced' : text };
  },
});

const forgetCommand = defineCommand({
  verb: 'forget',
  summary: 'forget a target that nobody serves any more, and what is queued for it',
  words: { base, target },
  flags: { channel },
  writes: true,
  guard: forgetGuard,
  examples: ['quarterdeck sync forget /srv/img cdn9:/srv/img --yes'],
  async run({ redis, signal, listen, progress }, { channel, base: given, target }) {
    const about = { base: given, target, signal, listen, onWait: progress };
    const { base, freed } = await forgetTarget(redis, channel, about);
    return {
      json: { channel, base, target, freed },
      text: `Forgot ${target} of ${base}; ${counted(freed, 'message')} freed`,
    };
  },
});

export const commands = [notifyCommand, watchCommand, runSyncCommand, statusCommand, forgetCommand] as const;
