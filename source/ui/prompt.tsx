import type { ReactNode } from 'react';
import { Row, type Span } from './row.tsx';
import { graphemes, sanitise, width } from './text.ts';

export type PromptProps = {
  /** What stands before the line, such as `oncall ›`. */
  readonly label: string;
  /** The text being edited; `cursor` counts graphemes from its start. Undefined: nothing is being typed. */
  readonly line: { readonly text: string; readonly cursor: number } | undefined;
  /** What is said instead while nothing is being typed. */
  readonly placeholder?: string;
  readonly columns: number;
};

/** One line of input of exactly `columns` cells, scrolled so that the cursor is in view. */
export function Prompt({ label, line, placeholder = '', columns }: PromptProps): ReactNode {
  const before: Span = { text: `${label} `, bold: true };
  if (!line) return <Row columns={columns} spans={[before, { text: placeholder, tone: 'dim' }]} />;
  const room = Math.max(1, columns - width(sanitise(label)) - 1);
  const { start, cursor, end } = visible(line, room);
  return <Row columns={columns} spans={[before, start, cursor, end]} />;
}

/** The part of the line around the cursor that fits into `room` cells. */
export function visible(line: { readonly text: string; readonly cursor: number }, room: number) {
  const letters = graphemes(line.text).map((letter) => sanitise(letter));
  const isAtEnd = line.cursor >= letters.length;
  const under = isAtEnd ? '▏' : (letters[line.cursor] ?? '');
  let left = room - width(under);
  let from = line.cursor;
  let to = line.cursor + 1;
  let start = '';
  let end = '';
  // What was typed matters more than what follows; some of both is shown.
  const ahead = isAtEnd ? 0 : Math.min(left, 8);
  left -= ahead;
  while (from > 0 && width(letters[from - 1] ?? '') <= left) {
    from -= 1;
    start = (letters[from] ?? '') + start;
    left -= width(letters[from] ?? '');
  }
  left += ahead;
  while (to < letters.length && width(letters[to] ?? '') <= left) {
    end += letters[to] ?? '';
    left -= width(letters[to] ?? '');
    to += 1;
  }
  return { start, cursor: { text: under, inverse: !isAtEnd }, end };
}
