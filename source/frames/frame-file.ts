import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { messageOf, QuarterdeckError } from '../errors.ts';
import { ownFolder } from '../own-folders.ts';
import { safeJson, sanitise } from '../ui/text.ts';
import { plain } from '../ui/theme/sgr.ts';
import type { Background } from '../ui/theme/theme.ts';
import { svgOf } from './svg.ts';

/** A frame of the console outside of it: as text, with its colours, as JSON, or as a picture. */

export const frameFormats = ['text', 'ansi', 'json', 'svg'] as const;
export type FrameFormat = (typeof frameFormats)[number];

export type FrameContent = {
  /** As painted: SGR sequences and nothing else that steers. */
  readonly lines: readonly string[];
  readonly columns: number;
  readonly rows: number;
  /** Epoch ms. */
  readonly at: number;
  /** Whose frame it is: the server, as people call it. */
  readonly server: string;
  /** The noun of the pane that has all of it, or the focus. */
  readonly pane?: string | undefined;
  /** What the pane lists, as fields by name: for programs. */
  readonly items?: readonly Readonly<Record<string, unknown>>[] | undefined;
  readonly background: Background;
};

/** The whole file, its last line ended. */
export function frameText(format: FrameFormat, frame: FrameContent): string {
  const { lines, columns, rows, at, server, pane, items, background } = frame;
  if (format === 'svg') {
    const title = `Quarterdeck, ${server}, ${new Date(at).toISOString()}`;
    return svgOf(lines, { columns, rows, background, title });
  }
  if (format === 'json') {
    const json = { quarterdeckFrame: 1, at, server, pane, columns, rows, lines: lines.map(plain), items };
    return `${safeJson(json)}\n`;
  }
  return lines.map((line) => `${format === 'ansi' ? line : plain(line)}\n`).join('');
}

/** A frame could not be written to a file. */
export class FrameFileError extends QuarterdeckError {
  constructor(file: string, reason: string, hint: string, cause: unknown) {
    super('data', 'FRAME_NOT_SAVED', `Not saved to ${file}: ${reason}`, { hint, cause });
  }
}

/** A server as people call it: `redis.internal:6379`, `/run/redis.sock`. */
export function serverName(url: string): string {
  return url.replace(/^(rediss?|unix):\/\//, '').replace(/\/$/, '');
}

const endings: Readonly<Record<string, FrameFormat>> = {
  '.svg': 'svg',
  '.json': 'json',
  '.ansi': 'ansi',
  '.ans': 'ansi',
  '.txt': 'text',
  '.text': 'text',
};

/** What a file of this name holds; text unless its ending says otherwise. */
export function formatOf(file: string): FrameFormat {
  return endings[path.extname(file).toLowerCase()] ?? 'text';
}

const endingOf: Readonly<Record<FrameFormat, string>> = {
  text: 'txt',
  ansi: 'ansi',
  json: 'json',
  svg: 'svg',
};

/** Where a frame goes that nobody named a file for: `frames/localhost-6379_topic_2026-11-28T15-53-07.svg`. */
export function defaultFile(
  stateDirectory: string,
  format: FrameFormat,
  { server, pane, at }: FrameContent,
): string {
  const time = new Date(at).toISOString().slice(0, 23).replaceAll(/[:.]/g, '-');
  const name = [server, pane ?? 'all', time].map(fileName).join('_');
  return path.join(ownFolder(path.join(stateDirectory, 'frames')), `${name}.${endingOf[format]}`);
}

function fileName(text: string): string {
  return sanitise(text)
    .replaceAll(/[^\w.-]+/g, '-')
    .replaceAll(/^[-.]+|-+$/g, '')
    .slice(0, 60);
}

/**
 * Writes a file that only this user may read. One that is there already stays as it is.
 * @returns its whole path
 * @throws {FrameFileError} naming the file and what is wrong with it
 */
export function writeFrame(file: string, text: string): string {
  const whole = path.resolve(file);
  try {
    writeFileSync(whole, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw new FrameFileError(
      whole,
      isThere ? 'it exists already' : messageOf(error),
      isThere ? 'Name another file, or remove that one' : 'Name a file in a folder that you may write to',
      error,
    );
  }
  return whole;
}
