import { Text } from 'ink';
import { type ReactNode, use } from 'react';
import { FadedContext } from './faded-context.ts';
import { sanitise, truncate, width } from './text.ts';
import { faded, type Piece, styled, type Tone } from './theme/style.ts';

export type { Tone } from './theme/style.ts';

/** Text from anywhere; it is sanitised here. */
export type Span = string | Piece;

export type RowProps = {
  readonly spans: readonly Span[];
  /** Cells; the row is cut with `…` or padded to exactly this. */
  readonly columns: number;
  /** Spans that stick to the right edge; they stay whole, the left ones are cut. */
  readonly right?: readonly Span[];
  /** Paint the whole row inverse, as the selected one. */
  readonly inverse?: boolean;
  /** Fills the gap between left and right: a space unless given. */
  readonly filler?: string;
  readonly fillerTone?: Tone;
};

/** One line of exactly `columns` cells. Safe with any text. */
export function Row(props: RowProps): ReactNode {
  const { spans, columns, right = [], inverse = false, filler = ' ', fillerTone = 'text' } = props;
  const rightPieces = cut(right, columns);
  const leftPieces = cut(spans, columns - measure(rightPieces));
  const gap = columns - measure(leftPieces) - measure(rightPieces);
  const pieces = [...leftPieces, { text: filler.repeat(Math.max(0, gap)), tone: fillerTone }, ...rightPieces];
  const isOld = use(FadedContext);
  const lit = isOld ? pieces.map(faded) : pieces;
  const whole = inverse ? lit.map((piece) => ({ ...piece, inverse })) : lit;
  return <Text wrap="truncate">{whole.map(styled).join('')}</Text>;
}

/** Sanitised spans that take at most `columns` cells together. */
export function cut(spans: readonly Span[], columns: number): readonly Piece[] {
  const pieces: Piece[] = [];
  let left = Math.max(0, columns);
  for (const [index, span] of spans.entries()) {
    const piece = typeof span === 'string' ? { text: span } : span;
    const text = sanitise(piece.text);
    const cells = width(text);
    if (cells > left) {
      if (left > 0) pieces.push({ ...piece, text: truncate(text, left) });
      else {
        const last = pieces.at(-1);
        // Nothing of this span fits: the one before shows that there was more.
        if (last && text !== '' && index > 0) {
          pieces[pieces.length - 1] = { ...last, text: truncate(`${last.text}  `, width(last.text)) };
        }
      }
      break;
    }
    left -= cells;
    if (text !== '') pieces.push({ ...piece, text });
  }
  return pieces;
}

function measure(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, piece) => sum + width(piece.text), 0);
}
