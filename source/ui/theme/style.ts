import { drawn, type GlyphSet } from './glyphs.ts';
import { resetStyles } from './sgr.ts';
import {
  type Colour,
  mono,
  type Palette,
  paletteOf,
  type Token,
  type TokenStyle,
  terminal,
} from './theme.ts';

/**
 * How text is styled: as SGR sequences put around it here, once, rather than as components around each word, which
 * Ink would have to walk through for every frame.
 */

/** What it means; it adds colour to words that say the same. */
export type Tone = Token;

export type Piece = {
  readonly text: string;
  /** `text` unless given. */
  readonly tone?: Tone | undefined;
  readonly bold?: boolean;
  readonly inverse?: boolean;
  readonly underline?: boolean;
};

/**
 * `plain`: no sequences at all, for pipes and terminals that know none; `mono`: weights but no colours, as NO_COLOR
 * asks.
 */
export type Styling = 'plain' | 'mono' | 'colour';

/** How many colours the terminal can show: its own 16, the 256 that all share, or any. */
export type Depth = 16 | 256 | 'any';

/** How everything is painted. */
export type Appearance = {
  readonly styling: Styling;
  readonly palette: Palette;
  readonly depth: Depth;
  readonly glyphs: GlyphSet;
};

const sixteen = paletteOf(terminal, undefined) ?? mono;

let appearance: Appearance = { styling: 'plain', palette: sixteen, depth: 16, glyphs: 'unicode' };
/** By tone and weights: what opens a style, and what closes it. */
let sequences = new Map<string, readonly [open: string, close: string]>();

/** What is painted from now on looks like this; what was painted has to be painted again. */
export function setAppearance(change: Partial<Appearance>): void {
  appearance = { ...appearance, ...change };
  sequences = new Map();
}

export function currentAppearance(): Appearance {
  return appearance;
}

/** The same, as something that may not be so any more: without the colours that say how things are now. */
export function faded(piece: Piece): Piece {
  const isLine = piece.tone === 'line' || piece.tone === 'barRest';
  return { ...piece, tone: isLine ? piece.tone : 'muted', bold: false };
}

/** The text with its sequences around it; it must hold none of its own, which `sanitise` sees to. */
export function styled(piece: Piece): string {
  const text = drawn(piece.text, appearance.glyphs);
  if (appearance.styling === 'plain' || text === '') return text;
  const { tone = 'text', bold = false, inverse = false, underline = false } = piece;
  const key = `${tone}${bold ? 'b' : ''}${inverse ? 'i' : ''}${underline ? 'u' : ''}`;
  let pair = sequences.get(key);
  if (!pair) {
    const style = styleOf(tone);
    pair = sequencesOf({ ...style, ...(bold && { bold }), ...(underline && { underline }) }, inverse);
    sequences.set(key, pair);
  }
  return pair[0] + text + pair[1];
}

function styleOf(tone: Tone): TokenStyle {
  if (appearance.styling === 'mono') return mono[tone];
  const style = appearance.palette[tone];
  // Where only 16 colours can be shown, none of them is near enough to what a theme was made of.
  return appearance.depth === 16 && isFixed(style.colour) ? sixteen[tone] : style;
}

function isFixed(colour: Colour | undefined): boolean {
  return typeof colour === 'string' || (colour ?? 0) > 15;
}

function sequencesOf(style: TokenStyle, inverse: boolean): readonly [open: string, close: string] {
  const { bold = false, underline = false } = style;
  // Bold and dim together are one of them in one terminal, and the other in the next.
  const dim = style.dim === true && !bold;
  const codes = [
    ...(style.colour === undefined ? [] : [[colourCode(style.colour), '39']]),
    ...(bold ? [['1', '22']] : []),
    ...(dim ? [['2', '22']] : []),
    ...(underline ? [['4', '24']] : []),
    ...(inverse ? [['7', '27']] : []),
  ];
  const open = codes.map(([code]) => `\u001B[${code}m`).join('');
  if (codes.length > 1) return [open, resetStyles];
  return [open, codes.map(([, closer]) => `\u001B[${closer}m`).join('')];
}

function colourCode(colour: Colour): string {
  if (typeof colour === 'string') {
    const [red, green, blue] = rgbOf(colour);
    return appearance.depth === 'any' ? `38;2;${red};${green};${blue}` : `38;5;${nearestOf256(colour)}`;
  }
  if (colour < 8) return String(30 + colour);
  return colour < 16 ? String(82 + colour) : `38;5;${colour}`;
}

export type Rgb = readonly [red: number, green: number, blue: number];

export function rgbOf(hex: string): Rgb {
  const number = Number.parseInt(hex.slice(1), 16);
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255];
}

const cubeSteps = [0, 95, 135, 175, 215, 255];

/** What one of the colours 16 to 255 is in every terminal: a cube of 6 steps a side, then 24 greys. */
export function rgbOf256(colour: number): Rgb {
  if (colour >= 232) {
    const grey = 8 + (colour - 232) * 10;
    return [grey, grey, grey];
  }
  const place = colour - 16;
  const step = (index: number): number => cubeSteps[index % 6] ?? 0;
  return [step(Math.floor(place / 36)), step(Math.floor(place / 6)), step(place)];
}

/** The one of the colours 16 to 255 that is nearest. */
export function nearestOf256(hex: string): number {
  const wanted = rgbOf(hex);
  let best = 16;
  let least = Number.POSITIVE_INFINITY;
  for (let colour = 16; colour < 256; colour += 1) {
    const [red, green, blue] = rgbOf256(colour);
    const distance = (red - wanted[0]) ** 2 + (green - wanted[1]) ** 2 + (blue - wanted[2]) ** 2;
    if (distance >= least) continue;
    least = distance;
    best = colour;
  }
  return best;
}
