/**
 * A line as bytes, one for each character, so that scanning costs a fifth of asking the string: ASCII as it is, 128 for
 * everything beyond, 0 behind the end. The buffer is shared: it holds the line that was loaded last.
 */
export type Codes = Uint8Array;

const encoder = new TextEncoder();
let buffer = new Uint8Array(16_384);

export function codesOf(line: string): Codes {
  if (line.length >= buffer.length) buffer = new Uint8Array(2 * line.length);
  const { read, written } = encoder.encodeInto(line, buffer);
  // One byte for each character: all of it is ASCII.
  if (read !== line.length || written !== read) {
    for (let at = 0; at < line.length; at += 1) buffer[at] = Math.min(128, line.charCodeAt(at));
  }
  buffer[line.length] = 0;
  return buffer;
}

export const ascii = {
  space: 32,
  exclamation: 33,
  doubleQuote: 34,
  singleQuote: 39,
  openParen: 40,
  hyphen: 45,
  dot: 46,
  slash: 47,
  zero: 48,
  nine: 57,
  colon: 58,
  less: 60,
  equals: 61,
  greater: 62,
  question: 63,
  bigU: 85,
  openBracket: 91,
  backslash: 92,
  backtick: 96,
  smallA: 97,
  smallF: 102,
  smallU: 117,
  smallZ: 122,
  tilde: 126,
  openBrace: 123,
};
