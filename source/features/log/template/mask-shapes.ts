import { ascii, type Codes } from './line-codes.ts';
import { classOf, enclosing, letter, sentenceMark, space } from './mask-rules.ts';

/** Where things in a line end. Every search is bounded: a line of 8,000 brackets costs no more than other lines. */

const furthestBracket = 400;
const furthestQuote = 1000;

/** The partner of the bracket at `open`; -1 if it is missing or far. */
export function closeOf(codes: Codes, length: number, open: number): number {
  const opening = codes[open] ?? 0;
  // In ASCII `]` and `}` follow their partners at a distance of two, `)` at one.
  const closing = opening === ascii.openParen ? opening + 1 : opening + 2;
  const end = Math.min(length, open + furthestBracket);
  let depth = 0;
  for (let at = open; at < end; at += 1) {
    const code = codes[at];
    if (code === opening) depth += 1;
    else if (code === closing && --depth === 0) return at;
  }
  return -1;
}

/** The end of the quoted text that begins at `open`; -1 if that is not a quote after all. */
export function closeOfQuote(line: string, codes: Codes, open: number): number {
  const mark = codes[open];
  const end = Math.min(line.length, open + furthestQuote);
  for (let at = open + 1; at < end; at += 1) {
    const code = codes[at];
    if (code === ascii.backslash) at += 1;
    else if (code === mark && (mark === ascii.doubleQuote || endsWord(line, at + 1))) return at;
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
export function isApostrophe(codes: Codes, at: number): boolean {
  return (classOf(codes[at - 1]) & classOf(codes[at + 1]) & letter) !== 0;
}

/** Behind the word that ends at a colon: it is a scheme or a drive letter, as in `https://…`, `C:\\…`. */
export function isScheme(codes: Codes, start: number, end: number): boolean {
  if (codes[end + 1] === ascii.slash) return codes[end + 2] === ascii.slash;
  return end - start === 1 && codes[end + 1] === ascii.backslash;
}

/** `/var/log`, `./x`, `~/x`, `\\Temp`: in front of a word, so not `and/or`. */
export function startsPath(line: string, codes: Codes, start: number): boolean {
  const code = codes[start];
  if (code !== ascii.slash && code !== ascii.backslash && code !== ascii.dot && code !== ascii.tilde)
    return false;
  pathStart.lastIndex = start;
  return pathStart.test(line);
}

const pathStart = /(?:\.{0,2}|~)[/\\][/\\]?[\w.*$%-]/y;

export function endOfUrl(codes: Codes, length: number, start: number): number {
  let end = start;
  while (end < length && (classOf(codes[end]) & (space | enclosing)) === 0) end += 1;
  while (end > start && (classOf(codes[end - 1]) & sentenceMark) !== 0) end -= 1;
  return end;
}

/** The dots of `threshold......... 12` belong to no word. */
export function endOfDots(codes: Codes, start: number): number {
  let end = start;
  while (codes[end] === ascii.dot) end += 1;
  return end;
}

/** The full stop behind a word is not of it. */
export function endOfSentence(codes: Codes, start: number, end: number): number {
  let last = end;
  while (last > start + 1) {
    const code = codes[last - 1];
    if (code !== ascii.dot && code !== ascii.exclamation && code !== ascii.question) break;
    last -= 1;
  }
  return last;
}

/** Two spaces stand here. */
export function isPadded(codes: Codes, at: number): boolean {
  return codes[at] === ascii.space && codes[at + 1] === ascii.space;
}

export function skipSpaces(codes: Codes, length: number, start: number): number {
  let at = start;
  while (at < length && classOf(codes[at]) & space) at += 1;
  return at;
}
