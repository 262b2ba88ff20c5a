import { runShell } from '../../../system/run-shell.ts';
import type { Message } from '../layout.ts';

export type ExecOptions = {
  readonly command: string;
  readonly topic: string;
  readonly signal: AbortSignal;
  /** What the command prints. */
  readonly onStdout: (bytes: Uint8Array) => Promise<void>;
  readonly onStderr: (line: string) => void;
};

/**
 * Runs a shell command for one message: the message on stdin, `TOPIC`, `MESSAGE_ID` and `MESSAGE_AT` (epoch ms) in
 * the environment. Resolves when it exited with 0; rejects with what went wrong otherwise, also when the signal
 * ended it. Nothing that it started in its process group outlives a rejection by more than a few seconds.
 */
export async function runExec(message: Message, options: ExecOptions): Promise<void> {
  const { command, topic, signal, onStdout, onStderr } = options;
  const { code, text } = await runShell(command, {
    env: { TOPIC: topic, MESSAGE_ID: String(message.id), MESSAGE_AT: String(message.at ?? '') },
    input: [message.message],
    signal,
    onStdout,
    onStderr,
  });
  if (code !== 0) throw new Error(`\`${command}\` ${text}`);
}
