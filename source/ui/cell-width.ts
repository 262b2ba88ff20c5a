import { eastAsianWidth } from 'get-east-asian-width';

/** Colours and weights take no cells. */
const sgr = /\u001B\[[\d;:]*m/g;
/** Scripts, signs and lines that are one cell wide in every terminal: most of what is ever painted. */
const narrow =
  /^[\u0020-\u007E\u00A1-\u00AC\u00AE-\u02FF\u0370-\u0373\u0391-\u0482\u048A-\u052F\u2010-\u2027\u2030-\u205E\u2190-\u2319\u2500-\u25FC\u2713-\u271A]*$/;
const weightless =
  /[\p{Control}\p{Nonspacing_Mark}\p{Enclosing_Mark}\p{Format}\p{Default_Ignorable_Code_Point}]/u;

/** Whether every character takes one cell in every terminal. */
export function isNarrow(text: string): boolean {
  return narrow.test(text);
}

/**
 * How many cells a line takes that went through `sanitise`, styled or not.
 *
 * Sanitised text holds no cluster whose parts are painted into fewer cells than they have one by one, so adding up
 * code points is exact, and a fraction of the cost of finding clusters. The build gives this to Ink too, which
 * measures each line several times a frame.
 */
export default function cellWidth(text: string): number {
  const plain = text.includes('\u001B') ? text.replaceAll(sgr, '') : text;
  if (narrow.test(plain)) return plain.length;
  let cells = 0;
  for (const letter of plain) {
    const point = letter.codePointAt(0) ?? 0;
    if (isNarrow(letter)) cells += 1;
    else if (!weightless.test(letter)) cells += eastAsianWidth(point);
  }
  return cells;
}
