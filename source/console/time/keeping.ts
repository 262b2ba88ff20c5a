import * as v from 'valibot';
import type { AnyCommand } from '../../commands/run-command.ts';
import type { Config } from '../../config.ts';
import { UsageError } from '../../errors.ts';
import { defineCommand, list, optionalWord } from '../../features/feature.ts';
import type { AnyFeature } from '../../features/index.ts';
import type { Store } from '../../store/store.ts';
import { changesCommand } from './changes.ts';
import type { Course } from './course.ts';
import { type Recorder, startRecorder } from './recorder.ts';
import { makeRing } from './ring.ts';
import { startSampler } from './sampler.ts';

/** Keeps what was known: the last hour in memory, and in a file where one is asked for. */
export type Keeping = {
  readonly course: Course;
  /** `:record`, `:mark` and `:changes`. */
  readonly commands: Readonly<Record<string, AnyCommand>>;
  /** Resolves when the recording is written. */
  stop(): Promise<void>;
};

export type KeepingOptions = {
  readonly config: Config;
  readonly onFailure: (text: string) => void;
  readonly features: readonly AnyFeature[];
  /** The moment that is shown, where it is another one than now. */
  readonly shownMs: () => number | undefined;
};

/** @throws {RecordingError} when the file of `--record` is there already, or cannot be made */
export function startKeeping(live: Store, { config, onFailure, features, shownMs }: KeepingOptions): Keeping {
  const sampler = startSampler(live);
  const ring = makeRing();
  sampler.to(ring.add);
  let recorder: Recorder | undefined;
  let stopAdding = (): void => {};

  const begin = (file: string): string => {
    if (recorder) {
      throw new UsageError(`A recording goes on into ${recorder.file}`, { hint: '`:record` alone ends it' });
    }
    recorder = startRecorder(file, { state: live.getState(), context: config.context, onFailure });
    stopAdding = sampler.to(recorder.add);
    return recorder.file;
  };
  const end = async (): Promise<string | undefined> => {
    const ended = recorder;
    recorder = undefined;
    stopAdding();
    await ended?.end();
    return ended?.file;
  };

  const record = defineCommand({
    verb: 'record',
    summary: 'write what is learned into a new FILE, for `quarterdeck replay`; without FILE: end that',
    words: { file: optionalWord('FILE', 'a new file', v.string()) },
    writes: false,
    offline: true,
    async run(_, { file }) {
      if (file !== undefined) return { text: `Recording into ${begin(file)}; \`:record\` alone ends it` };
      const ended = await end();
      if (ended === undefined)
        throw new UsageError('Nothing is recorded', { hint: 'Name a file: `:record FILE`' });
      return { text: `Recorded ${ended}; \`quarterdeck replay\` shows it` };
    },
  });
  const mark = defineCommand({
    verb: 'mark',
    summary: 'note something at this moment, to be found by [ and ] when going back, and in the recording',
    words: { text: list('TEXT', 'what there is to note', v.string(), { min: 1 }) },
    writes: false,
    offline: true,
    async run(_, { text }) {
      const note = text.join(' ');
      await sampler.note(note);
      return { text: `Noted ${recorder ? `in ${recorder.file}` : 'for an hour'}: ${note}` };
    },
  });

  if (config.record !== undefined) begin(config.record);
  return {
    course: ring,
    commands: { record, mark, changes: changesCommand({ features, course: ring, live, shownMs }) },
    async stop() {
      await sampler.stop();
      await end();
    },
  };
}
