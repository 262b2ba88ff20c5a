import type { Line } from '../../store/store.ts';
import { formatCount } from '../../ui/format.ts';
import { graphemes } from '../../ui/text.ts';

/**
 * A line editor as a pure reducer. Cursor positions count graphemes, so one key moves over what a reader calls one
 * character. Nothing that steers a terminal or hides gets in, and what does not fit is refused with a sentence, never
 * cut; emoji and scripts stay as they were typed.
 */

export const longestLine = 65_536;

export function emptyLine(history: readonly string[] = [], text = '', isMultiline = false): Line {
  const line = { text, cursor: graphemes(text).length, history, historyIndex: history.length, draft: '' };
  return isMultiline ? { ...line, isMultiline } : line;
}

/** The line with the text in it, or as it was and why the text cannot be in it: it is never put in changed. */
export type Inserted = { readonly line: Line; readonly refusal?: string };

/** Types or pastes text at the cursor. */
export function insert(line: Line, typed: string): Inserted {
  // Terminals send a pasted line's end as Enter sends it; what ends the last line is not part of it.
  const text = typed.replaceAll(/\r\n?/g, '\n').replace(/\n$/, '');
  const refusal = refusalOf(line, text);
  if (refusal !== undefined) return { line, refusal };
  const letters = graphemes(line.text);
  const before = letters.slice(0, line.cursor).join('') + text;
  const whole = before + letters.slice(line.cursor).join('');
  return { line: { ...line, text: whole, cursor: graphemes(before).length } };
}

const steering = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u2028\u2029]/;
/** Reordering marks, tags and zero-width spaces: nobody types them, and nobody would see them. */
const hiding = /[\u200B\u202A-\u202E\u2060-\u2069\uFEFF\u{E0000}-\u{E007F}]/u;

function refusalOf(line: Line, text: string): string | undefined {
  if (!text.isWellFormed()) return 'Not put in: it is not UTF-8';
  const steers = steering.exec(text)?.[0];
  if (steers !== undefined) return `Not put in: it holds a control character (${codeOf(steers)})`;
  const hides = hiding.exec(text)?.[0];
  if (hides !== undefined) return `Not put in: it holds an invisible character (${codeOf(hides)})`;
  const ends = text.split('\n').length;
  if (ends > 1 && !line.isMultiline) return `Not put in: it has ${ends} lines, and this takes one`;
  const length = line.text.length + text.length;
  if (length <= longestLine) return;
  return `Not put in: it is too long (${formatCount(length)} characters, at most ${formatCount(longestLine)})`;
}

function codeOf(letter: string): string {
  return `U+${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** What an editing key does to the line; undefined for a key that does not edit. */
export function edit(line: Line, key: string): Line | undefined {
  return Object.hasOwn(edits, key) ? edits[key]?.(line) : undefined;
}

type Edit = (line: Line) => Line;

const edits: Readonly<Record<string, Edit>> = {
  left: (line) => moveTo(line, line.cursor - 1),
  'ctrl+b': (line) => moveTo(line, line.cursor - 1),
  right: (line) => moveTo(line, line.cursor + 1),
  'ctrl+f': (line) => moveTo(line, line.cursor + 1),
  home: (line) => moveTo(line, 0),
  'ctrl+a': (line) => moveTo(line, 0),
  end: (line) => moveTo(line, Number.POSITIVE_INFINITY),
  'ctrl+e': (line) => moveTo(line, Number.POSITIVE_INFINITY),
  'ctrl+left': (line) => moveTo(line, wordStart(line)),
  'alt+left': (line) => moveTo(line, wordStart(line)),
  'alt+b': (line) => moveTo(line, wordStart(line)),
  'ctrl+right': (line) => moveTo(line, wordEnd(line)),
  'alt+right': (line) => moveTo(line, wordEnd(line)),
  'alt+f': (line) => moveTo(line, wordEnd(line)),
  backspace: (line) => cut(line, line.cursor - 1, line.cursor),
  'ctrl+h': (line) => cut(line, line.cursor - 1, line.cursor),
  delete: (line) => cut(line, line.cursor, line.cursor + 1),
  'ctrl+d': (line) => cut(line, line.cursor, line.cursor + 1),
  'ctrl+w': (line) => cut(line, wordStart(line), line.cursor),
  'alt+backspace': (line) => cut(line, wordStart(line), line.cursor),
  'alt+d': (line) => cut(line, line.cursor, wordEnd(line)),
  'ctrl+u': (line) => cut(line, 0, line.cursor),
  'ctrl+k': (line) => cut(line, line.cursor, Number.POSITIVE_INFINITY),
  up: (line) => recall(line, -1),
  'ctrl+p': (line) => recall(line, -1),
  down: (line) => recall(line, 1),
  'ctrl+n': (line) => recall(line, 1),
};

/** The line's text joins its history (unless empty or the same as the last) and the line is empty again. */
export function submit(line: Line, keep = 100): Line {
  const isNew = line.text.trim() !== '' && line.history.at(-1) !== line.text;
  return emptyLine(isNew ? [...line.history, line.text].slice(-keep) : line.history, '', line.isMultiline);
}

function moveTo(line: Line, cursor: number): Line {
  const bounded = Math.max(0, Math.min(cursor, graphemes(line.text).length));
  return bounded === line.cursor ? line : { ...line, cursor: bounded };
}

function cut(line: Line, from: number, to: number): Line {
  const letters = graphemes(line.text);
  const start = Math.max(0, from);
  const end = Math.min(letters.length, to);
  if (end <= start) return line;
  const before = letters.slice(0, start).join('');
  return {
    ...line,
    text: before + letters.slice(end).join(''),
    cursor: graphemes(before).length,
  };
}

function wordStart({ text, cursor }: Line): number {
  const letters = graphemes(text);
  let at = cursor;
  while (at > 0 && letters[at - 1] === ' ') at -= 1;
  while (at > 0 && letters[at - 1] !== ' ') at -= 1;
  return at;
}

function wordEnd({ text, cursor }: Line): number {
  const letters = graphemes(text);
  let at = cursor;
  while (at < letters.length && letters[at] === ' ') at += 1;
  while (at < letters.length && letters[at] !== ' ') at += 1;
  return at;
}

/** Walks through earlier lines; the one being written is kept as a draft at the end. */
function recall(line: Line, step: -1 | 1): Line {
  const index = line.historyIndex + step;
  if (index < 0 || index > line.history.length) return line;
  const draft = line.historyIndex === line.history.length ? line.text : line.draft;
  const text = index === line.history.length ? draft : (line.history[index] ?? '');
  return { ...line, text, cursor: graphemes(text).length, historyIndex: index, draft };
}
