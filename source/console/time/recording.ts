import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { messageOf } from '../../errors.ts';
import { counted, formatBytes } from '../../ui/format.ts';
import { viewSchema } from '../memory.ts';
import { type Course, type Kept, makeCourse } from './course.ts';
import { LineError, momentOf, parseReading, type Reading, type ReadLine, readingAfter } from './reading.ts';
import { recordingVersion } from './recorder.ts';
import { RecordingError } from './recording-errors.ts';

/**
 * A recording that can be gone through. Every line of it is read and checked once, and read again when it is gone to,
 * so that a long one takes no more memory than a short one.
 */
export type Recording = {
  readonly course: Course;
  readonly header: Header;
  /** The first reading. */
  readonly first: Reading;
  /** What had to be left out, as sentences. */
  readonly warnings: readonly string[];
  close(): void;
};

const header = v.looseObject({
  quarterdeckRecording: v.number(),
  program: v.optional(v.string(), ''),
  at: v.number(),
  server: v.string(),
  context: v.optional(v.object({ name: v.string(), production: v.boolean() })),
  panes: v.array(v.pipe(v.string(), v.regex(/^\w{1,60}$/))),
  screen: v.optional(
    v.looseObject({
      focus: v.string(),
      isZoomed: v.optional(v.boolean(), false),
      view: v.optional(viewSchema),
    }),
  ),
});
export type Header = v.InferOutput<typeof header>;

type Entry = Kept & { readonly offset: number; readonly bytes: number };

const longestLine = 64 * 1024 * 1024;
const chunkBytes = 1024 * 1024;

/** @throws {RecordingError} when there is no such file, or it is no recording */
export function openRecording(given: string): Recording {
  const file = path.resolve(given);
  const fail = (reason: string, hint: string, cause?: unknown): never => {
    throw new RecordingError('Cannot replay', file, reason, hint, cause);
  };
  const descriptor = open(file, fail);
  try {
    const entries: Entry[] = [];
    const left: string[] = [];
    let head: Header | undefined;
    let reading: Reading | undefined;
    let first: Reading | undefined;
    let without = 0;
    let number = 0;
    const take = (text: string, at: Pick<Entry, 'offset' | 'bytes'>): void => {
      let read: ReadLine;
      try {
        read = parseReading(text);
      } catch (error) {
        if (!(error instanceof LineError)) throw error;
        left.push(`line ${number}: ${error.message}`);
        // Those behind it build on it.
        reading = undefined;
        return;
      }
      reading = readingAfter(reading, read);
      if (!reading) {
        without += 1;
        return;
      }
      first ??= reading;
      const moment = momentOf(read, reading);
      const before = entries.at(-1)?.open;
      // The same text once: there may be many moments.
      const open = before === moment.open ? before : moment.open;
      entries.push({ ...moment, open, isWhole: read.whole, ...at });
    };
    for (const { text, isEnded, ...at } of linesOf(descriptor, fail)) {
      number += 1;
      if (head) {
        // A recording that was cut off ends within a line.
        if (isEnded || text.endsWith('}')) take(text, at);
        else left.push(`line ${number}: it was cut off`);
      } else head = headerIn(text, fail);
    }
    if (!head || !first) return fail('it holds no reading', wrongFile);
    const textOf = ({ offset, bytes }: Entry): string => readAt(descriptor, offset, bytes).toString();
    return {
      course: makeCourse(() => entries, textOf),
      header: head,
      first,
      warnings: warningsOf(left, without),
      close: () => closeSync(descriptor),
    };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

type Fail = (reason: string, hint: string, cause?: unknown) => never;

const wrongFile = 'Name a file that `quarterdeck --record FILE` made';

function open(file: string, fail: Fail): number {
  let descriptor: number;
  try {
    // A pipe would be waited for.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return fail(messageOf(error), wrongFile, error);
  }
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  return fail('it is no file', wrongFile);
}

function headerIn(text: string, fail: Fail): Header {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return fail('it is no recording (its first line is no JSON)', wrongFile);
  }
  const result = v.safeParse(header, parsed);
  if (!result.success) return fail(`it is no recording (${result.issues[0].message})`, wrongFile);
  const { quarterdeckRecording: version } = result.output;
  if (version !== recordingVersion) {
    return fail(
      `it is a recording of version ${version}, and this program reads version ${recordingVersion}`,
      'Use the program that made it, or a newer one',
    );
  }
  return result.output;
}

function warningsOf(left: readonly string[], without: number): readonly string[] {
  if (left.length === 0 && without === 0) return [];
  const [example = 'it begins without a whole reading'] = left;
  const behind = without > 0 ? `, and ${counted(without, 'reading')} that build on what is missing` : '';
  return [`Left out: ${counted(left.length, 'line')} (${example})${behind}`];
}

type RawLine = {
  readonly text: string;
  readonly offset: number;
  readonly bytes: number;
  readonly isEnded: boolean;
};

/** The lines of a file as far as it goes now, with their places. */
function* linesOf(descriptor: number, fail: Fail): Generator<RawLine> {
  const { size } = fstatSync(descriptor);
  let rest: Buffer = Buffer.alloc(0);
  let offset = 0;
  for (let at = 0; at < size; ) {
    const chunk = readAt(descriptor, at, Math.min(chunkBytes, size - at));
    if (chunk.length === 0) break;
    at += chunk.length;
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(0x0a); end !== -1; end = rest.indexOf(0x0a)) {
      yield { text: rest.subarray(0, end).toString(), offset, bytes: end, isEnded: true };
      offset += end + 1;
      rest = rest.subarray(end + 1);
    }
    if (rest.length > longestLine) {
      fail(`a line of it has more than ${formatBytes(longestLine)}`, wrongFile);
    }
  }
  if (rest.length > 0) yield { text: rest.toString(), offset, bytes: rest.length, isEnded: false };
}

function readAt(descriptor: number, offset: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  let taken = 0;
  while (taken < bytes) {
    const count = readSync(descriptor, buffer, taken, bytes - taken, offset + taken);
    if (count === 0) break;
    taken += count;
  }
  return buffer.subarray(0, taken);
}
