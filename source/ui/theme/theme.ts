/**
 * What a piece of text means, and how each theme shows that. Colour means that something needs a human: what is
 * healthy is `text`.
 *
 * Nothing that must be read is dim (SGR 2), which many terminals make unreadable: only `line` and `barRest` are.
 */

export const tokens = [
  'text',
  /** Names, figures that matter. */
  'strong',
  /** Headings, units, ages: read second. */
  'muted',
  /** Frames and rules. */
  'line',
  /** The frame in focus. */
  'focus',
  /** Marked rows, mentions. */
  'mark',
  'bad',
  'warn',
  /** The filled part of a bar, and the rest of it. */
  'bar',
  'barRest',
  /** The name of the chosen row. */
  'selection',
] as const;

export type Token = (typeof tokens)[number];

/**
 * 0 to 15 are the terminal's own colours, which its user chose. 16 to 255 look alike in every terminal. `#rrggbb` is
 * shown as near as the terminal can.
 */
export type Colour = number | `#${string}`;

export type TokenStyle = {
  readonly colour?: Colour;
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly underline?: boolean;
};

export type Palette = Readonly<Record<Token, TokenStyle>>;

export type Background = 'dark' | 'light';

export type Theme = {
  readonly name: string;
  /** `unknown`: for a background that is not known, or that has no palette of its own. */
  readonly palettes: Readonly<Partial<Record<Background | 'unknown', Palette>>>;
};

/** The weights of every theme; colours come on top. */
const weights: Palette = {
  text: {},
  strong: { bold: true },
  muted: {},
  line: { dim: true },
  focus: {},
  mark: { bold: true },
  bad: { bold: true },
  warn: {},
  bar: {},
  barRest: { dim: true },
  selection: { bold: true, underline: true },
};

/** Without colour: bold, underline and inverse stay. */
export const mono: Palette = weights;

const own: Palette = {
  ...weights,
  focus: { colour: 6 },
  bad: { colour: 1, bold: true },
  warn: { colour: 3 },
};

/**
 * The terminal's own 16 colours, and weights. What is muted has the colour of text until the background is known. On a
 * light one the yellow and cyan of most terminals cannot be read: there these two are fixed colours.
 */
export const terminal: Theme = {
  name: 'terminal',
  palettes: {
    unknown: own,
    dark: { ...own, muted: { colour: 248 } },
    light: { ...own, muted: { colour: 240 }, warn: { colour: 94 }, focus: { colour: 24 } },
  },
};

/** Contrast on the backgrounds of common schemes, and distance in three kinds of colour blindness: see the test. */
const darkPalette = withColours(weights, {
  text: '#d8dee9',
  strong: '#e5e9f0',
  muted: '#9aa5b5',
  line: '#6b7686',
  focus: '#65a0fd',
  mark: '#c3a6f7',
  bad: '#fa7078',
  warn: '#f0c349',
  bar: '#9aa5b5',
  barRest: '#6b7686',
  selection: '#65a0fd',
});

const lightPalette = withColours(weights, {
  text: '#22272e',
  strong: '#15181d',
  muted: '#5a6472',
  line: '#868f9c',
  focus: '#014b74',
  mark: '#6a35a0',
  bad: '#c62e48',
  warn: '#9a5f00',
  bar: '#5a6472',
  barRest: '#868f9c',
  selection: '#014b74',
});

export const dark: Theme = { name: 'dark', palettes: { unknown: darkPalette } };
export const light: Theme = { name: 'light', palettes: { unknown: lightPalette } };

export const ownThemes: readonly Theme[] = [terminal, dark, light];

/** A palette with other colours and the same weights; a colour of its own makes dim needless. */
export function withColours(
  palette: Palette,
  colours: Readonly<Partial<Record<Token, Colour | 'default'>>>,
): Palette {
  const styles = tokens.map((token) => {
    const { colour: before, dim, ...rest } = palette[token];
    const colour = colours[token];
    if (colour === undefined) return [token, palette[token]] as const;
    return [token, colour === 'default' ? { ...rest, ...(dim && { dim }) } : { ...rest, colour }] as const;
  });
  return Object.fromEntries(styles) as Palette;
}

/** The theme's palette for this background; undefined when it has none for it. */
export function paletteOf({ palettes }: Theme, background: Background | undefined): Palette | undefined {
  return palettes[background ?? 'unknown'] ?? palettes.unknown;
}
