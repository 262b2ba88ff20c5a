import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { messageOf, QuarterdeckError } from '../../errors.ts';
import { didYouMean, nearest } from '../../nearest.ts';
import {
  type Colour,
  dark,
  light,
  ownThemes,
  type Palette,
  paletteOf,
  type Theme,
  type Token,
  tokens,
  withColours,
} from './theme.ts';

/**
 * Themes of the user: `~/.config/quarterdeck/themes/NAME.json`, which holds what differs from our own dark and light
 * one, such as `{"dark": {"bad": "#fa7078"}, "light": {"bad": "red"}}`. One that has a palette for one background alone
 * is shown on every.
 */

/** A theme that cannot be used; the message names the file and the token. */
export class ThemeError extends QuarterdeckError {
  constructor(message: string, hint: string, cause?: unknown) {
    super('usage', 'BAD_THEME', message, { hint, ...(cause !== undefined && { cause }) });
  }
}

const colourNames = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];

const colour = v.pipe(
  v.string('a colour is a text such as "#fa7078", "red", "bright-red" or "default"'),
  v.rawTransform<string, Colour | 'default'>(({ dataset, addIssue, NEVER }) => {
    const given = dataset.value.toLowerCase();
    if (given === 'default') return 'default';
    if (/^#[\da-f]{6}$/.test(given)) return given as `#${string}`;
    const place = colourNames.indexOf(given.replace(/^bright-/, ''));
    if (place !== -1) return given.startsWith('bright-') ? place + 8 : place;
    addIssue({ message: `${JSON.stringify(dataset.value)} is no colour such as #fa7078, red or bright-red` });
    return NEVER;
  }),
);
const colours = v.strictObject(
  Object.fromEntries(tokens.map((token) => [token, v.optional(colour)])) as Record<
    Token,
    v.OptionalSchema<typeof colour, undefined>
  >,
  ({ expected, received }) =>
    expected === 'never' ? unknownToken(received) : 'expected an object of tokens and colours',
);
const schema = v.strictObject(
  { name: v.optional(v.string()), dark: v.optional(colours), light: v.optional(colours) },
  'expected an object with `dark` and `light`',
);

function unknownToken(received: string): string {
  const name = received.replaceAll('"', '');
  const meant = nearest(name, tokens);
  return `there is no token ${name}${meant === undefined ? '' : ` (did you mean ${meant}?)`}; there are ${tokens.join(', ')}`;
}

/** The names of all themes: ours, then those of the user. */
export function themeNames(configDirectory: string): readonly string[] {
  let files: readonly string[] = [];
  try {
    files = readdirSync(path.join(configDirectory, 'themes'));
  } catch {
    // No such folder: none of their own.
  }
  const own = files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -5));
  return [...ownThemes.map(({ name }) => name), ...own.sort()];
}

/**
 * One of ours, or the one in the user's file of that name.
 * @throws {ThemeError} when there is none, or its file is wrong
 */
export function loadTheme(name: string, configDirectory: string): Theme {
  const ours = ownThemes.find((theme) => theme.name === name);
  if (ours) return ours;
  const file = path.join(configDirectory, 'themes', `${name}.json`);
  const { dark: forDark, light: forLight } = parsed(name, file, configDirectory);
  const onDark = forDark && withColours(paletteOf(dark, undefined) as Palette, known(forDark));
  const onLight = forLight && withColours(paletteOf(light, undefined) as Palette, known(forLight));
  if (onDark && onLight) return { name, palettes: { dark: onDark, light: onLight } };
  const only = onDark ?? onLight;
  if (!only) throw new ThemeError(`The theme ${file} sets nothing`, 'Give it `dark`, `light` or both');
  return { name, palettes: { unknown: only } };
}

function parsed(name: string, file: string, configDirectory: string): v.InferOutput<typeof schema> {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      const names = themeNames(configDirectory);
      throw new ThemeError(
        `There is no theme ${name}`,
        `${didYouMean(name, names)}Known: ${names.join(', ')}; one of yours would be ${file}`,
      );
    }
    throw new ThemeError(`The theme ${file} cannot be read: ${messageOf(error)}`, 'Mend the file', error);
  }
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const place = v.getDotPath(issue);
  throw new ThemeError(
    `The theme ${file}${place === null ? '' : `, ${place}`}: ${issue.message}`,
    'Mend it there; the theme before stays until then',
  );
}

/** Without the tokens that were left out. */
function known<Value>(
  given: Readonly<Partial<Record<Token, Value | undefined>>>,
): Partial<Record<Token, Value>> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<
    Record<Token, Value>
  >;
}
