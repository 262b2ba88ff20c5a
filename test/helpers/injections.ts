/**
 * What a hostile message may hold: every way of steering a terminal, or a reader, that we know of. Each payload is
 * surrounded by plain text where it is used.
 */

const esc = '\u001B';
const bel = '\u0007';
const st = `${esc}\\`;
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);
const point = (code: number): string => String.fromCodePoint(code);

const controls = [...range(0, 31), ...range(127, 159)].map((code) => `a${point(code)}b`);

const moves = Array.from('ABCDEFGHIJKLMPSTXZ`abdefghlmnpqrstuvx@').flatMap((final) => [
  `${esc}[${final}`,
  `${esc}[9999;9999${final}`,
]);

const modes = [
  '?25h',
  '?25l',
  '?1000h',
  '?1003h',
  '?1006h',
  '?1049h',
  '?1049l',
  '?2004h',
  '?2026h',
  '?7l',
  '4h',
  '20h',
  '!p',
  '>1u',
].map((mode) => `${esc}[${mode}`);

const colours = [
  '0',
  '1',
  '5',
  '7',
  '8',
  '28',
  '30',
  '31;41',
  '38;5;196',
  '38;2;255;0;0',
  '48;2;0;0;0',
  '4:3',
  '58:2::1:2:3',
].map((code) => `${esc}[${code}mtext`);

const strings = [']', 'P', 'X', '^', '_', 'k'].flatMap((opener) => [
  `${esc}${opener}payload${st}`,
  `${esc}${opener}payload${bel}`,
  `${esc}${opener}payload`,
]);

const commands = [0, 1, 2, 4, 7, 8, 9, 10, 11, 12, 22, 50, 52, 104, 110, 133, 633, 777, 1337, 5113].flatMap(
  (number) => [`${esc}]${number};payload${bel}`, `\u009D${number};payload\u009C`],
);

const links = [
  `${esc}]8;;https://evil.example${st}https://good.example${esc}]8;;${st}`,
  `${esc}]8;id=1;file:///etc/passwd${bel}click${esc}]8;;${bel}`,
];
const clipboard = [
  `${esc}]52;c;cm0gLXJmIC8=${bel}`,
  `${esc}]52;p;?${st}`,
  `${esc}]1337;CopyToClipboard=;x${bel}`,
];
const images = [
  `${esc}Pq#0;2;0;0;0#0~~$-${st}`,
  `${esc}_Gf=100,a=T;AAAA${st}`,
  `${esc}]1337;File=inline=1:AAAA${bel}`,
];
const resets = [
  `${esc}c`,
  `${esc}#8`,
  `${esc}(0lqk`,
  `${esc})0`,
  `${esc}%G`,
  `${esc}>`,
  `${esc}=`,
  `${esc}7${esc}8`,
  `${esc}D`,
  `${esc}M`,
  `${esc}E`,
];

const forged = [
  'x\nadmin: yes',
  'x\r\nadmin: yes',
  'x\radmin: yes',
  'x\u2028admin: yes',
  'x\u2029admin: yes',
  'x\u0085admin: yes',
  'x\u000Badmin',
  'x\u000Cadmin',
];
const overstruck = ['secret\b\b\b\b\b\bpublic', `x${'\b'.repeat(500)}y`, 'a\u0008\u0008b'];

const reordered = [
  0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0x061c, 0x200e, 0x200f,
].map((code) => `safe${point(code)}exe.txt`);
const unseen = [
  0x00ad, 0x034f, 0x115f, 0x1160, 0x17b4, 0x180e, 0x200b, 0x200c, 0x200d, 0x2060, 0x2061, 0x2064, 0x206a,
  0x3164, 0xfe00, 0xfe0f, 0xfeff, 0xffa0, 0xfff9, 0xfffc, 0x1d173, 0xe0001, 0xe0041, 0xe007f, 0xe0100,
].map((code) => `a${point(code)}b`);
const stacked = [
  `Z${'\u0301'.repeat(50)}`,
  `a${'\u0489'.repeat(20)}`,
  '\u0334\u0335starts with marks',
  `x${'\u20E3'.repeat(9)}`,
];
const wide = [
  '日本語'.repeat(40),
  '👩‍👩‍👧‍👦'.repeat(30),
  '🇩🇪'.repeat(30),
  '👍🏽'.repeat(30),
  '1️⃣'.repeat(30),
  '❤️'.repeat(30),
  '﷽'.repeat(30),
  'กำ'.repeat(30),
  'क्ष'.repeat(30),
  '\u1100\u1161\u11A8'.repeat(30),
  '\u{1F3F4}\u{E0067}\u{E0062}\u{E007F}',
];
const broken = ['\uD800', '\uDC00x', 'a\uD83D', '\uFFFE\uFFFF', '\u{10FFFF}'];
const long = [
  'x'.repeat(10_000),
  `${' '.repeat(300)}hidden`,
  '\u3000'.repeat(300),
  '\u2800'.repeat(300),
  `${esc}[`.repeat(500),
];

export const payloads: readonly string[] = [
  ...controls,
  ...moves,
  ...modes,
  ...colours,
  ...strings,
  ...commands,
  ...links,
  ...clipboard,
  ...images,
  ...resets,
  ...forged,
  ...overstruck,
  ...reordered,
  ...unseen,
  ...stacked,
  ...wide,
  ...broken,
  ...long,
];

/**
 * The sequences the console itself may send: its own modes, the question after the background, absolute moves,
 * erasing a line's end, its styles, and the window's title with the old one kept for later.
 */
const allowed =
  /\u001B(?:\]2;(?:!\d+ )?quarterdeck [\w.:/@[\]…-]*\u0007|\[2[23];2t|\[\?(?:7|25|1007|1049|2004|2026|2031)[hl]|\[\?996n|\]11;\?\u001B\\|\[c|\[\d+;\d+H|\[H|\[2J|\[K|\[(?:0|1|2|4|7|22|24|27|3[0-7]|39|9[0-7]|38;5;\d+|38;2;\d+;\d+;\d+)m)/g;

/**
 * Lines that steer, hide or reorder something, or that nobody but a payload wrote; empty when all is well. A non-joiner
 * that keeps two letters apart is ours.
 */
export function unsafeLines(text: string): readonly string[] {
  const unsafe =
    /(?!\u200C)[\p{Format}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\p{Surrogate}]/u;
  return text
    .split('\n')
    .filter((line) => foreignSequences(line).length > 0 || /^admin/.test(line) || unsafe.test(line));
}

/** What was written beyond text and our own sequences; empty when all is well. */
export function foreignSequences(written: string): string[] {
  const rest = written.replaceAll(allowed, '');
  return rest.match(/[\u0000-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069].{0,20}/gs) ?? [];
}
