import { shorten } from '../cut.ts';
import { type ContainerLine, containerLine } from '../message/container.ts';
import { firstBy, type Multiline, type StartOf } from './first-line.ts';

export type { Multiline } from './first-line.ts';

export type RecordOptions = {
  /** Lines of one event are one record: `indent` by how they begin, or a line that matches begins one. */
  readonly multiline?: Multiline | undefined;
  /** Every text that comes is given on as it is, but for `multiline`: nothing is known about containers. */
  readonly raw?: boolean | undefined;
};

/**
 * Lines of one file, or of one pipe, as events. What container runtimes cut into pieces (CRI's `P` and `F`, docker's
 * `log` without a line end) becomes one line again; with `multiline` so do the lines of one record, such as those of a
 * stack trace. Lines of stdout and stderr are kept apart.
 *
 * A record ends with the first line of the next, behind 500 lines or 256 KiB, or when it is settled: what comes of it
 * after that is of an event that was given on already, and is left out.
 */
export class Records {
  readonly #options: RecordOptions;
  readonly #give: (record: string) => void;
  #hasRoom = true;
  /** What is open, by stream: bounded, as there are three. */
  readonly #open = new Map<string, Open>();

  /** @param give takes a record; false asks for a rest */
  constructor(options: RecordOptions, give: (record: string) => boolean) {
    this.#options = options;
    this.#give = (record) => {
      this.#hasRoom = give(record) && this.#hasRoom;
    };
  }

  /** Something is held back, and wants to be settled when nothing more comes. */
  get isHolding(): boolean {
    for (const open of this.#open.values()) if (open.isHeld) return true;
    return false;
  }

  /** Something of an event may still come. */
  get isOpen(): boolean {
    return this.#open.size > 0;
  }

  /** @returns false when whoever took a record asks for a rest */
  take(line: string): boolean {
    this.#hasRoom = true;
    const { multiline, raw } = this.#options;
    const inner = raw ? undefined : containerLine(line);
    if (multiline === undefined && !inner?.isPiece && this.#open.size === 0) this.#give(line);
    else this.#put(line, inner);
    return this.#hasRoom;
  }

  #put(line: string, inner: ContainerLine | undefined): void {
    const { multiline } = this.#options;
    const stream = inner?.stream ?? '';
    let open = this.#open.get(stream);
    if (!open) {
      open = new Open(firstBy(multiline), this.#give);
      this.#open.set(stream, open);
    }
    if (inner) open.takePiece(line, inner.text, inner.isPiece);
    else open.takeLine(line, line);
    if (multiline === undefined && !open.isInLine) this.#open.delete(stream);
  }

  /** Gives on what is held back as far as it came. */
  settle(): void {
    for (const open of this.#open.values()) open.settle();
  }
}

const mostLines = 500;
const mostCharacters = 256 * 1024;

/** What there is of one stream's event. */
class Open {
  readonly #starts: StartOf | undefined;
  readonly #give: (record: string) => void;
  /** The pieces of one line, of which `#more` characters were not kept. */
  #pieces: string[] = [];
  #pieceSize = 0;
  #more = 0;
  /** A line is to go on. */
  isInLine = false;
  /** What there is of it was given on. */
  #isLineSettled = false;
  /** The lines of one record, and the first as it came: the only one stays as it is. */
  #lines: string[] = [];
  #whole = '';
  #size = 0;
  /** The record was given on; lines that belong to it are left out. */
  #isSettled = false;

  constructor(starts: StartOf | undefined, give: (record: string) => void) {
    this.#starts = starts;
    this.#give = give;
  }

  get isHeld(): boolean {
    return this.#lines.length > 0 || this.#pieces.length > 0;
  }

  takePiece(line: string, text: string, isPiece: boolean): void {
    if (!isPiece && !this.isInLine) {
      this.takeLine(line, text);
      return;
    }
    this.isInLine = isPiece;
    if (this.#isLineSettled) {
      this.#isLineSettled = isPiece;
      return;
    }
    const fitting = text.slice(0, Math.max(0, mostCharacters - this.#pieceSize));
    if (fitting !== '') this.#pieces.push(fitting);
    this.#pieceSize += fitting.length;
    this.#more += text.length - fitting.length;
    if (!isPiece) this.#endLine();
  }

  #endLine(): void {
    const joined = this.#pieces.join('');
    const text = this.#more > 0 ? shorten(joined, this.#more) : joined;
    this.#pieces = [];
    this.#pieceSize = 0;
    this.#more = 0;
    this.takeLine(withoutEnd(text), text);
  }

  /** @param text what the line says, without the envelope of a container */
  takeLine(line: string, text: string): void {
    if (!this.#starts) {
      this.#give(line);
      return;
    }
    const bare = withoutEnd(text);
    const isFirst = this.#starts(bare);
    if (isFirst || (this.#lines.length === 0 && !this.#isSettled)) {
      this.#endRecord();
      this.#isSettled = false;
      this.#whole = line;
    } else if (this.#isSettled) return;
    else if (this.#lines.length >= mostLines || this.#size + bare.length > mostCharacters) {
      this.#endRecord();
      this.#whole = line;
    }
    this.#lines.push(bare);
    this.#size += bare.length;
  }

  #endRecord(): void {
    if (this.#lines.length > 0) this.#give(this.#lines.length > 1 ? this.#lines.join('\n') : this.#whole);
    this.#lines = [];
    this.#size = 0;
  }

  settle(): void {
    if (this.#pieces.length > 0) {
      this.#endLine();
      this.#isLineSettled = true;
    }
    if (this.#lines.length === 0) return;
    this.#endRecord();
    this.#isSettled = true;
  }
}

function withoutEnd(text: string): string {
  return text.replace(/\r?\n$/, '');
}
