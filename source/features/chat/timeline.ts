import { formatClock, formatCount } from '../../ui/format.ts';
import { sanitise } from '../../ui/text.ts';
import type { AuditedAct } from '../feature.ts';
import { isMalformed } from './message.ts';
import type { Pin } from './room/pins.ts';
import type { history, RoomFigures } from './room/rooms.ts';

/** What is known of an incident by its room: messages, pins and acts in their order, and what is not known. */
export type Happening =
  | {
      readonly kind: 'message' | 'pin';
      readonly at: number;
      readonly id: number;
      readonly sender: string;
      readonly text: string;
    }
  | { readonly kind: 'act'; readonly at: number; readonly sender: string; readonly text: string };

/** The newest of those that are stored. */
export const mostMessages = 500;

export type Sources = {
  readonly room: RoomFigures;
  readonly entries: Awaited<ReturnType<typeof history>>;
  readonly pins: readonly Pin[];
  readonly acts: readonly AuditedAct[];
  /** Epoch ms; undefined: since the beginning. */
  readonly sinceMs: number | undefined;
};

/** Oldest first. Pins are all in it, however old. */
export function happenings({ entries, pins, acts, sinceMs = 0 }: Sources): readonly Happening[] {
  const said = entries.flatMap((entry): Happening[] => {
    if (isMalformed(entry) || entry.at < sinceMs) return [];
    return [{ kind: 'message', at: entry.at, id: entry.id, sender: entry.sender, text: entry.message }];
  });
  const pinned = pins.flatMap(({ entry }): Happening[] => {
    if (isMalformed(entry)) return [];
    return [{ kind: 'pin', at: entry.at, id: entry.id, sender: entry.sender, text: entry.message }];
  });
  const done = acts
    .filter(({ atMs }) => atMs >= sinceMs)
    .map(({ atMs, operator, command, outcome, answer }): Happening => {
      return {
        kind: 'act',
        at: atMs,
        sender: operator,
        text: `${command}: ${outcome}${answer === '' ? '' : `, ${answer}`}`,
      };
    });
  return [...pinned, ...said, ...done].toSorted((a, b) => a.at - b.at);
}

/** What is not in it, in sentences. */
export function gaps({ room, entries, pins }: Sources, hasActs: boolean): readonly string[] {
  const removed = room.lastId - room.messages;
  const unread = room.messages - entries.length;
  const malformed =
    entries.filter(isMalformed).length + pins.filter(({ entry }) => isMalformed(entry)).length;
  return [
    ...(removed > 0
      ? [
          `${formatCount(removed)} of ${formatCount(room.lastId)} messages are not stored any more: every member has seen them`,
        ]
      : []),
    ...(unread > 0
      ? [
          `Only the newest ${formatCount(entries.length)} of ${formatCount(room.messages)} stored messages were read`,
        ]
      : []),
    ...(malformed > 0 ? [`${formatCount(malformed)} malformed messages were left out`] : []),
    hasActs
      ? 'Acts are those from consoles of this user on this machine; those of others are known only where they were posted in the room'
      : 'Acts are known only where they were posted in the room',
    'Changes of what needs somebody are not kept in Redis; `:changes` of an open console lists those of the last hour',
  ];
}

/** Markdown, in which nothing that others wrote begins a heading, a link or a line. */
export function markdown(sources: Sources, hasActs: boolean): readonly string[] {
  const all = happenings(sources);
  const pins = all.filter(({ kind }) => kind === 'pin');
  const lines = [`# Timeline of ${escaped(sources.room.room)}`, ''];
  if (pins.length > 0)
    lines.push('## Pinned', '', ...pins.map((pin) => `- ${dayOf(pin.at)} ${lineOf(pin)}`), '');
  let day = '';
  for (const one of all) {
    if (one.kind === 'pin') continue;
    const own = dayOf(one.at);
    if (own !== day) lines.push(...(day === '' ? [] : ['']), `## ${own}`, '');
    day = own;
    lines.push(`- ${lineOf(one)}`);
  }
  if (day === '') lines.push('Nothing is stored of what was said or done.');
  return [...lines, '', '## Not in it', '', ...gaps(sources, hasActs).map((text) => `- ${text}`)];
}

function lineOf({ kind, at, sender, text }: Happening): string {
  const what = kind === 'act' ? `ran ${escaped(text)}` : escaped(text);
  return `${formatClock(at)} **${escaped(sender)}** ${what}`;
}

/** `_` within a word stays, as in addresses. What strikes out, is set as a formula or stands for a letter is escaped too. */
function escaped(text: string): string {
  return sanitise(text).replaceAll(/[\\`*[\]<>~$&#]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, String.raw`\$&`);
}

/** `2026-11-29 +01:00`, local time. */
function dayOf(atMs: number): string {
  const at = new Date(atMs);
  const minutes = -at.getTimezoneOffset();
  const [sign, size] = [minutes < 0 ? '-' : '+', Math.abs(minutes)];
  const two = (value: number): string => String(value).padStart(2, '0');
  const zone = `${sign}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${zone}`;
}
