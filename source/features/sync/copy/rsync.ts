import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { RsyncError, RsyncMissingError } from '../errors.ts';

/**
 * rsync, run directly: no shell, so no name can become a word of a command; lists of names on stdin, each ended by a
 * NUL, so that a name may hold a newline or begin with a dash. What it says is read line by line and not kept: a first
 * copy tells of every file.
 */

/** What a run did. */
export type Copied = {
  readonly files: number;
  readonly bytes: number;
  readonly deleted: number;
  /** Names that rsync could not copy this time; undefined where it did not say which. */
  readonly failed: readonly (string | undefined)[];
};

export type Rsync = {
  readonly base: string;
  readonly destination: string;
  readonly signal: AbortSignal;
};

/** A target that stands still for so long is given up on, and tried again. */
const silentSeconds = 300;
/**
 * Times are compared to the nanosecond: to the second, which is rsync's habit, a file that changed twice within one and
 * kept its size would stay as it was at the target for good.
 */
const always = [
  `--timeout=${silentSeconds}`,
  '--archive',
  '--safe-links',
  '--modify-window=-1',
  '--out-format=%i %l %n',
] as const;
/** Usage, protocol, no such module, socket, shell, remote rsync missing: nothing was spoken about files yet. */
const refusals: ReadonlySet<number> = new Set([1, 2, 4, 5, 10, 14, 126, 127, 255]);
/** Some names failed; some vanished while being copied, which the next batch will tell of. */
const partial = 23;
const vanished = 24;
/** Of more complaints than these only their number matters. */
const mostComplaints = 10_000;

/** @param onPath told of each path that was copied or removed, as bytes in latin1 where it is not UTF-8 */
export async function runRsync(
  { base, destination, signal }: Rsync,
  words: readonly string[],
  names: readonly string[] | undefined,
  onPath?: (changed: string) => void,
): Promise<Copied> {
  const source = base.endsWith('/') ? base : `${base}/`;
  const target = destination.endsWith('/') ? destination : `${destination}/`;
  const child = spawn('rsync', [...always, ...words, '--', source, target], {
    stdio: ['pipe', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGTERM',
  });
  const told = { files: 0, bytes: 0, deleted: 0 };
  let isDeletionSkipped = false;
  eachLine(child.stdout.setEncoding('latin1'), (line) => {
    const entry = parseLine(line);
    // Said among the names: a folder could not be read, so that nothing is removed, there or elsewhere.
    isDeletionSkipped ||= !entry && line.includes('skipping file deletion');
    if (!entry) return;
    told.files += entry.isFile ? 1 : 0;
    told.bytes += entry.isFile ? entry.bytes : 0;
    told.deleted += entry.isDeletion ? 1 : 0;
    onPath?.(entry.path);
  });
  const complaints: string[] = [];
  let isCut = false;
  eachLine(child.stderr.setEncoding('utf8'), (line) => {
    if (complaints.length < mostComplaints) complaints.push(line);
    else isCut = true;
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
  }
  signal.throwIfAborted();
  if (exitCode === 0 || exitCode === vanished) return { ...told, failed: [] };
  if (exitCode === partial) {
    const about = complaints.filter((line) => !/^rsync (error|warning):/.test(line));
    const failed = about.map((line) => nameIn(line, source));
    return { ...told, failed: isCut || isDeletionSkipped ? [...failed, undefined] : failed };
  }
  if (exitCode === null) throw new RsyncError(destination, undefined, `by ${ended}`);
  // What a remote shell says comes first; rsync's own last lines only tell that something went wrong.
  const telling = complaints.find((line) => !/^rsync error:|unexpectedly closed/.test(line));
  // A shell that ends before rsync has noticed why leaves it with a protocol failure.
  const isRefusal =
    refusals.has(exitCode) || complaints.some((line) => line.includes('(0 bytes received so far)'));
  throw new RsyncError(destination, exitCode, telling ?? complaints[0] ?? 'it said nothing', isRefusal);
}

/** rsync writes a newline within a name as `\#012`, so a line is a line. */
function eachLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') onLine(line);
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}

/**
 * The path below the base that a complaint is about: what it quotes, if it is one. Where a name itself holds a quote,
 * its end is anybody's guess.
 */
function nameIn(complaint: string, source: string): string | undefined {
  const inTheWay = /^could not make way for [a-z ]+: (.*)$/.exec(complaint)?.[1];
  if (inTheWay !== undefined) return unescaped(Buffer.from(inTheWay).toString('latin1'));
  const quoted = unescaped(Buffer.from(/"(.*)"/.exec(complaint)?.[1] ?? '').toString('latin1'));
  return quoted.startsWith(source) && !quoted.includes('"') ? quoted.slice(source.length) : undefined;
}

type Line = {
  readonly path: string;
  readonly bytes: number;
  readonly isFile: boolean;
  readonly isDeletion: boolean;
};

/** A line of `--out-format=%i %l %n`. */
function parseLine(line: string): Line | undefined {
  const match = /^(\*deleting {2,3}|\S{11}) (\d+) (.*)$/.exec(line);
  if (!match) return;
  const [, action = '', size = '0', name = ''] = match;
  // A folder whose time alone differs is no news: it follows from what happened inside.
  if (action.startsWith('.d')) return;
  return {
    path: unescaped(name).replace(/\/$/, ''),
    bytes: Number(size),
    isFile: action[1] === 'f',
    isDeletion: action.startsWith('*deleting'),
  };
}

function unescaped(name: string): string {
  const bytes = name.replaceAll(/\\#(\d{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(bytes, 'latin1').toString();
}
