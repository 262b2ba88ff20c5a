import {
  type ChildProcessWithoutNullStreams,
  type ExecFileException,
  execFile,
  spawn,
} from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { environmentOfHelpers } from '../../../environment.ts';
import { RsyncError, RsyncMissingError } from '../errors.ts';
import { markerName } from './base.ts';
import { complaintsIn } from './complaints.ts';
import { type Ends, type KnownBase, openEnds } from './ends.ts';

/**
 * One run of rsync, directly: no shell, so no name can become a word of a command; lists of names on stdin, each ended
 * by a NUL, so that a name may hold a newline or begin with a dash. What it prints is read line by line and not kept: a
 * first copy lists every file.
 */

export type Rsync = {
  readonly base: string;
  readonly destination: string;
  readonly signal: AbortSignal;
  /** A file at the top of the target that is neither copied nor removed: its marker. */
  readonly targetMarker?: string | undefined;
  /** What the base is known by where something may be removed because it is not there. */
  readonly knownBase?: KnownBase | undefined;
  /** What `--preserve` asked for besides what `--archive` keeps. */
  readonly preserve?: readonly Preserved[];
  /** Called when nothing was heard of it for so long; what stands still for `silentSeconds` is given up on. */
  readonly onSilent?: (sinceMs: number) => void;
  readonly silentAfterMs?: number;
};

export const preservable = ['hardlinks', 'acls', 'xattrs'] as const;
export type Preserved = (typeof preservable)[number];
const preserving: Readonly<Record<Preserved, string>> = {
  hardlinks: '--hard-links',
  acls: '--acls',
  xattrs: '--xattrs',
};

/** One path that a run lists. */
export type Entry = {
  /** As bytes in latin1 where it is not UTF-8. */
  readonly path: string;
  readonly bytes: number;
  readonly kind: 'file' | 'folder' | 'other';
  readonly isDeletion: boolean;
  readonly isCreation: boolean;
  /** What of it differs, as rsync itemises it: `hf`, `.f.........x`; the first two say what it is. */
  readonly itemised: string;
};

/** A target that stands still for so long is given up on, and tried again. */
export const silentSeconds = 300;
/**
 * Times are compared to the nanosecond: to the second, which is rsync's habit, a file that changed twice within one and
 * kept its size would stay as it was at the target for good.
 */
const always = [
  `--timeout=${silentSeconds}`,
  '--archive',
  '--safe-links',
  // Without `name` the receiving side does not say which symlinks it leaves out.
  '--info=symsafe,name',
  '--modify-window=-1',
  `--exclude=/${markerName}`,
  '--out-format=%i %l %n',
] as const;

/** Usage, protocol, no such module, socket, shell, remote rsync missing: nothing was spoken about files yet. */
const refusals: ReadonlySet<number> = new Set([1, 2, 4, 5, 10, 14, 126, 127, 255]);
/** Some names failed; some vanished while being copied, which the next batch will list. */
const partial = 23;
export const vanished = 24;
export const atMostDeleted = 25;
/** Reading or writing files, memory for their names: others may be copied all the same. */
const ofFiles: ReadonlySet<number> = new Set([3, 11, 13, 22]);
/** Of more complaints than these only their number matters. */
const mostComplaints = 10_000;
type Listeners = {
  readonly onEntry: (entry: Entry) => void;
  readonly onLeftOut?: () => void;
  readonly onStatistic?: (name: string, all: number, folders: number) => void;
};

type Executed = {
  readonly exitCode: number;
  /** Of stderr. */
  readonly lines: readonly string[];
  readonly isDeletionSkipped: boolean;
};

/** Runs it; throws where it ended with a failure that concerns more than single files. */
export async function execute(
  rsync: Rsync,
  words: readonly string[],
  names: readonly string[] | undefined,
  listeners: Listeners,
): Promise<Executed> {
  const { preserve = [], targetMarker } = rsync;
  const more = preserve.map((each) => preserving[each]);
  if (targetMarker !== undefined) more.push(`--exclude=/${targetMarker}`);
  const ends = await openEnds(rsync);
  try {
    return await executeBetween(ends, rsync, [...always, ...more, ...words], names, listeners);
  } finally {
    await ends.close();
  }
}

async function executeBetween(
  { source, target, descriptors, named }: Ends,
  rsync: Rsync,
  words: readonly string[],
  names: readonly string[] | undefined,
  { onEntry, onLeftOut, onStatistic }: Listeners,
): Promise<Executed> {
  const { signal } = rsync;
  const child = spawn('rsync', [...words, '--', source, target], {
    env: environmentOfHelpers(),
    stdio: ['pipe', 'pipe', 'pipe', ...descriptors],
    signal,
    killSignal: 'SIGTERM',
  }) as ChildProcessWithoutNullStreams;
  const { onSilent, silentAfterMs = 30_000 } = rsync;
  const silence = setTimeout(() => onSilent?.(silentAfterMs), silentAfterMs);
  for (const stream of [child.stdout, child.stderr]) stream.on('data', () => silence.refresh());
  let isDeletionSkipped = false;
  eachLine(child.stdout.setEncoding('latin1'), (line) => {
    const entry = entryIn(line);
    if (entry) return onEntry(entry);
    if (line.startsWith('ignoring unsafe symlink')) onLeftOut?.();
    // A folder could not be read, so that nothing is removed, there or elsewhere.
    isDeletionSkipped ||= line.includes('skipping file deletion');
    const [, name = '', all = '', folders = '0'] =
      /^([A-Z][a-z ]+): ([\d,]+)(?: \(.*?\bdir: ([\d,]+).*\))?$/.exec(line) ?? [];
    if (name !== '') onStatistic?.(name, numberIn(all), numberIn(folders));
  });
  const lines: string[] = [];
  eachLine(child.stderr.setEncoding('utf8'), (line) => {
    if (lines.length < mostComplaints) lines.push(named(line));
  });
  // rsync may end before it has read the whole list; its exit code says why.
  child.stdin.on('error', () => {});
  child.stdin.end(names === undefined ? '' : names.map((name) => `${name}\0`).join(''));
  let exitCode: number | null;
  let ended: string | null;
  try {
    [exitCode, ended] = (await once(child, 'close')) as [number | null, string | null];
  } catch (error) {
    if (signal.aborted) throw error;
    throw new RsyncMissingError(error);
  } finally {
    clearTimeout(silence);
  }
  signal.throwIfAborted();
  if (exitCode !== null && [0, partial, vanished, atMostDeleted].includes(exitCode))
    return { exitCode, lines, isDeletionSkipped };
  throw errorOf(rsync, exitCode, ended, lines);
}

/**
 * Whether the target holds its marker; true where none was asked for. Without it, it may be the folder below a disk that is
 * not mounted.
 * @throws {RsyncError | RsyncMissingError} where that cannot be found out
 */
export async function hasTargetMarker(rsync: Rsync): Promise<boolean> {
  const { targetMarker, signal } = rsync;
  if (targetMarker === undefined) return true;
  const words = ['--list-only', `--timeout=${silentSeconds}`, '--', `${targetOf(rsync)}${targetMarker}`];
  const { error, stdout, stderr } = await new Promise<{
    error: ExecFileException | null;
    stdout: string;
    stderr: string;
  }>((resolve) => {
    execFile(
      'rsync',
      words,
      { env: environmentOfHelpers(), signal, killSignal: 'SIGTERM' },
      (error, stdout, stderr) => resolve({ error, stdout, stderr }),
    );
  });
  signal.throwIfAborted();
  if (error === null) return stdout.startsWith('-');
  // Where it could not be started the code is a text.
  if (typeof error.code === 'string') throw new RsyncMissingError(error);
  if (error.code === partial && stderr.includes('No such file or directory')) return false;
  throw errorOf(rsync, error.code ?? null, error.signal ?? null, stderr.trim().split('\n'));
}

function errorOf(rsync: Rsync, exitCode: number | null, ended: string | null, lines: readonly string[]) {
  const { destination } = rsync;
  if (exitCode === null) return new RsyncError(destination, undefined, `by ${ended}`);
  // What a remote shell says comes first; rsync's own last lines only say that something went wrong.
  const isTelling = (line: string): boolean => !/^rsync error:|unexpectedly closed/.test(line);
  const telling = lines.find(isTelling) ?? lines[0] ?? 'it said nothing';
  // A signal ended it, or a shell that ran it tells so: nothing was refused.
  const isKilled = exitCode > 128 && exitCode < 160;
  // A shell that ends before rsync has noticed why leaves it with a protocol failure.
  const isRefusal =
    !isKilled && (refusals.has(exitCode) || lines.some((line) => line.includes('(0 bytes received so far)')));
  const isFull = lines.some((line) => /No space left on device|Disk quota exceeded/.test(line));
  const cause = isFull ? 'space' : ofFiles.has(exitCode) ? 'files' : 'connection';
  const [complaint] = complaintsIn(lines);
  return new RsyncError(destination, exitCode, telling, {
    isRefusal,
    sort: ofFiles.has(exitCode) ? cause : 'connection',
    about: complaint?.quoted,
  });
}

function targetOf({ destination }: Rsync): string {
  return destination.endsWith('/') ? destination : `${destination}/`;
}

export function sourceOf({ base }: Rsync): string {
  return base.endsWith('/') ? base : `${base}/`;
}

function numberIn(text: string): number {
  return Number(text.replaceAll(',', ''));
}

/** The other side may say anything, without an end; the longest path, escaped throughout, is shorter. */
const longestLine = 65_536;

/** rsync writes a newline within a name as `\#012`, so a line is a line. What is too long is cut. */
function eachLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.on('data', (chunk: string) => {
    const [first = '', ...others] = chunk.split('\n');
    rest += first.slice(0, longestLine - rest.length);
    for (const next of others) {
      if (rest !== '') onLine(rest);
      rest = next.slice(0, longestLine);
    }
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}

/** A line of `--out-format=%i %l %n`. */
function entryIn(line: string): Entry | undefined {
  const match = /^(\*deleting {2,3}|[<>ch.][fdLDS].{9}) (\d+) (.*)$/.exec(line);
  if (!match) return;
  const [, action = '', size = '0', name = ''] = match;
  // A folder whose time alone differs is no news: it follows from what happened inside.
  if (action.startsWith('.d')) return;
  const isDeletion = action.startsWith('*deleting');
  const isFolder = isDeletion ? name.endsWith('/') : action[1] === 'd';
  return {
    path: unescaped(name).replace(/\/$/, ''),
    bytes: Number(size),
    kind: isFolder ? 'folder' : isDeletion || action[1] === 'f' ? 'file' : 'other',
    isDeletion,
    isCreation: !isDeletion && action.slice(2) === '+++++++++',
    itemised: action,
  };
}

function unescaped(name: string): string {
  const bytes = name.replaceAll(/\\#(\d{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(bytes, 'latin1').toString();
}
