import { PassThrough } from 'node:stream';
import { readArguments } from '../../source/cli/arguments.ts';
import { runBatch } from '../../source/cli/batch.ts';
import { reportFailure } from '../../source/cli/failure.ts';
import { readConfig } from '../../source/config.ts';
import { printFrame } from '../../source/console/print-frame.tsx';
import type { Run } from './cli.ts';

const exitCodes = { usage: 2, connection: 3, data: 4, program: 5, bug: 70 } as const;

type HereOptions = {
  readonly url?: string;
  readonly isTerminal?: boolean;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What a signal aborts. */
  readonly ended?: AbortSignal;
};

/**
 * Runs a command in this process, for what has to be run thousands of times. `cli.tsx` is not part of it: whatever
 * that does is tested with the built file.
 */
export async function runHere(
  words: readonly string[],
  { url, isTerminal = false, stdin = '', env = {}, ended = new AbortController().signal }: HereOptions = {},
): Promise<Run> {
  const streams = {
    stdin: Object.assign(new PassThrough().end(stdin), { isTTY: false }),
    stdout: Object.assign(new PassThrough(), { isTTY: isTerminal }),
    stderr: Object.assign(new PassThrough(), { isTTY: isTerminal }),
  };
  const chunks: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  streams.stdout.on('data', (chunk: Buffer) => chunks.stdout.push(chunk));
  streams.stderr.on('data', (chunk: Buffer) => chunks.stderr.push(chunk));
  let code: number;
  try {
    const invocation = await readArguments(words);
    if (invocation.name !== 'command') throw new Error(`Expected a command, got ${invocation.name}`);
    const { path, command, raw, globals } = invocation;
    code = await runBatch(path, command, raw, {
      config: readConfig(globals, {
        USER: 'tester',
        XDG_CONFIG_HOME: '/nonexistent',
        ...(url !== undefined && { QUARTERDECK_URL: url }),
        ...env,
      }),
      streams,
      ended,
      printFrame,
    });
  } catch (error) {
    const failure = reportFailure(error, {
      stderr: streams.stderr,
      json: words.includes('--json'),
      debug: words.includes('--debug'),
    });
    code = exitCodes[failure.kind];
  }
  return {
    code,
    stdout: Buffer.concat(chunks.stdout).toString(),
    stderr: Buffer.concat(chunks.stderr).toString(),
  };
}
