import { RsyncError } from '../errors.ts';
import { type Complaint, complaintsIn, pathBelow, reasonFor } from './complaints.ts';
import { type Copied, type Failure, nothingCopied, withEntry } from './copied.ts';
import { atMostDeleted, type Entry, execute, type Rsync, sourceOf, vanished } from './execute.ts';

/**
 * What a run of rsync did, and what of it failed.
 *
 * What it lists are intentions: a file that the target refused is listed like one that arrived. So a run that did not
 * end well is followed by a dry run of the same, and what that one still lists has failed.
 */

/** What a run would do. */
export type Differences = {
  /** The first hundred thousand. */
  readonly entries: readonly Entry[];
  /** How much it would be, however much it is. */
  readonly sum: Copied;
  /** Everything below the base but folders. */
  readonly filesAtBase: number;
};

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

/** The path of a complaint that a name of the list is not there any more. */
function goneIn(source: string, complaint: Complaint): string | undefined {
  if (!/^link_stat ".*" failed: No such file or directory/.test(complaint.text)) return;
  return pathBelow(source, complaint);
}
