import { once } from 'node:events';
import { createGunzip, createInflateRaw } from 'node:zlib';
import type { ReadAt } from './cut.ts';

const blockBytes = 256 * 1024;
const trailerBytes = 8;

export function looksLikeGzip(head: Buffer): boolean {
  return head.length >= 3 && head[0] === 0x1f && head[1] === 0x8b && head[2] === 8;
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
  const body = await headerEnd(read, position);
  if (body === undefined) return;
  const inflate = createInflateRaw({ chunkSize: blockBytes });
  let hasEnded = false;
  const settled = once(inflate, 'end').then(() => {
    hasEnded = true;
  });
  settled.catch(() => {});
  inflate.resume();
  try {
    for (let at = body; !hasEnded; ) {
      if (at - position > limitBytes + blockBytes) return;
      const block = Buffer.allocUnsafe(Math.min(blockBytes, Math.max(0, end - at)));
      const got = block.length === 0 ? 0 : await read(block, at);
      at += got;
      // zlib does not call back about input it has no use for: then the member has ended within it.
      if (got > 0) {
        const written = new Promise<void>((resolve) => {
          inflate.write(block.subarray(0, got), () => resolve());
        });
        await Promise.race([written, settled]);
      } else {
        inflate.end();
        await settled;
      }
    }
    const to = body + inflate.bytesWritten + trailerBytes;
    return to <= end && to - position <= limitBytes ? to : undefined;
  } catch {
    return;
  } finally {
    inflate.destroy();
  }
}

/** Where the header ends and the compressed data begins (RFC 1952, 2.3). */
async function headerEnd(read: ReadAt, position: number): Promise<number | undefined> {
  const buffer = Buffer.alloc(128 * 1024);
  const head = buffer.subarray(0, await read(buffer, position));
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
  return at < head.length ? position + at : undefined;
}

/**
 * Decompresses a gzip file, all its members. What is wrong with it is told to `onDamage`, after everything that could
 * be read was yielded; it never throws about the data.
 */
export async function* gunzip(
  blocks: AsyncIterable<Buffer>,
  onDamage: (problem: string) => void,
): AsyncGenerator<Buffer, void, undefined> {
  const stream = createGunzip({ chunkSize: blockBytes });
  let fed = 0;
  let trailingZeros = 0;
  let failure: unknown;
  const ended = new Promise<void>((resolve) => {
    stream.once('end', resolve).once('close', resolve);
  });
  const feed = async (): Promise<void> => {
    for await (const block of blocks) {
      fed += block.length;
      let from = block.length;
      while (from > 0 && block[from - 1] === 0) from -= 1;
      trailingZeros = from === 0 ? trailingZeros + block.length : block.length - from;
      // Read on even when zlib wants no more: whoever sends these blocks expects them to be taken.
      if (stream.writable && !stream.readableEnded && !stream.write(block)) {
        const drained = new Promise<void>((resolve) => {
          stream.once('drain', resolve);
        });
        await Promise.race([drained, ended]);
      }
    }
    if (stream.writable) stream.end();
  };
  const feeding = feed().catch((error: unknown) => {
    failure = error;
    stream.destroy();
  });
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    stream.destroy();
    await feeding;
    if (failure !== undefined) throw failure;
    if (fed > 0) onDamage(describe(error));
    return;
  }
  await feeding;
  if (failure !== undefined) throw failure;
  const surplus = fed - stream.bytesWritten;
  if (surplus > trailingZeros) onDamage(`${surplus} bytes behind the last gzip member are no gzip`);
}

function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message === 'unexpected end of file' ? 'the gzip data is cut short' : `bad gzip data (${message})`;
}
