import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

/** Runs the built command line as a script would: no terminal, its own environment. */
export type Run = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type CliOptions = {
  /** The server; omitted, the command gets the default URL. */
  readonly url?: string;
  readonly stdin?: string | Buffer;
  /** An open file instead of a pipe. */
  readonly stdinFd?: number;
  readonly stdoutFd?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
};

/** Starts a command; stdin stays open unless given. */
export function start(
  words: readonly string[],
  { url, stdin, stdinFd, stdoutFd, env = {}, cwd }: CliOptions = {},
): ChildProcess {
  const child = spawn(process.execPath, [cliFile, ...words], {
    cwd,
    env: {
      PATH: process.env.PATH,
      HOME: tmpdir(),
      USER: 'tester',
      XDG_CONFIG_HOME: '/nonexistent',
      ...(url !== undefined && { QUARTERDECK_URL: url }),
      ...env,
    },
    stdio: [stdinFd ?? 'pipe', stdoutFd ?? 'pipe', 'pipe'],
  });
  // A command that ended without reading all of its input closes the pipe: its business, not the test's.
  child.stdin?.on('error', () => {});
  if (stdin !== undefined) child.stdin?.end(stdin);
  return child;
}

/** Runs a command to its end, with empty stdin unless given. */
export async function run(words: readonly string[], options: CliOptions = {}): Promise<Run> {
  return await finished(start(words, { stdin: '', ...options }));
}

/** Waits for a started command's end and collects what it printed from now on. */
export async function finished(child: ChildProcess): Promise<Run> {
  const chunks: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  child.stdout?.on('data', (chunk: Buffer) => chunks.stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.stderr.push(chunk));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return {
    code: code ?? (signal === 'SIGKILL' ? 137 : -1),
    stdout: Buffer.concat(chunks.stdout).toString(),
    stderr: Buffer.concat(chunks.stderr).toString(),
  };
}

/** The last JSON error line of a run with `--json`. */
export function errorOf({ stderr }: Run): { code: string; message: string; hint?: string } {
  const line = stderr.trim().split('\n').at(-1) ?? '';
  return (JSON.parse(line) as { error: { code: string; message: string; hint?: string } }).error;
}

const cliFile = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** Ends a command with SIGKILL, unless it has ended; resolves once it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
