import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { endGroup } from './process-group.ts';

/**
 * The one way to run a shell command: `--exec`, `--before`, `--password-command` and the guard of `lock run`.
 *
 * The command leads a process group of its own, so that whatever it starts can be ended with it. Text from Redis or
 * from files never becomes a word of the command: it goes to standard input or into the environment.
 */

export type ShellOptions = {
  readonly cwd?: string;
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the command and all of its group: SIGTERM, a grace, SIGKILL. The call then rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds between SIGTERM and SIGKILL; 5000 unless given. */
  readonly graceMs?: number;
  /**
   * Standard input, which ends with it. A command that closes its input early is not fed any further, but the input is
   * read to its end. What it throws ends the command, for the end of its input would look like the end of the data.
   */
  readonly input?: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;
  /** Takes standard output, one piece after the other is done with; without it, output is thrown away. */
  readonly onStdout?: (bytes: Uint8Array) => unknown;
  /** Takes standard error by lines, cut at 10,000 characters; without it, they go where ours go. */
  readonly onStderr?: (line: string) => void;
};

export type ShellEnd = {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  /** Such as `exited with 3` or `was ended by SIGKILL`. */
  readonly text: string;
};

const longestLine = 10_000;

/**
 * Runs `sh -c COMMAND` and resolves once it has ended and its output was taken. Unless it exited with 0, nothing that it
 * started in its group outlives the call by more than the grace.
 * @throws the reason of `signal`; whatever `input` or `onStdout` throw; why the shell could not be started
 */
export async function runShell(command: string, options: ShellOptions = {}): Promise<ShellEnd> {
  const { signal, graceMs = 5000, input = [], onStdout, onStderr, ...place } = options;
  signal?.throwIfAborted();
  const child = spawnShell(command, {
    ...place,
    stdio: ['pipe', onStdout ? 'pipe' : 'ignore', onStderr ? 'pipe' : 'inherit'],
  });
  let ending: Promise<void> | undefined;
  const over = new AbortController();
  const end = (): void => {
    over.abort();
    if (child.pid !== undefined) ending ??= endGroup(child.pid, graceMs);
  };
  signal?.addEventListener('abort', end, { once: true });
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  // It may fail before anybody waits for it.
  closed.catch(() => {});
  try {
    const [[code, endedBy]] = await Promise.all([
      closed,
      child.stdin && feed(child.stdin, input, closed, over.signal),
      child.stdout && onStdout && take(child.stdout, onStdout),
      child.stderr && onStderr && eachLine(child.stderr, onStderr),
    ]);
    signal?.throwIfAborted();
    if (code !== 0) end();
    return { code: code ?? undefined, signal: endedBy ?? undefined, text: textOfEnd(code, endedBy) };
  } catch (error) {
    end();
    throw error;
  } finally {
    signal?.removeEventListener('abort', end);
    await ending;
  }
}

/**
 * Starts `/bin/sh -c SCRIPT` as the leader of a new process group (and session), with `words` as `$1`, `$2`, ...
 * For whoever needs the process itself; `runShell` is for everybody else.
 */
export function spawnShell(
  script: string,
  {
    words = [],
    cwd,
    env,
    stdio,
  }: {
    readonly words?: readonly string[];
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly stdio: StdioOptions;
  },
): ChildProcess {
  return spawn('/bin/sh', ['-c', script, 'quarterdeck', ...words], {
    ...(cwd !== undefined && { cwd }),
    // biome-ignore lint/style/noProcessEnv: the command inherits the environment, it is not read here
    ...(env && { env: { ...process.env, ...env } }),
    stdio,
    detached: true,
  });
}

async function feed(
  stdin: Writable,
  input: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
  closed: Promise<unknown>,
  over: AbortSignal,
): Promise<void> {
  // Who has seen enough closes its input: that is no failure.
  stdin.on('error', () => {});
  for await (const piece of input) {
    if (over.aborted) return;
    if (!stdin.writable || stdin.write(piece)) continue;
    await Promise.race([once(stdin, 'drain'), once(stdin, 'close'), closed]).catch(() => {});
  }
  stdin.end();
}

async function take(stdout: Readable, onStdout: (bytes: Uint8Array) => unknown): Promise<void> {
  for await (const bytes of stdout) await onStdout(bytes as Uint8Array);
}

async function eachLine(stderr: Readable, onLine: (line: string) => void): Promise<void> {
  let rest = '';
  for await (const piece of stderr.setEncoding('utf8')) {
    const lines = (rest + (piece as string)).split('\n');
    rest = (lines.pop() ?? '').slice(0, longestLine);
    for (const line of lines) onLine(line.slice(0, longestLine));
  }
  if (rest !== '') onLine(rest);
}

function textOfEnd(code: number | null, signal: NodeJS.Signals | null): string {
  return code === null ? `was ended by ${signal}` : `exited with ${code}`;
}
