import cellWidth, { isNarrow } from './cell-width.ts';
import { plain, resetStyles, stylesAt } from './theme/sgr.ts';

/**
 * Puts painted pieces of text side by side and over each other into the lines of a frame.
 *
 * It stands in for the class inside Ink that does so cell by cell: an object for every cell of the screen and every
 * text cut into clusters, for every frame. Our pieces are whole rows of panes that lie side by side, so a line is a
 * handful of strings to be joined; only where an overlay lies over a pane is a string cut. Same calls, same picture.
 */
export default class Composition {
  readonly #width: number;
  readonly #lines: Piece[][];
  readonly #clips: Clip[] = [];

  constructor({ width, height }: { readonly width: number; readonly height: number }) {
    this.#width = width;
    this.#lines = Array.from({ length: height }, () => []);
  }

  write(x: number, y: number, text: string, { transformers }: WriteOptions): void {
    if (text === '') return;
    const clip = this.#clips.at(-1);
    for (const [index, whole] of linesOf(text).entries()) {
      const row = y + index;
      if (row < (clip?.y1 ?? 0) || row >= (clip?.y2 ?? this.#lines.length)) continue;
      const pieces = this.#lines[row];
      const cells = cellWidth(whole);
      const from = Math.max(0, Math.max(0, clip?.x1 ?? 0) - x);
      const to = Math.min(cells, Math.min(this.#width, clip?.x2 ?? this.#width) - x);
      if (!pieces || to <= from) continue;
      let line = from === 0 && to === cells ? whole : cutCells(whole, from, to);
      for (const transform of transformers) line = transform(line, index);
      place(pieces, { start: x + from, end: x + to, text: line });
    }
  }

  clip(clip: Clip): void {
    const outer = this.#clips.at(-1);
    this.#clips.push({
      x1: larger(outer?.x1, clip.x1),
      x2: smaller(outer?.x2, clip.x2),
      y1: larger(outer?.y1, clip.y1),
      y2: smaller(outer?.y2, clip.y2),
    });
  }

  unclip(): void {
    this.#clips.pop();
  }

  get(): { readonly output: string; readonly height: number } {
    const lines = this.#lines.map((pieces) => {
      let line = '';
      let at = 0;
      for (const { start, end, text } of pieces) {
        line += ' '.repeat(start - at) + text;
        at = end;
      }
      return line.trimEnd();
    });
    return { output: lines.join('\n'), height: lines.length };
  }
}

type Clip = {
  readonly x1?: number | undefined;
  readonly x2?: number | undefined;
  readonly y1?: number | undefined;
  readonly y2?: number | undefined;
};

type WriteOptions = { readonly transformers: readonly ((line: string, index: number) => string)[] };

/** Cells from `start` up to `end`, and what stands there. */
type Piece = { readonly start: number; readonly end: number; readonly text: string };

function larger(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.max(one, other);
}

function smaller(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

/** The lines of a text; a style that spans a line's end is closed there and opened again. */
function linesOf(text: string): readonly string[] {
  if (!text.includes('\n')) return [text];
  const lines = text.split('\n');
  if (!text.includes('\u001B')) return lines;
  let opened = '';
  return lines.map((line) => {
    const whole = opened + line;
    opened = stylesAt(whole, whole.length).join('');
    return opened === '' ? whole : whole + resetStyles;
  });
}

/** Puts a piece into a line kept in order; what it covers of others goes. */
function place(pieces: Piece[], piece: Piece): void {
  const last = pieces.at(-1);
  if (!last || last.end <= piece.start) {
    pieces.push(piece);
    return;
  }
  const kept = pieces
    .splice(0)
    .flatMap((other) =>
      other.end <= piece.start || other.start >= piece.end ? [other] : around(other, piece),
    );
  pieces.push(...kept, piece);
  pieces.sort((one, other) => one.start - other.start);
}

function around({ start, end, text }: Piece, { start: from, end: to }: Piece): readonly Piece[] {
  const rest: Piece[] = [];
  if (start < from) rest.push({ start, end: from, text: cutCells(text, 0, from - start) });
  if (end > to) rest.push({ start: to, end, text: cutCells(text, to - start, end - start) });
  return rest;
}

const sequence = /^\u001B\[[\d;:]*m/;

/** The cells `from` up to `to` of a styled line; half of a wide character becomes a space. */
function cutCells(line: string, from: number, to: number): string {
  const bare = plain(line);
  if (bare === line && isNarrow(line)) return line.slice(from, to);
  let cut = '';
  let cell = 0;
  let begun = false;
  for (let position = 0; position < line.length && cell <= to; ) {
    const style = line[position] === '\u001B' ? sequence.exec(line.slice(position))?.[0] : undefined;
    if (style !== undefined) {
      if (begun && cell < to) cut += style;
      position += style.length;
      continue;
    }
    const letter = String.fromCodePoint(line.codePointAt(position) ?? 0);
    const cells = cellWidth(letter);
    const isWhole = cell >= from && cell + cells <= to;
    const isHalf = !isWhole && cells > 0 && cell < to && cell + cells > from;
    if ((isWhole && (cells > 0 || begun)) || isHalf) {
      if (!begun) cut += stylesAt(line, position).join('');
      begun = true;
      cut += isHalf ? ' ' : letter;
    }
    cell += cells;
    position += letter.length;
  }
  return stylesAt(cut, cut.length).length > 0 ? cut + resetStyles : cut;
}
