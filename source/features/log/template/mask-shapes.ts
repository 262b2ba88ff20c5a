import { classOf, letter, space } from './mask-rules.ts';

/** Where things in a line end. Every search is bounded: a line of 8,000 brackets costs no more than other lines. */

const furthestBracket = 400;
const furthestQuote = 1000;

export const codes = {
  space: 32,
  exclamation: 33,
  doubleQuote: 34,
  singleQuote: 39,
  openParen: 40,
  dot: 46,
  slash: 47,
  colon: 58,
  less: 60,
  equals: 61,
  greater: 62,
  question: 63,
  at: 64,
  openBracket: 91,
  backslash: 92,
  backtick: 96,
  openBrace: 123,
  tilde: 126,
};

/** The partner of the bracket at `open`; -1 if it is missing or far. */
export function closeOf(line: string, open: number): number {
  const opening = line.charCodeAt(open);
  // In ASCII `]` and `}` follow their partners at a distance of two, `)` at one.
  const closing = opening === codes.openParen ? opening + 1 : opening + 2;
  const end = Math.min(line.length, open + furthestBracket);
  let depth = 0;
  for (let at = open; at < end; at += 1) {
    const code = line.charCodeAt(at);
    if (code === opening) depth += 1;
    else if (code === closing && --depth === 0) return at;
  }
  return -1;
}

/** The end of the quoted text that begins at `open`; -1 if that is not a quote after all. */
export function closeOfQuote(line: string, open: number): number {
  const mark = line.charCodeAt(open);
  const end = Math.min(line.length, open + furthestQuote);
  for (let at = open + 1; at < end; at += 1) {
    const code = line.charCodeAt(at);
    if (code === codes.backslash) at += 1;
    else if (code === mark && (mark === codes.doubleQuote || endsWord(line, at + 1))) return at;
  }
  return -1;
}

export function opensQuote(line: string, at: number): boolean {
  return at === 0 || /[\s=:([,{]/.test(line[at - 1] ?? '');
}

function endsWord(line: string, at: number): boolean {
  return at >= line.length || /[\s,.;:)\]}]/.test(line[at] ?? '');
}

/** `isn't`: not a quote. */
export function isApostrophe(line: string, at: number): boolean {
  return (classOf(line.charCodeAt(at - 1)) & classOf(line.charCodeAt(at + 1)) & letter) !== 0;
}

/** The word up to `end` is a scheme or a drive letter: `https://…`, `C:\\…`. */
export function isScheme(line: string, start: number, end: number): boolean {
  if (line.charCodeAt(end) !== codes.colon) return false;
  if (line.charCodeAt(end + 1) === codes.slash) return line.charCodeAt(end + 2) === codes.slash;
  return end - start === 1 && line.charCodeAt(end + 1) === codes.backslash;
}

/** `/var/log`, `./x`, `~/x`, `\\Temp`: in front of a word, so not `and/or`. */
export function startsPath(line: string, start: number): boolean {
  const code = line.charCodeAt(start);
  if (code !== codes.slash && code !== codes.backslash && code !== codes.dot && code !== codes.tilde)
    return false;
  pathStart.lastIndex = start;
  return pathStart.test(line);
}

const pathStart = /(?:\.{0,2}|~)[/\\][/\\]?[\w.*$%-]/y;

export function endOfUrl(line: string, start: number): number {
  let end = start;
  while (end < line.length && !/[\s"'`<>()[\]{}]/.test(line[end] ?? '')) end += 1;
  while (/[.,;:!?]/.test(line[end - 1] ?? '')) end -= 1;
  return end;
}

/** The dots of `threshold......... 12` belong to no word. */
export function endOfDots(line: string, start: number): number {
  let end = start;
  while (line.charCodeAt(end) === codes.dot) end += 1;
  return end;
}

/** The full stop behind a word is not of it. */
export function endOfSentence(line: string, start: number, end: number): number {
  let last = end;
  while (last > start + 1) {
    const code = line.charCodeAt(last - 1);
    if (code !== codes.dot && code !== codes.exclamation && code !== codes.question) break;
    last -= 1;
  }
  return last;
}

/** Two spaces stand here. */
export function isPadded(line: string, at: number): boolean {
  return line.charCodeAt(at) === codes.space && line.charCodeAt(at + 1) === codes.space;
}

export function skipSpaces(line: string, start: number): number {
  let at = start;
  while (classOf(line.charCodeAt(at)) & space && at < line.length) at += 1;
  return at;
}
