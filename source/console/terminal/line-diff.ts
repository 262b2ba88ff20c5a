import { isNarrow, width } from '../../ui/text.ts';
import { outsideSequence, plain, resetStyles, stylesAt } from '../../ui/theme/sgr.ts';

/**
 * What to write to turn one painted line into another: the part between what they share at both ends, with the
 * colours in force there.
 */

const joined = /^[\p{Mark}\uDC00-\uDFFF]/u;

/** Where a change begins on the line, in cells from its left edge, and the text to write from there. */
export type LineDiff = { readonly column: number; readonly text: string };

export function diffLine(before: string, after: string): LineDiff {
  const start = commonStart(before, after);
  const column = width(plain(after.slice(0, start)));
  const opened = stylesAt(after, start).join('');
  const tail = commonEnd(before, after, start);
  if (tail > 0) {
    const end = after.length - tail;
    const closing = stylesAt(after, end).length > 0 ? resetStyles : '';
    return { column, text: opened + after.slice(start, end) + closing };
  }
  // Erased first: at the right edge the cursor stands on the last cell, which an erasure afterwards would take.
  return { column, text: `\u001B[K${opened}${after.slice(start)}` };
}

/** How many characters both lines begin with, ending where a character and a sequence end. */
function commonStart(before: string, after: string): number {
  const most = Math.min(before.length, after.length);
  let length = 0;
  while (length < most && before[length] === after[length]) length += 1;
  length = outsideSequence(after, length);
  // Behind a wide character two terminals may disagree about the column.
  const narrowEnd = firstWide(after);
  if (narrowEnd < length) length = outsideSequence(after, narrowEnd);
  const isJoined = (line: string): boolean => joined.test(line.slice(length, length + 2));
  while (length > 0 && (isJoined(after) || isJoined(before))) length = outsideSequence(after, length - 1);
  return length;
}

/** How many characters at the end may stay where they are: the same cells in the same styles. */
function commonEnd(before: string, after: string, start: number): number {
  const plainBefore = plain(before);
  const plainAfter = plain(after);
  if (plainBefore.length !== plainAfter.length || !isNarrow(plainBefore) || !isNarrow(plainAfter)) return 0;
  const most = Math.min(before.length, after.length) - start;
  let length = 0;
  while (length < most && before[before.length - 1 - length] === after[after.length - 1 - length])
    length += 1;
  // A sequence belongs to one side as a whole.
  while (length > 0 && isInside(after, after.length - length)) length -= 1;
  while (length > 0 && isInside(before, before.length - length)) length -= 1;
  const stylesBefore = stylesAt(before, before.length - length);
  const stylesAfter = stylesAt(after, after.length - length);
  return stylesBefore.join('') === stylesAfter.join('') ? length : 0;
}

function isInside(line: string, position: number): boolean {
  return outsideSequence(line, position) !== position;
}

function firstWide(line: string): number {
  if (isNarrow(plain(line))) return line.length;
  let position = 0;
  for (const letter of line) {
    if (letter !== '\u001B' && !isNarrow(letter)) return position;
    position += letter.length;
  }
  return position;
}
