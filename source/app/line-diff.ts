import { isNarrow, width } from '../ui/text.ts';

/**
 * What to write to turn one painted line into another: the part between what they share at both ends, with the
 * colours in force there. Lines carry SGR sequences and nothing else that steers.
 */

const sgr = /\u001B\[([\d;:]*)m/g;
const joined = /^[\p{Mark}\uDC00-\uDFFF]/u;

/** Where a change begins on the line, in cells from its left edge, and the text to write from there. */
export type LineDiff = { readonly column: number; readonly text: string };

export function diffLine(before: string, after: string): LineDiff {
  const start = commonStart(before, after);
  const opened = stylesAt(after, start);
  const lead = { column: width(plain(after.slice(0, start))), styles: opened.join('') };
  const tail = isNarrow(plain(before)) && isNarrow(plain(after)) ? commonEnd(before, after, start) : 0;
  const middle = after.slice(start, after.length - tail);
  const isSameWidth = plain(before).length === plain(after).length;
  if (
    tail > 0 &&
    isSameWidth &&
    areSame(stylesAt(before, before.length - tail), stylesAt(after, after.length - tail))
  ) {
    const closing = stylesAt(after, after.length - tail).length > 0 ? '\u001B[0m' : '';
    return { column: lead.column, text: lead.styles + middle + closing };
  }
  // Erased first: at the right edge the cursor stands on the last cell, which an erasure afterwards would take.
  return { column: lead.column, text: `\u001B[K${lead.styles}${after.slice(start)}` };
}

function plain(line: string): string {
  return line.replaceAll(sgr, '');
}

/** How many characters both lines begin with, ending where a character and a sequence end. */
function commonStart(before: string, after: string): number {
  let length = 0;
  while (length < before.length && length < after.length && before[length] === after[length]) length += 1;
  length = outside(after, length);
  // Behind a wide character two terminals may disagree about the column.
  const narrowEnd = firstWide(after);
  if (narrowEnd < length) length = outside(after, narrowEnd);
  while (
    length > 0 &&
    (joined.test(after.slice(length, length + 2)) || joined.test(before.slice(length, length + 2)))
  ) {
    length = outside(after, length - 1);
  }
  return length;
}

function commonEnd(before: string, after: string, start: number): number {
  const most = Math.min(before.length, after.length) - start;
  let length = 0;
  while (length < most && before[before.length - 1 - length] === after[after.length - 1 - length])
    length += 1;
  // A sequence belongs to one side as a whole.
  while (length > 0 && outside(after, after.length - length) !== after.length - length) length -= 1;
  while (length > 0 && outside(before, before.length - length) !== before.length - length) length -= 1;
  return length;
}

/** The position itself, or the beginning of the SGR sequence it lies in. */
function outside(line: string, position: number): number {
  const opening = line.lastIndexOf('\u001B', position - 1);
  if (opening === -1) return position;
  const end = line.indexOf('m', opening);
  return end >= position ? opening : position;
}

function firstWide(line: string): number {
  let position = 0;
  for (const letter of line) {
    if (letter !== '\u001B' && !isNarrow(letter)) return position;
    position += letter.length;
  }
  return position;
}

/** The sequences in force at this position, in the order they were opened. */
function stylesAt(line: string, position: number): readonly string[] {
  const active = new Map<string, string>();
  for (const match of line.slice(0, position).matchAll(sgr)) {
    const code = match[1] ?? '';
    const kind = kindOf(code);
    if (kind === 'all') active.clear();
    else if (kind.startsWith('-')) for (const closed of kind.slice(1).split(' ')) active.delete(closed);
    else active.set(kind, match[0]);
  }
  return [...active.values()];
}

const closers: Readonly<Record<string, string>> = {
  '': 'all',
  '0': 'all',
  '22': '-1 2',
  '23': '-3',
  '24': '-4',
  '27': '-7',
  '28': '-8',
  '29': '-9',
  '39': '-foreground',
  '49': '-background',
  '55': '-53',
};

/** Which style a code sets, `-` and which it ends, or `all` for a reset. */
function kindOf(code: string): string {
  const closer = closers[code];
  if (closer !== undefined) return closer;
  if (/^(3\d|9\d)/.test(code)) return 'foreground';
  return /^(4\d|10\d)/.test(code) ? 'background' : code;
}

function areSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((style, index) => style === other[index]);
}
