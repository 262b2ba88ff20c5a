import type { Span } from './row.tsx';
import { sanitise, width, wrap } from './text.ts';
import type { Piece } from './theme/style.ts';

/** One line of a pane. */
export type Line = {
  readonly spans: readonly Span[];
  readonly right?: readonly Span[];
  /** Which of the spans names the row; the first unless given. */
  readonly named?: number;
  /** Where it goes on when it takes more than one line. */
  readonly indent?: number;
};

const labelCells = 10;

/** A labelled line of details: the label is quiet, what it tells is not. */
export function fact(label: string, ...spans: readonly Span[]): Line {
  return { spans: [{ text: label.padEnd(labelCells), tone: 'muted' }, ...spans], indent: labelCells };
}

const usualIndent = 4;
const mostLines = 4;

/** The line on as many lines as its words take, and cut after the fourth; what sticks to the right stays on one. */
export function wrapLine(line: Line, columns: number): readonly Line[] {
  const { spans, right, indent = usualIndent } = line;
  const pieces = spans.map((span): Piece => {
    const piece = typeof span === 'string' ? { text: span } : span;
    return { ...piece, text: sanitise(piece.text) };
  });
  const cells = pieces.reduce((sum, { text }) => sum + width(text), 0);
  if (right !== undefined || cells <= columns || columns < 2 * indent) return [line];
  const lines: Piece[][] = [[]];
  let taken = 0;
  for (const { text, ...looks } of pieces) {
    // Each word with the spaces before it.
    for (const word of text.match(/ *[^ ]+| +$/g) ?? []) {
      const isNew = taken + width(word) > columns && taken > indent && lines.length < mostLines;
      if (isNew) {
        lines.push([{ text: ' '.repeat(indent) }]);
        taken = indent;
      }
      const put = isNew ? word.trimStart() : word;
      lines.at(-1)?.push({ ...looks, text: put });
      taken += width(put);
    }
  }
  return lines.map((one) => ({ spans: one }));
}

/** The same of a text that may be long, on as many lines as it takes, `most` at most. */
export function factOf(label: string, text: string, columns: number, most = 4): readonly Line[] {
  const wrapped = wrap(sanitise(text), Math.max(1, columns - labelCells));
  const kept = wrapped.length > most ? [...wrapped.slice(0, most - 1), `${wrapped[most - 1]}…`] : wrapped;
  return kept.map((line, index) => fact(index === 0 ? label : '', line));
}
