import { Writable } from 'node:stream';
import { diffLine } from './line-diff.ts';

/** Where bytes go: the part of a terminal's output that the screen uses. */
export type Output = {
  write(text: string): boolean;
  once(event: 'drain', listener: () => void): unknown;
};

const beginFrame = '\u001B[?2026h';
const endFrame = '\u001B[?2026l';

/**
 * The stream Ink writes whole frames into. It knows what is on the terminal and sends only what differs, each change
 * at its own absolute place, so that nothing depends on where the cursor was. A terminal that is slow gets the newest
 * frame once it has read the last, and none of those between.
 */
export class Screen extends Writable {
  readonly isTTY = true;
  columns: number;
  rows: number;
  /** How many frames changed something on the terminal. */
  painted = 0;
  /** Called after each of them. */
  onPainted: (() => void) | undefined;
  readonly #output: Output;
  #shown: readonly string[] | undefined;
  #newest: string | undefined;
  #isHeld = false;
  #isDraining = false;

  constructor(output: Output, { columns, rows }: { columns: number; rows: number }) {
    super({ decodeStrings: false });
    this.#output = output;
    this.columns = columns;
    this.rows = rows;
  }

  override _write(chunk: unknown, _encoding: BufferEncoding, done: () => void): void {
    const text = String(chunk);
    // Ink writes modes (the cursor, marks around pastes) by themselves; a frame begins with a painted cell.
    if (text.startsWith('\u001B[?')) this.#output.write(text);
    else if (text !== '') {
      this.#newest = text;
      this.#paint();
    }
    done();
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.#shown = undefined;
  }

  /** The painted lines of the newest frame. */
  lines(): readonly string[] {
    const lines = (this.#newest ?? '').split('\n').slice(0, this.rows);
    while (lines.length < this.rows) lines.push('');
    return lines;
  }

  /** Paints everything anew, whatever the terminal shows. */
  repaint(): void {
    this.#shown = undefined;
    this.#paint();
  }

  /** Shows this line and nothing else, until the next frame: nothing of what was shown is any more. */
  clear(line: string): void {
    this.#newest = line;
    this.release();
  }

  /** Keeps frames back while somebody else has the terminal. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.repaint();
  }

  #paint(): void {
    if (this.#isHeld || this.#isDraining || this.#newest === undefined) return;
    const lines = this.#newest.split('\n').slice(0, this.rows);
    while (lines.length < this.rows) lines.push('');
    const changes = this.#shown ? changesBetween(this.#shown, lines) : `\u001B[0m${wholeOf(lines)}`;
    this.#shown = lines;
    if (changes === '') return;
    this.painted += 1;
    const isTaken = this.#output.write(beginFrame + changes + endFrame);
    this.onPainted?.();
    if (isTaken) return;
    this.#isDraining = true;
    this.#output.once('drain', () => {
      this.#isDraining = false;
      this.#paint();
    });
  }
}

function changesBetween(before: readonly string[], after: readonly string[]): string {
  let changes = '';
  for (const [row, line] of after.entries()) {
    const old = before[row];
    if (line === old) continue;
    const { column, text } = diffLine(old ?? '', line);
    changes += `\u001B[${row + 1};${column + 1}H${text}`;
  }
  return changes;
}

function wholeOf(lines: readonly string[]): string {
  return lines.map((line, row) => `\u001B[${row + 1};1H\u001B[K${line}`).join('');
}
