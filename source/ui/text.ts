import cellWidth, { isNarrow } from './cell-width.ts';

/**
 * Text from Redis is written by strangers. Everything painted goes through `sanitise`, and every width through
 * `width`, so that no message can move the cursor, hide, forge a second line or push a border out of place.
 *
 * What is not promised: two characters that look alike stay alike, and right-to-left scripts are left to the terminal.
 */

const replacement = '\uFFFD';

/** Scripts and symbols that need no look: most of what is ever painted. */
const harmless =
  /^[\u0020-\u007E\u00A1-\u00AC\u00AE-\u02FF\u0370-\u0373\u0391-\u0482\u048A-\u052F\u2010-\u2027\u2030-\u205E\u2190-\u2328\u232B-\u23FF\u2500-\u26FF\u2701-\u2767\u3041-\u3096\u30A1-\u30FE\u4E00-\u9FFF\uAC00-\uD7A3]*$/;
const ends = /\r\n|[\u2028\u2029]/g;
const controls = /[\u0000-\u001F\u007F]/g;
const c1 = /[\u0080-\u009F]/g;
/** Overrides, embeddings and isolates reorder their neighbours; the plain direction marks do not. */
const reordering = /[\u202A-\u202E\u2066-\u2069]/g;
/** Joiners, fillers, variation selectors, tags, skin tones: nothing to see, or nothing two terminals agree on. */
const invisible =
  /(?![\u{1F3FB}-\u{1F3FF}])\p{Default_Ignorable_Code_Point}|[\u{1F3FB}-\u{1F3FF}]|\p{Enclosing_Mark}/gu;
const otherFormats = /[\p{Format}\p{Noncharacter_Code_Point}]/gu;
const spaces = /[\u00A0\u1680\u2000-\u200A\u202F\u205F]/g;
const flagLetters = /[\u{1F1E6}-\u{1F1FF}]/gu;
/** Jamo that did not compose: some terminals give them no cell. */
const loneJamo = /[\u1160-\u11FF\uD7B0-\uD7FF]/g;
/** Clusters whose parts terminals paint in cells of their own. */
const thaiAm = /\u0E33/g;
const laoAm = /\u0EB3/g;
/** Letters that join the one behind them into one cluster; terminals give both a cell. */
const joiningLetters =
  /[\u0D4E\u{111C2}\u{111C3}\u{113D1}\u{1193F}\u{11941}\u{11A84}-\u{11A89}\u{11D46}\u{11F02}]/gu;
/** A sign that joins two consonants into one cluster: a non-joiner behind it keeps each in cells of its own. */
const conjuncts =
  /([\u094D\u09CD\u0ACD\u0B4D\u0C4D\u0D4D\u1039\u17D2\u1A60\u1B44\u1BAB\uA9C0\uAAF6\u{10A3F}\u{11133}\u{113D0}\u{1193E}\u{11A47}\u{11A99}\u{11F42}]\p{Nonspacing_Mark}*)(?=\p{Letter})/gu;
const leadingMarks = /^\p{Mark}+/u;
const stackedMarks = /(\p{Nonspacing_Mark}{2})\p{Nonspacing_Mark}+/gu;

/**
 * One harmless line: control characters become visible (`␛`), what reorders, hides or stacks is taken out or shown
 * as `�`, newlines become `␊`. Applying it twice changes nothing.
 */
export function sanitise(text: string): string {
  if (harmless.test(text)) return text;
  return text
    .toWellFormed()
    .replaceAll('\t', ' ')
    .replaceAll(ends, '\n')
    .replaceAll(controls, (control) =>
      control === '\u007F' ? '\u2421' : String.fromCharCode(0x2400 + control.charCodeAt(0)),
    )
    .replaceAll(c1, replacement)
    .replaceAll(reordering, replacement)
    .replaceAll(invisible, '')
    .replaceAll(otherFormats, replacement)
    .replaceAll(spaces, ' ')
    .replaceAll(flagLetters, (letter) => String.fromCharCode((letter.codePointAt(0) ?? 0) - 0x1f1e6 + 0x41))
    .normalize('NFC')
    .replaceAll(loneJamo, replacement)
    .replaceAll(joiningLetters, replacement)
    .replaceAll(thaiAm, '\u0E4D\u0E32')
    .replaceAll(laoAm, '\u0ECD\u0EB2')
    .replace(leadingMarks, '')
    .replaceAll(stackedMarks, '$1')
    .replaceAll(conjuncts, '$1\u200C');
}

/**
 * Text for people as lines to print: a string is one line, whatever it holds, and so is each item of a list. A line end
 * comes from here alone, so no name or message can forge a line.
 */
export function safeLines(text: string | readonly string[]): string[] {
  return (typeof text === 'string' ? [text] : text).map(sanitise);
}

const unsafeInJson =
  /[\u007F-\u009F\u2028\u2029\p{Format}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu;

/** JSON with everything escaped that could move a cursor, hide or reorder: the same value, harmless to look at. */
export function safeJson(value: unknown, indent?: number): string {
  return escapeJson(JSON.stringify(value, null, indent));
}

/** The same for JSON that is text already. */
export function escapeJson(json: string): string {
  // Nothing to look for in most of it, and looking is dear.
  if (!/[^\n -~]/.test(json)) return json;
  return json.replaceAll(unsafeInJson, (letter) =>
    Array.from(
      { length: letter.length },
      (_, index) => `\\u${letter.charCodeAt(index).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}

/** For each byte of ASCII 0 where it stands for itself, else what stands behind a backslash; `u` before four digits. */
const asciiEscapes = Uint8Array.from({ length: 128 }, (_, byte) => {
  const json = safeJson(String.fromCharCode(byte));
  return json.length === 3 ? 0 : json.charCodeAt(2);
});
const digits = Buffer.from('0123456789abcdef');
const [backslash, quote, unicode, zero] = [0x5c, 0x22, 0x75, 0x30];

/** The same as `safeJson` of a text that is ASCII, from its bytes and as bytes: much faster where most of it is escaped. */
export function asciiJson(text: Uint8Array): Buffer {
  // As long as it can become; what is not written to is never taken from the system.
  const json = Buffer.allocUnsafeSlow(6 * text.length + 2);
  json[0] = quote;
  let at = 1;
  for (let index = 0; index < text.length; index += 1) {
    const byte = text[index] ?? 0;
    const escaped = asciiEscapes[byte] ?? 0;
    if (escaped === 0) {
      json[at] = byte;
      at += 1;
      continue;
    }
    json[at] = backslash;
    json[at + 1] = escaped;
    at += 2;
    if (escaped !== unicode) continue;
    json[at] = zero;
    json[at + 1] = zero;
    json[at + 2] = digits[byte >> 4] ?? zero;
    json[at + 3] = digits[byte & 15] ?? zero;
    at += 4;
    let end = index + 1;
    while (text[end] === byte) end += 1;
    // What compresses well is the same byte over and over.
    const more = 6 * (end - index - 1);
    if (more > 0) json.fill(json.subarray(at - 6, at), at, at + more);
    at += more;
    index = end - 1;
  }
  json[at] = quote;
  return json.subarray(0, at + 1);
}

export { cellWidth as width, isNarrow };

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** What a reader calls characters. */
export function graphemes(text: string): string[] {
  if (isNarrow(text)) return text.split('');
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** At most `columns` cells, the last of them `…` when something had to go. */
export function truncate(text: string, columns: number): string {
  if (columns <= 0) return '';
  if (cellWidth(text) <= columns) return text;
  if (columns === 1) return '…';
  return `${head(text, columns - 1)}…`;
}

/** The last `columns` cells, the first of them `…` when something had to go. */
export function truncateStart(text: string, columns: number): string {
  if (columns <= 0) return '';
  if (cellWidth(text) <= columns) return text;
  if (columns === 1) return '…';
  let kept = '';
  let taken = 0;
  for (const grapheme of graphemes(text).reverse()) {
    taken += cellWidth(grapheme);
    if (taken > columns - 1) break;
    kept = grapheme + kept;
  }
  return `…${kept}`;
}

/** The first graphemes that fit into `columns` cells; nothing shows that there was more. */
export function head(text: string, columns: number): string {
  if (isNarrow(text)) return text.slice(0, Math.max(0, columns));
  let kept = '';
  let taken = 0;
  for (const grapheme of graphemes(text)) {
    taken += cellWidth(grapheme);
    if (taken > columns) break;
    kept += grapheme;
  }
  return kept;
}

/** Spaces after the text up to `columns` cells; longer text is left as it is. */
export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - cellWidth(text)));
}

/** Spaces before the text up to `columns` cells; longer text is left as it is. */
export function padStart(text: string, columns: number): string {
  return ' '.repeat(Math.max(0, columns - cellWidth(text))) + text;
}

/** Exactly `columns` cells: cut with `…`, or padded on the side away from `align`. */
export function fitTo(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const cut = truncate(text, columns);
  return align === 'left' ? padEnd(cut, columns) : padStart(cut, columns);
}

/** Breaks a sanitised line at spaces into lines of at most `columns` cells; longer words are cut. */
export function wrap(text: string, columns: number): string[] {
  if (columns <= 0) return [];
  const lines: string[] = [];
  let line = '';
  for (let word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (cellWidth(joined) <= columns) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    while (cellWidth(word) > columns) {
      const part = head(word, columns);
      // A single character may be wider than the column.
      lines.push(part || '…');
      word = word.slice((part || graphemes(word)[0] || word).length);
    }
    line = word;
  }
  if (line !== '' || lines.length === 0) lines.push(line);
  return lines;
}
