import { formatClock } from '../../ui/format.ts';
import { sanitise } from '../../ui/text.ts';
import type { CommandContext } from '../feature.ts';
import { type Entry, isMalformed, type Message } from './message.ts';

/** Messages as commands print them. */

/** Warns of what cannot be read, and leaves it out. */
export function readable({ warn }: CommandContext, entries: readonly Entry[]): Message[] {
  return entries.flatMap((entry) => {
    if (!isMalformed(entry)) return [entry];
    warn(`Skipped message ${entry.id}, which is malformed: ${JSON.stringify(entry.malformed)}`);
    return [];
  });
}

export function line({ at, sender, message }: Message): string {
  return `${stamp(at)}  ${sanitise(sender)}  ${sanitise(message)}`;
}

/** `2026-11-20 15:53`, local time. */
export function stamp(at: number): string {
  const date = new Date(at);
  const parts = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  return `${parts.map((part) => String(part).padStart(2, '0')).join('-')} ${formatClock(at)}`;
}
