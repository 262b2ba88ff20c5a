import type { Entry } from '../channel/ledger.ts';
import { gunzip } from '../files/gzip.ts';
import { type LineBatch, newline, WholeLines } from './line-batch.ts';
import type { ReadAhead, Reading } from './read-ahead.ts';
import { openSpool, type Spool } from './spool.ts';

const lineEnd = Buffer.from('\n');

/** One part of a file, as a consumer gets it. Read it in one of the three ways, once; `again` gives another reading. */
export type Delivery = {
  /** The name the file was shipped under. */
  readonly file: string;
  /** Its name on disk, when that is no UTF-8. */
  readonly rawName: Buffer | undefined;
  readonly part: string;
  /** Where in the file it begins, and how much it is. */
  readonly at: number;
  readonly bytes: number;
  /** The file ends with it. */
  readonly isLast: boolean;
  /** A line that is unfinished at its end is all there is of it. */
  readonly endsLine: boolean;
  /** It does not go on with a line that was unfinished before it. */
  readonly beginsLine: boolean;
  /** The bytes as they were shipped. */
  blocks(): AsyncGenerator<Buffer, void, undefined>;
  /** The bytes, decompressed where it is gzip. */
  content(): AsyncGenerator<Buffer, void, undefined>;
  /** The lines, decompressed where it is gzip, a batch for each block; a final line needs no end. */
  lines(): AsyncGenerator<LineBatch, void, undefined>;
  /** The same part to be read once more, with less in flight. */
  again(): Delivery;
  /**
   * It cannot be taken: it stays in Redis, and so do later parts of its file, until somebody retries or drops it.
   * `tries`: how often that was found out.
   */
  setAside(reason: string, tries?: number): void;
};

export type Refusal = { readonly reason: string; readonly tries: number };

export type Shape = Pick<
  Entry,
  'file' | 'generation' | 'at' | 'bytes' | 'kind' | 'last' | 'ends' | 'begins' | 'piecesFrom' | 'rawName'
>;

export type DeliveryOptions = {
  readonly readAhead: ReadAhead;
  readonly reading: Reading;
  /** For a second reading, which must not wait for what is read ahead. */
  readAgain(): Pick<DeliveryOptions, 'readAhead' | 'reading'>;
  /** The beginning of the first line, from the part before. */
  carry(): Buffer | undefined;
  /** Where pieces are collected that only make sense together. */
  spoolFile(generation: string): string;
  onDamage(problem: string): void;
};

/** What is carried over in Redis of a line that a part cut; a longer beginning is delivered as it is. */
export const longestCarryBytes = 16 * 1024;
/** A line is held back no longer, whatever a few bytes of gzip inflate to: it is delivered in pieces. */
const longestLineBytes = 1024 * 1024;
const nothing = Buffer.alloc(0);

export class PartDelivery implements Delivery {
  readonly file: string;
  readonly rawName: Buffer | undefined;
  readonly part: string;
  readonly at: number;
  readonly bytes: number;
  readonly isLast: boolean;
  readonly endsLine: boolean;
  readonly beginsLine: boolean;
  #carry: Buffer | undefined;
  #other: PartDelivery | undefined;
  readonly #shape: Shape;
  readonly #options: DeliveryOptions;
  #isTaken = false;
  #spool: Spool | undefined;
  /** Why it is to be set aside. */
  refusal: Refusal | undefined;

  constructor(part: string, shape: Shape, options: DeliveryOptions) {
    this.part = part;
    this.file = shape.file;
    this.rawName = shape.rawName === undefined ? undefined : Buffer.from(shape.rawName, 'hex');
    this.at = shape.at;
    this.bytes = shape.bytes;
    this.isLast = shape.last;
    this.beginsLine = shape.at === 0 || shape.begins === true;
    this.endsLine = shape.last || shape.ends === true;
    this.#shape = shape;
    this.#options = options;
  }

  /** What is to be carried over to the next part. */
  get carry(): Buffer | undefined {
    return this.#carry ?? this.#other?.carry;
  }

  again(): Delivery {
    this.#other = new PartDelivery(this.part, this.#shape, {
      ...this.#options,
      ...this.#options.readAgain(),
    });
    return this.#other;
  }

  /** It is all of its file, and nothing else is needed to read it. */
  get isWholeLines(): boolean {
    return this.#shape.kind === 'lines' && this.at === 0 && this.isLast && !this.#options.carry();
  }

  setAside(reason: string, tries = 1): void {
    this.refusal = { reason, tries };
  }

  async *blocks(): AsyncGenerator<Buffer, void, undefined> {
    const { readAhead, reading, onDamage } = this.#options;
    this.#isTaken = true;
    let got = 0;
    for await (const block of readAhead.take(reading)) {
      got += block.length;
      yield block;
    }
    if (got < this.bytes)
      onDamage(`${this.file}: ${this.bytes - got} bytes of part ${this.part} were gone from Redis`);
  }

  async *content(): AsyncGenerator<Buffer, void, undefined> {
    const carry = this.#options.carry();
    if (carry) yield this.beginsLine ? Buffer.concat([carry, lineEnd]) : carry;
    yield* this.#decoded();
  }

  /** What is carried then is of content whose line never gets its rest. */
  async *lines(): AsyncGenerator<LineBatch, void, undefined> {
    const rest = new Unfinished();
    rest.add(this.#options.carry() ?? nothing);
    if (rest.bytes > 0 && this.beginsLine) yield new WholeLines(rest.take(), lineEnd);
    for await (const block of this.#decoded()) {
      const end = block.lastIndexOf(newline) + 1;
      if (end > 0) yield new WholeLines(rest.take(), block.subarray(0, end));
      rest.add(block.subarray(end));
      if (rest.bytes < longestLineBytes) continue;
      const bytes = rest.take();
      yield { lines: [bytes], bytes, end: 'cut' };
    }
    if (rest.bytes === 0) return;
    const bytes = rest.take();
    if (this.endsLine) yield { lines: [bytes], bytes, end: 'open' };
    else if (bytes.length <= longestCarryBytes) this.#carry = bytes;
    else yield { lines: [bytes], bytes, end: 'cut' };
  }

  async *#decoded(): AsyncGenerator<Buffer, void, undefined> {
    const { kind } = this.#shape;
    if (kind === 'lines') yield* this.blocks();
    else if (kind === 'gzip') yield* gunzip(this.blocks(), (problem) => this.#damaged(problem));
    else yield* this.#collected();
  }

  /** Pieces are kept on disk until the last one is there: they can be freed in Redis, and survive a crash. */
  async *#collected(): AsyncGenerator<Buffer, void, undefined> {
    const { generation, at, piecesFrom = 0 } = this.#shape;
    const spool = await openSpool(this.#options.spoolFile(generation));
    this.#spool = spool;
    if (spool.bytes < at - piecesFrom) {
      this.#damaged(
        `its first ${at - piecesFrom} bytes were collected by another process or removed from ${spool.file}`,
      );
      return;
    }
    await spool.put(this.blocks(), at - piecesFrom);
    if (this.isLast) yield* gunzip(spool.read(), (problem) => this.#damaged(problem));
  }

  /** Takes what nobody took, so that the next part can be read. */
  async finish(): Promise<void> {
    if (!this.#isTaken) for await (const _ of this.#options.readAhead.take(this.#options.reading));
    await this.#spool?.close();
    await this.#other?.finish();
  }

  /** Once it was acknowledged, what was collected is not needed any more. */
  async acknowledged(): Promise<void> {
    if (this.isLast) await this.#spool?.remove();
    await this.#other?.acknowledged();
  }

  #damaged(problem: string): void {
    this.#options.onDamage(`${this.file}: ${problem}`);
  }
}

/** The beginning of a line, as far as it came. It is put together once, when it is taken. */
class Unfinished {
  bytes = 0;
  #pieces: Buffer[] = [];

  add(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.bytes += piece.length;
  }

  take(): Buffer {
    const [first = nothing] = this.#pieces;
    const whole = this.#pieces.length > 1 ? Buffer.concat(this.#pieces) : first;
    this.#pieces = [];
    this.bytes = 0;
    return whole;
  }
}
