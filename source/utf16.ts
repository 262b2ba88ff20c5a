/**
 * What reads text made of bytes takes UTF-8. Files of UTF-16, as Windows writes them, begin with a byte order mark: such
 * a stream is turned into UTF-8 on the way, and any other passes as it is.
 */
export class Utf8Stream {
  /** Undefined while too little has come to tell. */
  #form: Utf16 | 'as it is' | undefined;
  /** Of the beginning, or of a character whose rest is to come. */
  #held: Buffer = nothing;

  #skips: boolean;

  /** @param middle what is known of a stream that does not begin with its beginning, maybe within a character */
  constructor(middle?: { readonly form: Utf16; readonly isWithin: boolean }) {
    this.#form = middle?.form;
    this.#skips = middle?.isWithin === true;
  }

  take(chunk: Buffer): Buffer {
    if (this.#form === 'as it is') return chunk;
    const rest = this.#skips ? chunk.subarray(1) : chunk;
    if (chunk.length > 0) this.#skips = false;
    const bytes = this.#held.length === 0 ? rest : Buffer.concat([this.#held, rest]);
    this.#held = nothing;
    if (this.#form !== undefined) return this.#decoded(bytes, this.#form);
    const form = utf16Of(bytes);
    if (form === undefined && bytes.length < sureBytes && mayBeMarked(bytes)) {
      this.#held = bytes;
      return nothing;
    }
    this.#form = form ?? 'as it is';
    return form === undefined ? bytes : this.#decoded(bytes.subarray(2), form);
  }

  /** What was held back: half a character stays what it is, and is no UTF-8. A mark alone is a text without any. */
  end(): Buffer {
    const bytes = this.#held;
    this.#held = nothing;
    return this.#form === undefined && bytes.length === 2 && markOf(bytes) !== undefined ? nothing : bytes;
  }

  #decoded(bytes: Buffer, form: Utf16): Buffer {
    let whole = bytes.length - (bytes.length % 2);
    const highByte = bytes[whole - (form === 'utf-16le' ? 1 : 2)] ?? 0;
    // The other half of a pair is to come.
    if (whole > 0 && highByte >= 0xd8 && highByte <= 0xdb) whole -= 2;
    this.#held = Buffer.from(bytes.subarray(whole));
    const units = bytes.subarray(0, whole);
    return utf8Of((form === 'utf-16le' ? units : Buffer.from(units).swap16()).toString('utf16le'));
  }
}

export type Utf16 = 'utf-16le' | 'utf-16be';

const nothing: Buffer = Buffer.alloc(0);

/** With so many bytes behind its mark a text has had a Latin letter, digit, space or line end, or it is none. */
const sureBytes = 18;

function markOf(head: Buffer): Utf16 | undefined {
  const mark = head.length < 2 ? 0 : head.readUInt16BE(0);
  return mark === 0xfffe ? 'utf-16le' : mark === 0xfeff ? 'utf-16be' : undefined;
}

function mayBeMarked(head: Buffer): boolean {
  return head.length < 2 ? head[0] === undefined || head[0] >= 0xfe : markOf(head) !== undefined;
}

/** By the byte order mark at the beginning of a text; what has no Latin letter, digit, space or line end behind it is none. */
export function utf16Of(head: Buffer): Utf16 | undefined {
  const form = markOf(head);
  if (form === undefined) return;
  const end = Math.min(head.length - 1, 1024);
  for (let at = 2; at < end; at += 2) if (head[form === 'utf-16le' ? at + 1 : at] === 0) return form;
}

/**
 * Of some of the middle of a text: letters of ASCII have a zero in every other byte. Undefined where there are too few.
 * @param at where in the text it begins
 */
export function guessedUtf16(bytes: Buffer, at: number): Utf16 | undefined {
  const length = Math.min(bytes.length, 1024);
  const zeros: [even: number, odd: number] = [0, 0];
  for (let index = 0; index < length; index += 1)
    if (bytes[index] === 0) zeros[((at + index) % 2) as 0 | 1] += 1;
  const [even, odd] = zeros;
  if (Math.max(even, odd) < length / 8 || Math.min(even, odd) > length / 64) return;
  return odd > even ? 'utf-16le' : 'utf-16be';
}

/** Halves of pairs without a partner become bytes that are no UTF-8, so that whoever reads them can tell. */
function utf8Of(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text);
  const pieces = Array.from(text, (character) => {
    if (character.isWellFormed()) return Buffer.from(character);
    const code = character.charCodeAt(0);
    return Buffer.of(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
  });
  return Buffer.concat(pieces);
}
