import { constants, createWriteStream, openSync } from 'node:fs';
import path from 'node:path';
import { messageOf } from '../../errors.ts';
import { serverName } from '../../frames/frame-file.ts';
import type { State } from '../../store/store.ts';
import { formatBytes } from '../../ui/format.ts';
import { safeJson } from '../../ui/text.ts';
import type { Line } from './reading.ts';
import { RecordingError } from './recording-errors.ts';

declare const QUARTERDECK_VERSION: string | undefined;

/** Writes readings into a new file that only this user may read, one a line, for `quarterdeck replay`. */
export type Recorder = {
  readonly file: string;
  add(line: Line): boolean;
  /** Resolves when what was taken is written, or cannot be. */
  end(): Promise<void>;
};

export type RecorderOptions = {
  readonly state: State;
  readonly context: { readonly name: string; readonly production: boolean } | undefined;
  /** Writing went wrong: nothing more is written; what was, stays. */
  readonly onFailure: (text: string) => void;
};

export const recordingVersion = 1;
/** What may wait for a disk that does not keep up. */
const mostWaitingBytes = 32 * 1024 * 1024;

/** @throws {RecordingError} when the file is there already, or cannot be made */
export function startRecorder(given: string, { state, context, onFailure }: RecorderOptions): Recorder {
  const file = path.resolve(given);
  const stream = createWriteStream(file, { fd: openNew(file) });
  let readings = 0;
  let isBroken = false;
  const fail = (reason: string): void => {
    if (isBroken) return;
    isBroken = true;
    onFailure(`Recording ended: ${reason}; ${readings} readings are in ${file}`);
  };
  stream.on('error', (error) => fail(messageOf(error)));
  stream.write(`${safeJson(headerOf(state, context))}\n`);

  return {
    file,
    add({ text }) {
      if (isBroken) return false;
      if (stream.writableLength > mostWaitingBytes) {
        fail(`the disk does not keep up, ${formatBytes(stream.writableLength)} wait for it`);
        stream.end();
        return false;
      }
      stream.write(`${text}\n`, (error) => {
        if (!error) readings += 1;
      });
      return false;
    },
    end: () => new Promise((resolve) => (isBroken ? resolve() : stream.end(resolve))),
  };
}

/** Never one that is there, nor through a link: others may know the name. */
function openNew(file: string): number {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants;
  try {
    return openSync(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new RecordingError(
      'Cannot record into',
      file,
      isThere ? 'it exists already' : messageOf(error),
      isThere ? 'Name another file, or remove that one' : 'Name a file in a folder that you may write to',
      error,
    );
  }
}

function headerOf({ connection, screen, slices }: State, context: RecorderOptions['context']): object {
  return {
    quarterdeckRecording: recordingVersion,
    program: typeof QUARTERDECK_VERSION === 'string' ? QUARTERDECK_VERSION : 'unbuilt',
    at: Date.now(),
    server: serverName(connection.url),
    ...(context && { context: { name: context.name, production: context.production } }),
    panes: Object.keys(slices),
    screen: {
      columns: screen.columns,
      rows: screen.rows,
      focus: screen.focus,
      isZoomed: screen.isZoomed,
      view: screen.view,
    },
  };
}
