import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { RsyncError, RsyncMissingError } from '../errors.ts';
import { markerName } from './base.ts';
import { type Complaint, complaintsIn, pathBelow, reasonFor } from './complaints.ts';

/**
 * rsync, run directly: no shell, so no name can become a word of a command; lists of names on stdin, each ended by a
 * NUL, so that a name may hold a newline or begin with a dash. What it says is read line by line and not kept: a first
 * copy lists every file.
 *
 * What it lists are intentions: a file that the target refused is listed like one that arrived. So a run that did not
 * end well is followed by a dry run of the same, and what that one still lists has failed.
 */

export type Rsync = {
  readonly base: string;
  readonly destination: string;
  readonly signal: AbortSignal;
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

/** What a run did. */
export type Copied = {
  readonly files: number;
  readonly bytes: number;
  /** Of everything but folders: what was not at the target before. */
  readonly created: number;
  /** Entries, folders included. */
  readonly deleted: number;
  readonly deletedFiles: number;
  /** Symlinks that lead out of the base: never copied. */
  readonly leftOut: number;
  readonly failed: readonly Failure[];
  /** Complaints that concern no file, such as the times of a folder that belongs to somebody else. */
  readonly warnings: readonly string[];
};

export type Failure = {
  /** Undefined where rsync did not say which. */
  readonly path: string | undefined;
  readonly reason: string;
};

export const nothingCopied: Copied = {
  files: 0,
  bytes: 0,
  created: 0,
  deleted: 0,
  deletedFiles: 0,
  leftOut: 0,
  failed: [],
  warnings: [],
};

export function together(one: Copied, other: Copied): Copied {
  return {
    files: one.files + other.files,
    bytes: one.bytes + other.bytes,
    created: one.created + other.created,
    deleted: one.deleted + other.deleted,
    deletedFiles: one.deletedFiles + other.deletedFiles,
    leftOut: one.leftOut + other.leftOut,
    failed: [...one.failed, ...other.failed],
    warnings: [...one.warnings, ...other.warnings],
  };
}

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

/** What a run would do. */
export type Differences = {
  /** The first hundred thousand. */
  readonly entries: readonly Entry[];
  /** How much it would be, however much it is. */
  readonly sum: Copied;
  /** Everything below the base but folders. */
  readonly filesAtBase: number;
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
const vanished = 24;
const atMostDeleted = 25;
/** Reading or writing files, memory for their names: others may be copied all the same. */
const ofFiles: ReadonlySet<number> = new Set([3, 11, 13, 22]);
/** Of more complaints than these only their number matters. */
const mostComplaints = 10_000;
/** Of more entries than these only their number is kept. */
const mostEntries = 100_000;

/**
 * @param onPath called with each path that is copied or removed
 * @throws {RsyncError | RsyncMissingError}
 */
export async function runRsync(
  rsync: Rsync,
  words: readonly string[],
  names: readonly string[] | undefined,
  onPath?: (changed: string) => void,
): Promise<Copied> {
  const listed = new Map<string, Entry>();
  let copied = nothingCopied;
  const running = execute(rsync, words, names, {
    onEntry(entry) {
      copied = withEntry(copied, entry);
      if (listed.size < mostEntries) listed.set(entry.path, entry);
      onPath?.(entry.path);
    },
    onLeftOut() {
      copied = { ...copied, leftOut: copied.leftOut + 1 };
    },
  });
  const { exitCode, lines, isDeletionSkipped } = await running.catch((error: unknown) => {
    // Until then it may have done much of it; what is left to do says how much.
    if (error instanceof RsyncError) intended.set(error, { listed, copied });
    throw error;
  });
  if (exitCode === 0 || exitCode === vanished || exitCode === atMostDeleted) return copied;
  const complaints = complaintsIn(lines);
  const gone = complaints.map((complaint) => goneIn(sourceOf(rsync), complaint));
  const skipped: Failure[] = isDeletionSkipped
    ? [{ path: undefined, reason: 'nothing was removed, for something could not be read' }]
    : [];
  // What vanished before it was read: whoever asked for it looks at the folder it was in.
  const vanishedFailures = gone.flatMap((path, index) =>
    path === undefined ? [] : [{ path, reason: complaints[index]?.text ?? '' }],
  );
  const others = complaints.filter((_, index) => gone[index] === undefined);
  if (others.length === 0) return { ...copied, failed: [...vanishedFailures, ...skipped] };
  return settled(copied, {
    listed,
    left: await differences(
      rsync,
      words.filter((word) => !staging.has(word)),
      names,
    ),
    others,
    earlier: [...vanishedFailures, ...skipped],
    source: sourceOf(rsync),
  });
}

const intended = new WeakMap<
  RsyncError,
  { readonly listed: ReadonlyMap<string, Entry>; readonly copied: Copied }
>();

/** What a run had done when it failed, given what is still to be done. */
export function doneBefore(error: RsyncError, { entries }: Differences): Copied {
  const { listed, copied } = intended.get(error) ?? {
    listed: new Map<string, Entry>(),
    copied: nothingCopied,
  };
  return without(copied, listed, entries);
}

/** Takes back what was listed and is still to be done. */
function without(copied: Copied, listed: ReadonlyMap<string, Entry>, left: readonly Entry[]): Copied {
  let confirmed = copied;
  for (const { path } of left) {
    const entry = listed.get(path);
    if (entry) confirmed = withEntry(confirmed, entry, -1);
  }
  return confirmed;
}

/** Ways of writing that mean nothing where nothing is written. */
const staging: ReadonlySet<string> = new Set(['--delay-updates', '--partial-dir=.quarterdeck-partial']);

/** What was done, and what of it failed, once a dry run has listed what is still to be done. */
function settled(
  copied: Copied,
  {
    listed,
    left: { entries },
    others,
    earlier,
    source,
  }: {
    readonly listed: ReadonlyMap<string, Entry>;
    readonly left: Differences;
    readonly others: readonly Complaint[];
    readonly earlier: readonly Failure[];
    readonly source: string;
  },
): Copied {
  const confirmed = without(copied, listed, entries);
  const failing = outermost(entries).map(({ path }) => ({ path, reason: reasonFor(path, others) }));
  // What stands in the way of a file is complained of, but not listed.
  const isListed = new Set(failing.map(({ path }) => path));
  for (const complaint of others) {
    const path = pathBelow(source, complaint);
    if (path === undefined || isListed.has(path) || isBelow(path, isListed)) continue;
    isListed.add(path);
    failing.push({ path, reason: complaint.text });
  }
  const reasons = new Set(failing.map(({ reason }) => reason));
  return {
    ...confirmed,
    failed: [...earlier, ...failing],
    warnings: others.map(({ text }) => text).filter((text) => !reasons.has(text)),
  };
}

/** Without what lies below a folder that is itself missing. */
function outermost(entries: readonly Entry[]): readonly Entry[] {
  const folders = new Set(
    entries.filter(({ kind, isDeletion }) => kind === 'folder' && !isDeletion).map(({ path }) => path),
  );
  return entries.filter(({ path, isDeletion }) => isDeletion || !isBelow(path, folders));
}

function isBelow(path: string, folders: ReadonlySet<string>): boolean {
  const parts = path.split('/');
  return parts.some((_, depth) => depth > 0 && folders.has(parts.slice(0, depth).join('/')));
}

function withEntry(copied: Copied, { kind, bytes, isDeletion, isCreation }: Entry, times = 1): Copied {
  const isFile = kind === 'file' && !isDeletion;
  return {
    ...copied,
    files: copied.files + (isFile ? times : 0),
    bytes: copied.bytes + (isFile ? bytes * times : 0),
    created: copied.created + (isCreation && kind !== 'folder' ? times : 0),
    deleted: copied.deleted + (isDeletion ? times : 0),
    deletedFiles: copied.deletedFiles + (isDeletion && kind !== 'folder' ? times : 0),
  };
}

/**
 * What the same words would do now; nothing is changed.
 * @throws {RsyncError | RsyncMissingError}
 */
export async function differences(
  rsync: Rsync,
  words: readonly string[],
  names: readonly string[] | undefined,
): Promise<Differences> {
  const entries: Entry[] = [];
  let sum = nothingCopied;
  let filesAtBase = 0;
  await execute(rsync, ['--dry-run', '--stats', ...words], names, {
    onEntry(entry) {
      sum = withEntry(sum, entry);
      if (entries.length < mostEntries) entries.push(entry);
    },
    onStatistic(name, all, folders) {
      if (name === 'Number of files') filesAtBase = all - folders;
    },
  });
  return { entries, sum, filesAtBase };
}

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
async function execute(
  rsync: Rsync,
  words: readonly string[],
  names: readonly string[] | undefined,
  { onEntry, onLeftOut, onStatistic }: Listeners,
): Promise<Executed> {
  const { destination, signal, preserve = [] } = rsync;
  const target = destination.endsWith('/') ? destination : `${destination}/`;
  const more = preserve.map((each) => preserving[each]);
  const child = spawn('rsync', [...always, ...more, ...words, '--', sourceOf(rsync), target], {
    stdio: ['pipe', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGTERM',
  });
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
    if (lines.length < mostComplaints) lines.push(line);
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

function sourceOf({ base }: Rsync): string {
  return base.endsWith('/') ? base : `${base}/`;
}

/** The path of a complaint that a name of the list is not there any more. */
function goneIn(source: string, complaint: Complaint): string | undefined {
  if (!/^link_stat ".*" failed: No such file or directory/.test(complaint.text)) return;
  return pathBelow(source, complaint);
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
