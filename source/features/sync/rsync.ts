import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { RsyncError, RsyncMissingError } from './errors.ts';
import type { Plan } from './pending.ts';

/**
 * rsync, run directly: no shell, so no name can become a word of a command; lists of names on stdin, each ended by a
 * NUL, so that a name may hold a newline or begin with a dash. A file shows up at the target only when it is whole.
 */

/** What a run did: `paths` are relative, as bytes in latin1 where they are not UTF-8. */
export type Copied = {
  readonly files: number;
  readonly bytes: number;
  readonly deleted: number;
  readonly paths: readonly string[];
  /** Names that rsync could not copy this time; undefined where it did not say which. */
  readonly failed: readonly (string | undefined)[];
};

export type Rsync = {
  readonly base: string;
  readonly destination: string;
  readonly signal: AbortSignal;
};

/**
 * Times are compared to the nanosecond: to the second, which is rsync's habit, a file that changed twice within one and
 * kept its size would stay as it was at the target for good.
 */
/** A target that stands still for so long is given up on, and tried again. */
const silentSeconds = 300;
const always = [
  `--timeout=${silentSeconds}`,
  '--archive',
  '--safe-links',
  '--modify-window=-1',
  '--out-format=%i %l %n',
] as const;
/**
 * A batch shows up at once, and what was half copied when the connection broke is gone on with. rsync protects the
 * folder it keeps that in from deletion; a full comparison does without it, and so clears what a killed rsync left.
 */
const delayed = ['--delay-updates', '--partial-dir=.quarterdeck-partial'] as const;
/** Usage, protocol, no such module, socket, shell, remote rsync missing: nothing was spoken about files yet. */
const refusals: ReadonlySet<number> = new Set([1, 2, 4, 5, 10, 14, 126, 127, 255]);
/** Some names failed; some vanished while being copied, which the next batch will tell of. */
const partial = 23;
const vanished = 24;

/** Copies what changed, folders with all they hold, then removes in the swept folders what is gone. */
export async function copyBatch(
  rsync: Rsync,
  { changed, swept }: Pick<Plan, 'changed' | 'swept'>,
  { deletes }: { readonly deletes: boolean },
): Promise<Copied> {
  const lists = [...delayed, '--from0', '--files-from=-'];
  const first =
    changed.length === 0
      ? nothing
      : await run(
          rsync,
          [...lists, '--recursive'],
          changed.map((name) => name || '.'),
        );
  if (!deletes || swept.length === 0) return first;
  // Without recursion, but with a slash behind each name: those folders' own entries are compared, no deeper ones.
  const folders = swept.map((name) => `${name || '.'}/`);
  const second = await run(rsync, [...lists, '--no-recursive', '--dirs', '--delete', '--force'], folders);
  return {
    files: first.files + second.files,
    bytes: first.bytes + second.bytes,
    deleted: second.deleted,
    paths: [...first.paths, ...second.paths],
    failed: [...first.failed, ...second.failed],
  };
}

/** Compares everything; with `deletes`, removes what the base does not have. */
export async function copyAll(rsync: Rsync, { deletes }: { readonly deletes: boolean }): Promise<Copied> {
  return await run(rsync, deletes ? ['--delete', '--force'] : [], undefined);
}

const nothing: Copied = { files: 0, bytes: 0, deleted: 0, paths: [], failed: [] };

async function run(
  { base, destination, signal }: Rsync,
  words: readonly string[],
  names: readonly string[] | undefined,
): Promise<Copied> {
  const source = base.endsWith('/') ? base : `${base}/`;
  const target = destination.endsWith('/') ? destination : `${destination}/`;
  const child = spawn('rsync', [...always, ...words, '--', source, target], {
    stdio: ['pipe', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGTERM',
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
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
  const complaints = Buffer.concat(err).toString().split('\n').filter(Boolean);
  const copied = parseOutput(Buffer.concat(out).toString('latin1'));
  if (exitCode === 0 || exitCode === vanished) return copied;
  if (exitCode === partial) {
    const about = complaints.filter((line) => !/^rsync (error|warning):/.test(line));
    return { ...copied, failed: about.map((line) => nameIn(line, source)) };
  }
  if (exitCode === null) throw new RsyncError(destination, undefined, `by ${ended}`);
  // What a remote shell says comes first; rsync's own last lines only tell that something went wrong.
  const telling = complaints.find((line) => !/^rsync error:|unexpectedly closed/.test(line));
  // A shell that ends before rsync has noticed why leaves it with a protocol failure.
  const isRefusal =
    refusals.has(exitCode) || complaints.some((line) => line.includes('(0 bytes received so far)'));
  throw new RsyncError(destination, exitCode, telling ?? complaints[0] ?? 'it said nothing', isRefusal);
}

/** The path below the base that a complaint is about: the first quoted word, if it is one. */
function nameIn(complaint: string, source: string): string | undefined {
  const quoted = unescaped(/"([^"]*)"/.exec(complaint)?.[1] ?? '');
  return quoted.startsWith(source) ? quoted.slice(source.length) : undefined;
}

/** Lines of `--out-format=%i %l %n`; rsync writes odd bytes of a name as `\#ooo`, so a line is a line. */
function parseOutput(text: string): Copied {
  const paths: string[] = [];
  let files = 0;
  let bytes = 0;
  let deleted = 0;
  for (const line of text.split('\n')) {
    const match = /^(\*deleting {2,3}|\S{11}) (\d+) (.*)$/.exec(line);
    if (!match) continue;
    const [, action = '', size = '0', name = ''] = match;
    // A folder whose time alone differs is no news: it follows from what happened inside.
    if (action.startsWith('.d')) continue;
    paths.push(unescaped(name).replace(/\/$/, ''));
    if (action.startsWith('*deleting')) deleted += 1;
    else {
      files += action[1] === 'f' ? 1 : 0;
      bytes += action[1] === 'f' ? Number(size) : 0;
    }
  }
  return { files, bytes, deleted, paths, failed: [] };
}

function unescaped(name: string): string {
  const bytes = name.replaceAll(/\\#(\d{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(bytes, 'latin1').toString();
}
