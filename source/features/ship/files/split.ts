import { gzipMemberEnd, looksLikeGzip } from './gzip.ts';
import type { ReadAt } from './identity.ts';

/**
 * Where one part of a file ends and the next begins.
 *
 * Text is cut behind the last line end that fits; a line longer than a part is cut between characters and its rest
 * follows. Gzip is cut between members, so that each part is a gzip file of its own; a member larger than a part is
 * shipped as one while it is no larger than `wholeBytes`, and beyond that in pieces that only make sense together.
 */
export type Cut = {
  readonly bytes: number;
  readonly kind: PartKind;
  /** It ends within a line. */
  readonly isOpen?: boolean;
};

/** `lines`: text; `gzip`: whole members; `piece`: some bytes of a gzip file, to be joined before decompressing. */
export type PartKind = 'lines' | 'gzip' | 'piece';

export type CutOptions = {
  /** Where the file ends, or what of it there is so far. */
  readonly end: number;
  readonly maxBytes: number;
  readonly wholeBytes: number;
  /** A file that may still grow: the beginning of a line waits for its end. */
  readonly isGrowing?: boolean;
};

const searchBytes = 64 * 1024;
const newline = 0x0a;

/**
 * The next part of a text file from `position` on; undefined when there is nothing to ship yet. An empty file has one
 * part of 0 bytes.
 */
export async function cutLines(
  read: ReadAt,
  position: number,
  { end, maxBytes, isGrowing = false }: CutOptions,
): Promise<Cut | undefined> {
  const left = end - position;
  if (left <= maxBytes && !isGrowing) return { bytes: left, kind: 'lines', isOpen: true };
  const limit = Math.min(left, maxBytes);
  const buffer = Buffer.allocUnsafe(Math.min(searchBytes, limit));
  for (let to = limit; to > 0; ) {
    const from = Math.max(0, to - buffer.length);
    const window = buffer.subarray(0, to - from);
    const got = await read(window, position + from);
    const at = window.subarray(0, got).lastIndexOf(newline);
    if (at >= 0) return { bytes: from + at + 1, kind: 'lines' };
    to = from;
  }
  if (left < maxBytes) return;
  return { bytes: await betweenCharacters(read, position, maxBytes), kind: 'lines', isOpen: true };
}

/** Up to three bytes less, where `bytes` would split a UTF-8 character. */
async function betweenCharacters(read: ReadAt, position: number, bytes: number): Promise<number> {
  const tail = Buffer.alloc(4);
  if (bytes <= tail.length || (await read(tail, position + bytes - 3)) < tail.length) return bytes;
  // tail[3] is the first byte of the part to come.
  for (let back = 0; back <= 3; back += 1) {
    const byte = tail[3 - back] ?? 0;
    if ((byte & 0xc0) !== 0x80) return bytes - back;
  }
  return bytes;
}

/** Cuts one gzip file from front to back; remembers what it learned about the next member. */
export function gzipCutter(
  read: ReadAt,
  { end, maxBytes, wholeBytes, ...begun }: CutOptions & { readonly isInPieces: boolean },
) {
  let known: { readonly from: number; readonly to: number | undefined } | undefined;
  let { isInPieces } = begun;

  const memberEnd = async (from: number): Promise<number | undefined> => {
    if (known?.from !== from) known = { from, to: await gzipMemberEnd(read, from, end, wholeBytes) };
    return known.to;
  };
  return async (position: number): Promise<Cut> => {
    const left = end - position;
    if (isInPieces) return { bytes: Math.min(left, maxBytes), kind: 'piece' };
    if (left <= maxBytes) return { bytes: left, kind: 'gzip' };
    let to = position;
    while (to < end) {
      const next = await memberEnd(to);
      if (next === undefined || (to > position && next - position > maxBytes)) break;
      to = next;
    }
    if (to > position && to - position <= wholeBytes) return { bytes: to - position, kind: 'gzip' };
    // Not gzip any more, cut short, or one member larger than can be held at once.
    if (left <= wholeBytes) return { bytes: left, kind: 'gzip' };
    isInPieces = true;
    return { bytes: maxBytes, kind: 'piece' };
  };
}

/** Whether a file is shipped as gzip: by its name and by how it begins. */
export async function isGzipFile(read: ReadAt, name: string): Promise<boolean> {
  if (!name.endsWith('.gz')) return false;
  const head = Buffer.alloc(18);
  return (await read(head, 0)) === head.length && looksLikeGzip(head);
}
