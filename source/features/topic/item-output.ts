import { formatClockSeconds } from '../../ui/format.ts';
import type { CommandContext } from '../feature.ts';
import { type Item, isGap, type Message } from './layout.ts';
import { runExec } from './subscriber/exec.ts';

export async function runFor(
  context: CommandContext,
  message: Message,
  command: string,
  topicName: string,
): Promise<void> {
  await runExec(message, {
    command,
    topic: topicName,
    signal: context.signal,
    // With --json stdout is for JSON alone.
    onStdout: async (bytes) =>
      context.config.json ? context.warn(Buffer.from(bytes).toString().trimEnd()) : context.write(bytes),
    onStderr: (line) => context.warn(line),
  });
}

export function itemLine(item: Item): string {
  if (isGap(item)) {
    const { from, to, reason } = item.gap;
    const why =
      reason === undefined ? 'were removed by retention before they were read' : `are left out: ${reason}`;
    return `gap: messages ${from} to ${to} ${why}`;
  }
  return `${item.id}  ${item.at === null ? '-' : formatClockSeconds(item.at)}  ${item.message}`;
}
