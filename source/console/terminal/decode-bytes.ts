import { isUtf8 } from 'node:buffer';

/**
 * Bytes as text, however they are cut. A byte that is no UTF-8 becomes a lone surrogate (U+DC80 to U+DCFF), which no
 * UTF-8 makes: so it can be distinguished from a real U+FFFD and refused, instead of being typed as something else.
 */
export type ByteDecoder = {
  push(chunk: Buffer): string;
  /** What waits for the rest of its character, when nothing follows. */
  flush(): string;
  isWaiting(): boolean;
};

export function makeByteDecoder(): ByteDecoder {
  let waiting: Buffer = Buffer.alloc(0);
  return {
    push(chunk) {
      const bytes = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk]);
      const end = bytes.length - openBytes(bytes);
      waiting = bytes.subarray(end);
      return decoded(bytes.subarray(0, end));
    },
    flush() {
      const text = decoded(waiting);
      waiting = Buffer.alloc(0);
      return text;
    },
    isWaiting: () => waiting.length > 0,
  };
}

/** How many bytes at the end begin a character that is not complete. */
function openBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return lengthOf(byte) > back ? back : 0;
  }
  return 0;
}

/** How many bytes the character has that begins with this one. */
function lengthOf(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

function decoded(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] ?? 0;
    const character = bytes.subarray(at, at + lengthOf(first));
    const isWhole = character.length === lengthOf(first) && isUtf8(character);
    text += isWhole ? character.toString('utf8') : String.fromCharCode(0xdc00 + first);
    at += isWhole ? character.length : 1;
  }
  return text;
}
