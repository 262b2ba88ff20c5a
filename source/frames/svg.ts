import { width as cellsOf, graphemes, sanitise } from '../ui/text.ts';
import { rgbOf256 } from '../ui/theme/style.ts';
import { type Background, dark, light, paletteOf, type Token } from '../ui/theme/theme.ts';
import { type Run, type RunStyle, runsOf } from './runs.ts';
import { isShape, shapeOf } from './shapes.ts';

/**
 * A painted frame as an SVG picture that looks the same everywhere: every cell keeps its place whatever the font, lines
 * and bars are shapes. No style sheet, no script, no link; all text is escaped.
 */

const cell = { width: 9, height: 20 };
const margin = 12;
/** The width of a letter of most fixed fonts is 0.6 of this. */
const fontPixels = 15;
const fonts = "'DejaVu Sans Mono','Cascadia Mono',Menlo,Consolas,'Liberation Mono',monospace";

type Colours = { readonly behind: string; readonly own: readonly string[] };

/** The sixteen colours of the terminal, as nobody knows what its user made of them. */
const colours: Readonly<Record<Background, Colours>> = {
  dark: {
    behind: '#16181d',
    own: [
      ...['#3b4048', '#fa7078', '#8ccf7e', '#f0c349', '#65a0fd', '#c3a6f7', '#6cc4d6', '#d8dee9'],
      ...['#6b7686', '#ff8f96', '#a8e29b', '#ffd76e', '#8bb8ff', '#d6c1ff', '#8fdcec', '#ffffff'],
    ],
  },
  light: {
    behind: '#ffffff',
    own: [
      ...['#22272e', '#c62e48', '#2f6f2f', '#9a5f00', '#014b74', '#6a35a0', '#0b6272', '#868f9c'],
      ...['#5a6472', '#a91f38', '#205520', '#7a4b00', '#01385a', '#542684', '#084c59', '#15181d'],
    ],
  },
};

export type SvgOptions = {
  readonly columns: number;
  readonly rows: number;
  readonly background: Background;
  /** What the picture is called, for those who cannot see it. */
  readonly title: string;
};

/** @param lines painted lines, which may hold SGR sequences and nothing else that steers */
export function svgOf(lines: readonly string[], { columns, rows, background, title }: SvgOptions): string {
  const { behind } = colours[background];
  const wide = columns * cell.width + 2 * margin;
  const high = rows * cell.height + 2 * margin;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${wide}" height="${high}" viewBox="0 0 ${wide} ${high}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${wide}" height="${high}" rx="8" fill="${behind}"/>`,
    `<g transform="translate(${margin} ${margin})" font-family="${fonts}" font-size="${fontPixels}" xml:space="preserve">`,
    ...groupsOf(lines.slice(0, rows), background),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

/** What is drawn in one colour and weight, all over the picture. */
type Group = { backs: string; strokes: string; heavy: string; fills: Map<number, string>; texts: string[] };

function groupsOf(lines: readonly string[], background: Background): readonly string[] {
  const groups = new Map<string, Group>();
  const groupOf = (attributes: string): Group => {
    const known = groups.get(attributes);
    if (known) return known;
    const made = { backs: '', strokes: '', heavy: '', fills: new Map<number, string>(), texts: [] };
    groups.set(attributes, made);
    return made;
  };
  for (const [row, line] of lines.entries()) {
    let column = 0;
    for (const { text, style } of runsOf(line)) {
      const { front, back } = coloursOf(style, background);
      const cells = cellsOf(sanitise(text));
      if (back !== undefined) {
        groupOf(`fill="${back}"`).backs +=
          `M${column * cell.width} ${row * cell.height}h${cells * cell.width}v${cell.height}h${-cells * cell.width}z`;
      }
      draw({ text, style }, groupOf(attributesOf(style, front)), column, row);
      column += cells;
    }
  }
  // Backgrounds lie below everything.
  const all = [...groups];
  return [
    ...all.filter(([, { backs }]) => backs !== '').map(([of, { backs }]) => `<path ${of} d="${backs}"/>`),
    ...all.flatMap(([of, group]) => drawn(of, group)),
  ];
}

function drawn(attributes: string, { strokes, heavy, fills, texts }: Group): readonly string[] {
  const colour = /fill="([^"]*)"/.exec(attributes)?.[1] ?? '';
  const lineOf = (path: string, thick: number): readonly string[] =>
    path === '' ? [] : [`<path fill="none" stroke="${colour}" stroke-width="${thick}" d="${path}"/>`];
  return [
    ...lineOf(strokes, 1),
    ...lineOf(heavy, 2.5),
    ...[...fills].map(([shade, path]) => {
      const opacity = shade === 1 ? '' : ` fill-opacity="${shade}"`;
      return `<path fill="${colour}"${opacity} d="${path}"/>`;
    }),
    ...(texts.length === 0 ? [] : [`<g ${attributes}>`, ...texts, '</g>']),
  ];
}

const words = /[^ ]+(?: [^ ]+)*/g;

function draw({ text: raw, style }: Run, group: Group, from: number, row: number): void {
  // Painted text was made safe already; a file must not depend on that.
  const text = sanitise(raw);
  let column = from;
  let pending = '';
  let start = from;
  const write = (): void => {
    for (const match of pending.matchAll(words)) {
      const at = start + cellsOf(pending.slice(0, match.index));
      const long = cellsOf(match[0]) * cell.width;
      const under = style.underline ? ' text-decoration="underline"' : '';
      const top = row * cell.height + cell.height * 0.72;
      group.texts.push(
        `<text x="${at * cell.width}" y="${round(top)}" textLength="${long}"${under}>${escaped(match[0])}</text>`,
      );
    }
    pending = '';
  };
  const letters = graphemes(text);
  for (let index = 0; index < letters.length; ) {
    const letter = letters[index] ?? '';
    if (!isShape(letter)) {
      if (pending === '') start = column;
      pending += letter;
      column += cellsOf(letter);
      index += 1;
      continue;
    }
    write();
    let count = 1;
    while (letters[index + count] === letter) count += 1;
    const shape = shapeOf(letter, count, column, row, cell);
    if (shape?.kind === 'fill') {
      group.fills.set(shape.shade, (group.fills.get(shape.shade) ?? '') + shape.path);
    } else if (shape?.isHeavy) group.heavy += shape.path;
    else if (shape) group.strokes += shape.path;
    column += count;
    index += count;
  }
  write();
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

function attributesOf({ bold }: RunStyle, front: string): string {
  return `fill="${front}"${bold ? ' font-weight="bold"' : ''}`;
}

function coloursOf(
  { colour, dim, inverse }: RunStyle,
  background: Background,
): { readonly front: string; readonly back: string | undefined } {
  const { behind } = colours[background];
  const own = dim ? tokenColour('line', background) : colourOf(colour, background);
  return inverse ? { front: behind, back: own } : { front: own, back: undefined };
}

function colourOf(colour: RunStyle['colour'], background: Background): string {
  if (typeof colour === 'string') return colour;
  if (colour === undefined) return tokenColour('text', background);
  if (colour < 16) return colours[background].own[colour] ?? tokenColour('text', background);
  return `#${rgbOf256(Math.min(255, colour))
    .map((part) => part.toString(16).padStart(2, '0'))
    .join('')}`;
}

function tokenColour(token: Token, background: Background): string {
  const palette = paletteOf(background === 'dark' ? dark : light, undefined);
  const colour = palette?.[token].colour;
  return typeof colour === 'string' ? colour : '#888888';
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** For text and attributes; what XML 1.0 does not take at all is shown as `�`. */
function escaped(text: string): string {
  return sanitise(text)
    .replaceAll(/[&<>"]/g, (letter) => entities[letter] ?? '')
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD');
}
