import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { nearestOf256, type Rgb, rgbOf, rgbOf256 } from '../../source/ui/theme/style.ts';
import {
  type Background,
  dark,
  light,
  mono,
  ownThemes,
  type Palette,
  paletteOf,
  type Token,
  terminal,
  tokens,
} from '../../source/ui/theme/theme.ts';
import { loadTheme, ThemeError, themeNames } from '../../source/ui/theme/theme-file.ts';

/** The backgrounds of the schemes that most terminals are set to. */
const backgrounds: Readonly<Record<Background, Readonly<Record<string, string>>>> = {
  dark: {
    black: '#000000',
    'Catppuccin Mocha': '#1e1e2e',
    'One Dark': '#282c34',
    'Solarized Dark': '#002b36',
    Nord: '#2e3440',
  },
  light: { white: '#ffffff', 'Solarized Light': '#fdf6e3', 'Catppuccin Latte': '#eff1f5' },
};

function linear([red, green, blue]: Rgb): Rgb {
  const one = (part: number): number => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return [one(red), one(green), one(blue)];
}

/** WCAG 2: from 1 to 21. */
function contrast(one: Rgb, other: Rgb): number {
  const luminance = (colour: Rgb): number => {
    const [red, green, blue] = linear(colour);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

/** Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB. */
const visions: Readonly<Record<string, readonly (readonly number[])[]>> = {
  ordinary: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

/** CIE L*a*b* (D65) of a colour as somebody with this vision sees it. */
function labOf(colour: Rgb, matrix: readonly (readonly number[])[]): readonly number[] {
  const own = linear(colour);
  const [red = 0, green = 0, blue = 0] = matrix.map((row) =>
    Math.min(
      1,
      Math.max(
        0,
        row.reduce((sum, factor, index) => sum + factor * (own[index] ?? 0), 0),
      ),
    ),
  );
  const x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047;
  const y = 0.2126729 * red + 0.7151522 * green + 0.072175 * blue;
  const z = (0.0193339 * red + 0.119192 * green + 0.9503041 * blue) / 1.08883;
  const f = (part: number): number => (part > 0.008856 ? Math.cbrt(part) : 7.787 * part + 16 / 116);
  return [116 * f(y) - 16, 500 * (f(x) - f(y)), 200 * (f(y) - f(z))];
}

/** ΔE*76. */
function distance(one: Rgb, other: Rgb, matrix: readonly (readonly number[])[]): number {
  const [left, right] = [labOf(one, matrix), labOf(other, matrix)];
  return Math.hypot(...left.map((part, index) => part - (right[index] ?? 0)));
}

function colourIn(palette: Palette, token: Token): Rgb {
  const { colour } = palette[token];
  if (typeof colour === 'string') return rgbOf(colour);
  if (colour === undefined || colour < 16) throw new Error(`${token} has no colour of its own`);
  return rgbOf256(colour);
}

const cases = [
  ['dark', dark, 35],
  ['light', light, 23],
] as const;

describe.each(cases)('the %s theme', (background, theme, closest) => {
  const palette = paletteOf(theme, undefined) ?? mono;
  const schemes = Object.entries(backgrounds[background]);

  test.each(schemes)('can be read on %s', (_, behind) => {
    for (const token of tokens) {
      const isFrame = token === 'line' || token === 'barRest';
      const colour = colourIn(palette, token);
      expect(contrast(colour, rgbOf(behind)), token).toBeGreaterThanOrEqual(isFrame ? 2.7 : 4.5);
    }
  });

  test.each(schemes)('can be read on %s in a terminal of 256 colours', (_, behind) => {
    for (const token of tokens) {
      const isFrame = token === 'line' || token === 'barRest';
      const { colour } = palette[token];
      const shown = rgbOf256(nearestOf256(String(colour)));
      expect(contrast(shown, rgbOf(behind)), token).toBeGreaterThanOrEqual(isFrame ? 2.4 : 4);
    }
  });

  test.each(Object.entries(visions))('keeps trouble apart in %s vision', (_, matrix) => {
    const meanings = ['text', 'bad', 'warn', 'focus'] as const;
    for (const [index, one] of meanings.entries()) {
      for (const other of meanings.slice(index + 1)) {
        const apart = distance(colourIn(palette, one), colourIn(palette, other), matrix);
        expect(apart, `${one} and ${other}`).toBeGreaterThanOrEqual(closest);
      }
    }
  });
});

test('the fixed colours of the terminal theme can be read on every background they are for', () => {
  let checked = 0;
  for (const background of ['dark', 'light'] as const) {
    const palette = paletteOf(terminal, background) ?? mono;
    for (const token of tokens) {
      const { colour } = palette[token];
      if (typeof colour !== 'number' || colour < 16) continue;
      checked += 1;
      for (const [scheme, behind] of Object.entries(backgrounds[background])) {
        const found = contrast(rgbOf256(colour), rgbOf(behind));
        expect(found, `${token} on ${scheme}`).toBeGreaterThanOrEqual(4.5);
      }
    }
  }
  expect(checked).toBeGreaterThan(0);
});

test('nothing that must be read is dim, in any theme', () => {
  const palettes = [mono, ...ownThemes.flatMap(({ palettes: own }) => Object.values(own))];
  for (const palette of palettes) {
    const dims = tokens.filter((token) => palette[token].dim);
    expect(dims.filter((token) => token !== 'line' && token !== 'barRest')).toEqual([]);
  }
});

describe('a theme of the user', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-theme-'));
  const folder = path.join(directory, 'themes');
  mkdirSync(folder);
  afterAll(() => rmSync(directory, { recursive: true }));
  const write = (name: string, content: unknown): void => {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    writeFileSync(path.join(folder, `${name}.json`), text);
  };

  test('holds only what differs', () => {
    write('harbour', { name: 'harbour', dark: { bad: '#FA0000', warn: 'bright-yellow', text: 'default' } });
    const palette = paletteOf(loadTheme('harbour', directory), 'light');
    expect(palette).toMatchObject({
      bad: { colour: '#fa0000', bold: true },
      warn: { colour: 11 },
      text: {},
      muted: { colour: '#9aa5b5' },
    });
    expect(palette?.text.colour).toBeUndefined();
    expect(themeNames(directory)).toEqual(['terminal', 'dark', 'light', 'harbour']);
  });

  test('with two palettes follows the background, and has none for an unknown one', () => {
    write('both', { dark: { bad: 'red' }, light: { bad: 'blue' } });
    const theme = loadTheme('both', directory);
    expect(paletteOf(theme, 'dark')?.bad.colour).toBe(1);
    expect(paletteOf(theme, 'light')?.bad.colour).toBe(4);
    expect(paletteOf(theme, undefined)).toBeUndefined();
  });

  test.each([
    ['colour', { dark: { bad: 'crimson' } }, /themes\/odd\.json, dark\.bad: "crimson" is no colour/],
    ['token', { light: { wanr: '#ffffff' } }, /themes\/odd\.json.*no token wanr \(did you mean warn\?\)/],
    ['kind', { dark: { bad: 7 } }, /themes\/odd\.json, dark\.bad: a colour is a text/],
    ['shape', '[]', /themes\/odd\.json/],
    ['JSON', '{', /themes\/odd\.json cannot be read/],
    ['content', {}, /themes\/odd\.json sets nothing/],
  ])('with a wrong %s is refused by file and token', (_, content, message) => {
    write('odd', content);
    expect(() => loadTheme('odd', directory)).toThrow(ThemeError);
    expect(() => loadTheme('odd', directory)).toThrow(message);
  });

  test('that does not exist is refused with those that do', () => {
    expect(() => loadTheme('darkk', directory)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('Did you mean `dark`?') }),
    );
  });
});
