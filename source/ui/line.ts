import type { Span } from './row.tsx';
import { sanitise, wrap } from './text.ts';

/** One line of a pane. */
export type Line = {
  readonly spans: readonly Span[];
  readonly right?: readonly Span[];
  /** Which of the spans names the row; the first unless given. */
  readonly named?: number;
};

const labelCells = 10;

/** A labelled line of details: the label is quiet, what it tells is not. */
export function fact(label: string, ...spans: readonly Span[]): Line {
  return { spans: [{ text: label.padEnd(labelCells), tone: 'muted' }, ...spans] };
}

/** The same of a text that may be long, on as many lines as it takes, `most` at most. */
export function factOf(label: string, text: string, columns: number, most = 4): readonly Line[] {
  const wrapped = wrap(sanitise(text), Math.max(1, columns - labelCells));
  const kept = wrapped.length > most ? [...wrapped.slice(0, most - 1), `${wrapped[most - 1]}…`] : wrapped;
  return kept.map((line, index) => fact(index === 0 ? label : '', line));
}
