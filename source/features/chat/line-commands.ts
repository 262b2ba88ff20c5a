import type { LineCommand } from '../feature.ts';
import { isMalformed } from './message.ts';
import { type ChatSlice, chosenEntry, isPinned } from './state.ts';

/** What a line that begins with `/` does instead of being sent: `/me`, `/pin`, `/unpin`, `/pins`, `/timeline`, `/who`. */

const line = /^\/([\p{L}\p{N}_-]+)(?:\s+(.*))?$/su;

export const lineCommands = ['/me', '/pin', '/pins', '/timeline', '/unpin', '/who'] as const;

/** Undefined: the text is a message, such as `/var/log is full`. A slash more sends a line that would be a command. */
export function lineCommand(slice: ChatSlice, typed: string): LineCommand | undefined {
  const [, word = '', rest = ''] = line.exec(typed) ?? [];
  if (word === '') return;
  const room = slice.selected ?? '';
  const argument = rest.trim();
  const make = Object.hasOwn(made, word) ? made[word] : undefined;
  if (make) return make(slice, room, argument);
  return {
    refusal: `There is no \`/${word}\`: known are ${lineCommands.join(', ')}; a slash more (\`//${word}\`) sends the text`,
  };
}

/** The text that is sent: `* ada waves` for `/me waves`, `/x` for `//x`. */
export function textOf({ operator }: ChatSlice, typed: string): string {
  const [, action] = /^\/me\s+(.*)$/s.exec(typed) ?? [];
  if (action !== undefined) return `* ${operator} ${action}`;
  const text = typed.startsWith('//') ? typed.slice(1) : typed;
  // A lone `-` would ask for stdin.
  return text === '-' ? '- ' : text;
}

type Make = (slice: ChatSlice, room: string, argument: string) => LineCommand | undefined;

const made: Readonly<Record<string, Make>> = {
  me: (_slice, _room, action) =>
    action === '' ? { refusal: 'Say what you do: /me looks at the disk' } : undefined,
  pin: (slice, room, id) =>
    withMessage(slice, id, (number) => ({ path: 'chat pin', input: pinInput(slice, number, room) })),
  unpin: (slice, room, id) =>
    withMessage(slice, id, (number) => ({
      path: 'chat unpin',
      input: { room, id: number, as: slice.operator },
    })),
  pins: (_slice, room) => ({ path: 'chat pins', input: { room }, shows: true }),
  timeline: (_slice, room) => ({ path: 'chat timeline', input: { room }, shows: true }),
  who: (_slice, room) => ({ path: 'chat who', input: { room }, shows: true }),
};

function withMessage(slice: ChatSlice, id: string, act: (id: number) => LineCommand): LineCommand {
  if (id !== '' && !/^\d{1,15}$/.test(id))
    return { refusal: `Expected the number of a message, got \`${id}\`` };
  const number = id === '' ? chosenEntry(slice)?.id : Number(id);
  return number === undefined ? { refusal: 'There is no message' } : act(number);
}

/** With the message as it stands here, as Redis may have removed it meanwhile. */
export function pinInput(
  slice: ChatSlice,
  id: number,
  room = slice.selected ?? '',
): Readonly<Record<string, unknown>> {
  const { entries = [] } = Object.hasOwn(slice.histories, room) ? (slice.histories[room] ?? {}) : {};
  const entry = entries.find((one) => one.id === id);
  const copy = entry && !isMalformed(entry) && { at: entry.at, sender: entry.sender, message: entry.message };
  return { room, id, as: slice.operator, ...(copy && { copy }) };
}

/** `P` takes a pin away where there is one. */
export function pinVerb(slice: ChatSlice): 'pin' | 'unpin' {
  const entry = chosenEntry(slice);
  return entry && isPinned(slice, entry.id) ? 'unpin' : 'pin';
}

/** `@name`, `#room` and `/command` that begin like the word; undefined: Tab does what it always does. */
export function completions(slice: ChatSlice, word: string): readonly string[] | undefined {
  if (word.startsWith('@')) return [...slice.members.map(({ name }) => `@${name}`), '@here'];
  if (word.startsWith('#')) return slice.rooms.map(({ room }) => `#${room}`);
  if (word.startsWith('/')) return lineCommands;
}

/** What an answer to the chosen message begins with: whom it answers, which message, and half a line of it. */
export function quoteOf(slice: ChatSlice): string {
  const entry = chosenEntry(slice);
  if (!entry || isMalformed(entry)) return '';
  const [first = ''] = entry.message.split('\n', 1);
  const letters = [...new Intl.Segmenter().segment(first)].map(({ segment }) => segment);
  const quoted =
    letters.length > quotedLetters ? `${letters.slice(0, quotedLetters).join('').trimEnd()}…` : first;
  return `@${entry.sender} re ${entry.id} "${quoted}": `;
}

const quotedLetters = 32;
