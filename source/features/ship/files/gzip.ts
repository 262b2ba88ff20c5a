import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { crc32, createInflateRaw, type InflateRaw } from 'node:zlib';
import type { ReadAt } from './identity.ts';

/**
 * Gzip files member by member (RFC 1952). Node's own Gunzip hides where members end, and when something behind the
 * last one is no gzip it throws away what it has just decompressed; so members are told apart here, and zlib does the
 * inflating.
 */

const blockBytes = 256 * 1024;
const trailerBytes = 8;
const longestHeaderBytes = 128 * 1024;

export function looksLikeGzip(head: Buffer): boolean {
  return head.length >= 3 && head[0] === 0x1f && head[1] === 0x8b && head[2] === 8;
}

/** How long the header is that `head` begins with; undefined if it is none or `head` does not hold all of it. */
function headerLength(head: Buffer): number | undefined {
  if (!looksLikeGzip(head) || head.length < 10) return;
  const flags = head[3] ?? 0;
  let at = 10;
  if (flags & 4) {
    if (head.length < at + 2) return;
    at += 2 + head.readUInt16LE(at);
  }
  for (const isPresent of [flags & 8, flags & 16]) {
    if (!isPresent) continue;
    const zero = head.indexOf(0, at);
    if (zero === -1) return;
    at = zero + 1;
  }
  if (flags & 2) at += 2;
  return at < head.length ? at : undefined;
}

/**
 * Where the gzip member that begins at `position` ends; undefined when none begins there, when it is damaged or cut
 * short, or when it is longer than `limitBytes`.
 */
export async function gzipMemberEnd(
  read: ReadAt,
  position: number,
  end: number,
  limitBytes: number,
): Promise<number | undefined> {
  const head = Buffer.alloc(longestHeaderBytes);
  const length = headerLength(head.subarray(0, await read(head, position)));
  if (length === undefined) return;
  const inflate = new Inflate();
  for (let at = position + length; !inflate.hasEnded; ) {
    if (at - position > limitBytes + blockBytes) return inflate.stop();
    const block = Buffer.allocUnsafe(Math.min(blockBytes, Math.max(0, end - at)));
    const got = block.length === 0 ? 0 : await read(block, at);
    at += got;
    for await (const _ of inflate.feed(block.subarray(0, got)));
    if (inflate.failure) return;
  }
  const to = position + length + inflate.consumed + trailerBytes;
  return to <= end && to - position <= limitBytes ? to : undefined;
}

/**
 * Decompresses a gzip file, all its members. What is wrong with it is reported to `onDamage`, after everything that could
 * be read was yielded; it never throws about the data. Takes all blocks in any case.
 */
export async function* gunzip(
  blocks: AsyncIterable<Buffer>,
  onDamage: (problem: string) => void,
): AsyncGenerator<Buffer, void, undefined> {
  const input = new Input(blocks);
  for (let members = 0; !(await input.isEmpty()); members += 1) {
    if (members > 0 && (await input.skipZeros())) return;
    const header = await input.header();
    if (header === undefined) {
      const surplus = await input.drain();
      onDamage(members === 0 ? 'it is no gzip' : `${surplus} bytes behind the last gzip member are no gzip`);
      return;
    }
    input.skip(header);
    const problem = yield* member(input);
    if (problem === undefined) continue;
    await input.drain();
    onDamage(problem);
    return;
  }
}

/** The content of one member behind its header; returns what is wrong with it. */
async function* member(input: Input): AsyncGenerator<Buffer, string | undefined, undefined> {
  const inflate = new Inflate();
  let sum = 0;
  let bytes = 0;
  while (!inflate.hasEnded) {
    const block = await input.next();
    const before = inflate.consumed;
    for await (const chunk of inflate.feed(block ?? Buffer.alloc(0))) {
      sum = crc32(chunk, sum);
      bytes += chunk.length;
      yield chunk;
    }
    if (inflate.failure) return describe(inflate.failure);
    if (inflate.hasEnded && block) input.unread(block.subarray(inflate.consumed - before));
  }
  const trailer = await input.peek(trailerBytes);
  if (trailer.length < trailerBytes) return cutShort;
  input.skip(trailerBytes);
  const isRight = trailer.readUInt32LE(0) === sum && trailer.readUInt32LE(4) === bytes % 2 ** 32;
  return isRight ? undefined : 'the gzip data does not match its checksum';
}

const cutShort = 'the gzip data is cut short';

function describe({ message }: Error): string {
  return message === 'unexpected end of file' ? cutShort : `bad gzip data (${message})`;
}

/**
 * One deflate stream, fed block by block, that says when it has ended and how much of its input it took. What comes out
 * is pulled chunk by chunk, because a small block may hold a thousand times its size.
 */
class Inflate {
  hasEnded = false;
  failure: Error | undefined;
  readonly #stream: InflateRaw = createInflateRaw({ chunkSize: blockBytes });
  readonly #settled: Promise<void>;
  #onReadable: () => void = () => {};

  constructor() {
    this.#stream.on('readable', () => this.#onReadable());
    // Kept in `failure`; an error after the end concerns nobody.
    this.#stream.on('error', () => {});
    this.#settled = once(this.#stream, 'end').then(
      () => {
        this.hasEnded = true;
      },
      (error: Error) => {
        this.failure = error;
      },
    );
  }

  get consumed(): number {
    return this.#stream.bytesWritten;
  }

  /** What comes out of a block; an empty block means that nothing follows. Take all of it before the next block. */
  async *feed(block: Buffer): AsyncGenerator<Buffer, void, undefined> {
    let isTaken = false;
    // zlib does not call back about input it has no use for: then the stream has ended within it.
    const taken = new Promise<void>((resolve) => {
      const finish = (): void => {
        isTaken = true;
        resolve();
      };
      if (block.length === 0) this.#stream.end(finish);
      else this.#stream.write(block, finish);
    });
    for (;;) {
      const readable = new Promise<void>((resolve) => {
        this.#onReadable = resolve;
      });
      const chunk: unknown = this.#stream.read();
      if (Buffer.isBuffer(chunk)) yield chunk;
      else if (this.hasEnded || this.failure) return;
      else if (isTaken && block.length > 0) {
        // What is wrong with a block, and that it was the last one, is reported after it was taken.
        await nextTurn();
        return;
      } else await Promise.race([readable, this.#settled, ...(block.length > 0 ? [taken] : [])]);
    }
  }

  stop(): undefined {
    this.#stream.destroy();
  }
}

/** Blocks as one stream of bytes that can be looked at before they are taken. */
class Input {
  readonly #blocks: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);
  #isOver = false;

  constructor(blocks: AsyncIterable<Buffer>) {
    this.#blocks = blocks[Symbol.asyncIterator]();
  }

  async #more(): Promise<boolean> {
    if (this.#isOver) return false;
    const { value, done } = await this.#blocks.next();
    if (done) this.#isOver = true;
    else this.#buffer = this.#buffer.length === 0 ? value : Buffer.concat([this.#buffer, value]);
    return !done;
  }

  async isEmpty(): Promise<boolean> {
    while (this.#buffer.length === 0) if (!(await this.#more())) return true;
    return false;
  }

  /** Up to so many bytes; fewer only at the end. */
  async peek(bytes: number): Promise<Buffer> {
    while (this.#buffer.length < bytes) if (!(await this.#more())) break;
    return this.#buffer.subarray(0, bytes);
  }

  /** How long the header is that comes next, if one does. */
  async header(): Promise<number | undefined> {
    for (let bytes = 512; ; bytes *= 2) {
      const head = await this.peek(bytes);
      const length = headerLength(head);
      if (length !== undefined || !looksLikeGzip(head) || head.length < bytes || bytes > longestHeaderBytes)
        return length;
    }
  }

  skip(bytes: number): void {
    this.#buffer = this.#buffer.subarray(bytes);
  }

  /** Whatever comes next; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    if (await this.isEmpty()) return;
    const block = this.#buffer;
    this.#buffer = Buffer.alloc(0);
    return block;
  }

  unread(rest: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? rest : Buffer.concat([rest, this.#buffer]);
  }

  /** Skips zeros; resolves to whether nothing else is left. */
  async skipZeros(): Promise<boolean> {
    for (;;) {
      const other = this.#buffer.findIndex((byte) => byte !== 0);
      if (other >= 0) {
        this.skip(other);
        return false;
      }
      this.#buffer = Buffer.alloc(0);
      if (!(await this.#more())) return true;
    }
  }

  /** Takes all that is left; resolves to how much that was. */
  async drain(): Promise<number> {
    let bytes = 0;
    for (let block = await this.next(); block; block = await this.next()) bytes += block.length;
    return bytes;
  }
}
