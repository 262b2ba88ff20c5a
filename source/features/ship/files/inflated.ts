import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pipeline, Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { environmentOfHelpers } from '../../../environment.ts';
import { gunzip } from './gzip.ts';
import { anchorOf, digestOf, type Head, longestHeadBytes, type ReadAt, rungOf } from './identity.ts';
import { type Marks, markOf, nextMark } from './marks.ts';

/** How much of what was decompressed is kept: more than is ever read again behind what was read last. */
const keptBytes = 16 * 1024 * 1024;
/** Parts of compressed generations are no larger, so that what is under way is kept. */
export const inflatedPartBytes = 2 * 1024 * 1024;
const blockBytes = 256 * 1024;

/** The content of a compressed file as one that can be read at positions, mostly one after the other. */
export class Inflated {
  readonly #source: ReadAt;
  readonly #ending: string;
  #chunks: { readonly at: number; readonly bytes: Buffer }[] = [];
  #end = 0;
  #content: AsyncGenerator<Buffer, void, undefined> | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  /** Why the compressed bytes could not be read; what was decompressed until then is not all of it. */
  #failure: { readonly error: unknown } | undefined;

  constructor(source: ReadAt, ending: string) {
    this.#source = async (buffer, position) => {
      try {
        return await source(buffer, position);
      } catch (error) {
        this.#failure = { error };
        throw error;
      }
    };
    this.#ending = ending;
  }

  /** Like a file's: up to `buffer.length` bytes, fewer at the end. */
  read(buffer: Buffer, position: number): Promise<number> {
    const reading = this.#turn.then(() => this.#read(buffer, position));
    this.#turn = reading.catch(() => {});
    return reading;
  }

  async close(): Promise<void> {
    await this.#content?.return();
    this.#content = undefined;
    this.#chunks = [];
    this.#end = 0;
  }

  async #read(buffer: Buffer, position: number): Promise<number> {
    if (position < (this.#chunks[0]?.at ?? this.#end)) await this.close();
    this.#content ??= decompress(this.#source, this.#ending, () => {});
    while (position >= this.#end) if (!(await this.#more(this.#content))) return 0;
    const chunk = this.#chunks.findLast(({ at }) => at <= position);
    return chunk ? chunk.bytes.copy(buffer, 0, position - chunk.at) : 0;
  }

  async #more(content: AsyncGenerator<Buffer, void, undefined>): Promise<boolean> {
    const { value, done } = await content.next().catch(() => ({ value: undefined, done: true as const }));
    const failure = this.#failure;
    if (failure) {
      // A content that ended so has ended for ever: the next reading begins anew.
      this.#failure = undefined;
      await this.close();
      throw failure.error;
    }
    if (done) return false;
    this.#chunks.push({ at: this.#end, bytes: value });
    this.#end += value.length;
    while (this.#end - (this.#chunks[1]?.at ?? this.#end) > keptBytes) this.#chunks.shift();
    return true;
  }
}

/** What a compressed file holds, found out by decompressing all of it once. */
export type Inspected = {
  readonly size: number;
  readonly head: Head;
  /** The first bytes, to be compared with other heads. */
  readonly begin: Buffer;
  readonly seenAnchor: string;
  /** The anchors at the positions that were asked for. */
  readonly anchors: ReadonlyMap<number, string>;
  readonly marks: Marks;
  /** Why it is not whole; undefined when it is. */
  readonly damage: string | undefined;
};

export async function inspect(
  source: ReadAt,
  ending: string,
  positions: readonly number[],
  signal: AbortSignal,
): Promise<Inspected> {
  const wanted = [...new Set(positions)].sort((a, b) => a - b);
  const anchors = new Map<number, string>();
  let marks = '';
  let damage: string | undefined;
  let size = 0;
  let begin: Buffer = Buffer.alloc(0);
  let last: Buffer = Buffer.alloc(0);
  const content = decompress(source, ending, (problem) => {
    damage = problem;
  });
  for await (const chunk of content) {
    signal.throwIfAborted();
    if (begin.length < longestHeadBytes) {
      begin = Buffer.concat([begin, chunk.subarray(0, longestHeadBytes - begin.length)]);
    }
    const recent = Buffer.concat([last, chunk]);
    while (wanted[0] !== undefined && wanted[0] <= size + chunk.length) {
      const position = wanted.shift() ?? 0;
      anchors.set(position, anchorOf(recent.subarray(0, last.length + position - size)));
    }
    for (let at = nextMark(marks); at <= size + chunk.length; at = nextMark(marks)) {
      marks += markOf(recent.subarray(0, last.length + at - size));
    }
    size += chunk.length;
    last = Buffer.from(recent.subarray(-256));
  }
  const rung = rungOf(begin.length);
  const head = { bytes: rung, digest: digestOf(begin.subarray(0, rung)) };
  return { size, head, begin, seenAnchor: anchorOf(last), anchors, marks, damage };
}

/** The content of a compressed file, as far as it can be read; then what is wrong with it, if anything. */
async function* decompress(
  source: ReadAt,
  ending: string,
  onDamage: (problem: string) => void,
): AsyncGenerator<Buffer, void, undefined> {
  if (ending === '.gz') return yield* gunzip(blocksOf(source), onDamage);
  try {
    if (ending === '.zst') yield* throughZstd(source);
    else yield* throughProgram(ending === '.xz' ? 'xz' : 'bzip2', source);
  } catch (error) {
    onDamage(error instanceof Error ? error.message : String(error));
  }
}

async function* blocksOf(source: ReadAt): AsyncGenerator<Buffer, void, undefined> {
  for (let position = 0; ; ) {
    const block = Buffer.allocUnsafe(blockBytes);
    const got = await source(block, position);
    if (got === 0) return;
    position += got;
    yield block.subarray(0, got);
  }
}

async function* throughZstd(source: ReadAt): AsyncGenerator<Buffer, void, undefined> {
  if (typeof zlib.createZstdDecompress !== 'function') {
    throw new Error('this Node cannot read zstd: use 22.15 or newer');
  }
  const stream = zlib.createZstdDecompress();
  pipeline(Readable.from(blocksOf(source)), stream, () => {});
  for await (const chunk of stream) yield chunk as Buffer;
}

/** By the system's own program, as there is none in Node. */
async function* throughProgram(program: string, source: ReadAt): AsyncGenerator<Buffer, void, undefined> {
  const child = spawn(program, ['-dc'], {
    env: environmentOfHelpers(),
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  ended.catch(() => {});
  pipeline(Readable.from(blocksOf(source)), child.stdin, () => {});
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const [code] = await ended;
    if (code !== 0) throw new Error(`${program} ended with exit code ${code}`);
  } finally {
    child.kill();
  }
}
