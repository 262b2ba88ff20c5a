import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { endGroup } from '../../system/process-group.ts';
import type { Message } from './layout.ts';

export type ExecOptions = {
  readonly command: string;
  readonly topic: string;
  readonly signal: AbortSignal;
  /** What the command prints. */
  readonly onStdout: (bytes: Uint8Array) => Promise<void>;
  readonly onStderr: (line: string) => void;
};

const killAfterMs = 5000;

/**
 * Runs a shell command for one message: the message on stdin, `TOPIC`, `MESSAGE_ID` and `MESSAGE_AT` (epoch ms) in
 * the environment. Resolves when it exited with 0; rejects with what went wrong otherwise, also when the signal
 * ended it. Nothing that it started in its process group outlives a rejection by more than a few seconds.
 */
export async function runExec(message: Message, options: ExecOptions): Promise<void> {
  const { command, topic, signal, onStdout, onStderr } = options;
  const child = spawn('/bin/sh', ['-c', command], {
    env: {
      // biome-ignore lint/style/noProcessEnv: the command inherits the environment, it is not read here
      ...process.env,
      TOPIC: topic,
      MESSAGE_ID: String(message.id),
      MESSAGE_AT: String(message.at ?? ''),
    },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A group of its own: what the shell started would outlive it, and keep our pipes open.
    detached: true,
  });
  let ending: Promise<void> | undefined;
  const stop = (): void => {
    if (child.pid !== undefined) ending ??= endGroup(child.pid, killAfterMs);
  };
  signal.addEventListener('abort', stop, { once: true });
  // A command need not read its message.
  child.stdin.on('error', () => {});
  child.stdin.end(message.message);
  let errorText = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const lines = (errorText + text).split('\n');
    errorText = (lines.pop() ?? '').slice(-10_000);
    for (const line of lines) onStderr(line);
  });
  try {
    const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    for await (const bytes of child.stdout) await onStdout(bytes as Uint8Array);
    const [code, endedBy] = await closed;
    if (errorText !== '') onStderr(errorText);
    if (endedBy) throw new Error(`\`${command}\` was ended by ${endedBy} (${constants.signals[endedBy]})`);
    if (code !== 0) throw new Error(`\`${command}\` exited with ${code}`);
  } catch (error) {
    stop();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    await ending;
  }
}
