export type LineBatch = {
  /** Without their line ends; the carriage return of a CRLF stays. */
  readonly lines: readonly Buffer[];
  /** The same as it was shipped, line ends and all. */
  readonly bytes: Buffer;
  /** `open`: the last one is the file's last and has no end. `cut`: its rest, too long to wait for, comes with a later part. */
  readonly end: 'whole' | 'open' | 'cut';
};

export const newline = 0x0a;

/** Lines that all have their ends. They are told apart when asked for: who passes the bytes on needs none of them. */
export class WholeLines implements LineBatch {
  readonly end = 'whole';
  readonly #head: Buffer;
  readonly #block: Buffer;
  #lines: readonly Buffer[] | undefined;

  /** `head` is the beginning of the first line and has no line end; `block` ends with one. */
  constructor(head: Buffer, block: Buffer) {
    this.#head = head;
    this.#block = block;
  }

  get bytes(): Buffer {
    return this.#head.length > 0 ? Buffer.concat([this.#head, this.#block]) : this.#block;
  }

  get lines(): readonly Buffer[] {
    this.#lines ??= split(this.#head, this.#block);
    return this.#lines;
  }
}

function split(head: Buffer, block: Buffer): readonly Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  if (head.length > 0) {
    const end = block.indexOf(newline);
    lines.push(Buffer.concat([head, block.subarray(0, end)]));
    start = end + 1;
  }
  for (let end = block.indexOf(newline, start); end !== -1; end = block.indexOf(newline, start)) {
    lines.push(block.subarray(start, end));
    start = end + 1;
  }
  return lines;
}
