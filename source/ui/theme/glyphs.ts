import cellWidth from '../cell-width.ts';

/**
 * The characters everything is drawn with. Panes write the richest set; what the terminal cannot show is replaced
 * where text is painted, by something of the same width, so that no layout depends on the set.
 *
 * `unicode`: all of it, with braille for graphs. `blocks`: lines and blocks that old fonts have, no braille, no round
 * corners. `ascii`: the 95 printable characters, whatever the text: of other people's letters the width is kept.
 */
export const glyphSets = ['unicode', 'blocks', 'ascii'] as const;
export type GlyphSet = (typeof glyphSets)[number];

/**
 * What the terminal shows, by its locale: the first of LC_ALL, LC_CTYPE and LANG that is set. Where none is, as in
 * most containers, terminals of today show UTF-8. The Linux console has neither the characters nor the colours.
 */
export function glyphSetOf(env: Readonly<Record<string, string | undefined>>): GlyphSet {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  if (locale !== '' && !/utf-?8/i.test(locale)) return 'ascii';
  return /^(linux|dumb)$/.test(env.TERM ?? '') ? 'ascii' : 'unicode';
}

/** The text as this set can show it. */
export function drawn(text: string, set: GlyphSet): string {
  if (set === 'unicode' || printable.test(text)) return text;
  return set === 'blocks'
    ? text.replaceAll(unprintable, (letter) => asBlocks.get(letter) ?? letter)
    : text.replaceAll(unprintable, (letter) => asAscii.get(letter) ?? likeness(letter));
}

const printable = /^[ -~]*$/;
const unprintable = /[^ -~]/gu;

/** `é` is `e`; of what has no such likeness the width remains. */
function likeness(letter: string): string {
  const bare = letter.normalize('NFKD').replaceAll(/\p{Mark}/gu, '');
  const cells = cellWidth(letter);
  return bare.length === cells && printable.test(bare) ? bare : '?'.repeat(cells);
}

/** Letter for letter. */
function pairs(from: string, to: string): readonly (readonly [string, string])[] {
  const replacements = [...to];
  return [...from].map((letter, index) => [letter, replacements[index] ?? '?'] as const);
}

const asBlocks = new Map(pairs('╭╮╰╯✓✗↗⇢▏', '┌┐└┘vx>>│'));

const asAscii = new Map([
  // The frame in focus is known by its heavy lines.
  ...pairs('─━│┃╭╮╰╯┏┓┗┛┌┐└┘├┤┬┴┼', '-=||+++++++++++++++++'),
  // Bars and trends: never less for more.
  ...pairs('▁▂▃▄▅▆▇█░▒▓', '_..--=##.:#'),
  ...pairs('▏▎▍▌▋▊▉▐', '||||||||'),
  ...pairs('●○◦•·✓✗×', '*oo*.vxx'),
  ...pairs('↑↓←→↗↘▲▼▴▾⇢', '^v<>>>^v^v>'),
  ...pairs('…–—‐‑−›‹«»≥≤±', '~-----><<>><~'),
  ...pairs('“”„‘’‚', `"""'',`),
]);
