import type { Config, TerminalFacts, ThemeNames } from '../config.ts';
import { glyphSetOf } from '../ui/theme/glyphs.ts';
import { type Appearance, type Depth, setAppearance } from '../ui/theme/style.ts';
import { type Background, mono, ownThemes, paletteOf, type Theme, terminal } from '../ui/theme/theme.ts';
import { loadTheme } from '../ui/theme/theme-file.ts';

/**
 * How things are painted on this terminal: colours as far as they are wanted and can be shown, the theme for its background,
 * and the characters of its locale.
 *
 * The background is what the terminal tells, once asked after the first frame: by mode 2031, which also tells when it
 * changes, or by OSC 11. Until then, and where neither is known, it is what COLORFGBG says, which never changes.
 */
export type AppearanceControl = {
  readonly names: ThemeNames;
  /** As far as it is known. */
  readonly background: Background | undefined;
  /** What to ask the terminal, in one write; the last question is one that every terminal answers. */
  readonly question: { readonly ask: string; readonly atEnd: string };
  /** Takes a reply of the terminal; whether something has to be painted again. */
  hear(reply: string): boolean;
  /**
   * Shows these themes from now on.
   * @throws {ThemeError} when one of them cannot be used; the appearance stays as it was
   */
  show(names: ThemeNames): void;
};

/** Whether it is dark or light, now and whenever that changes; the colour; last what every terminal answers. */
const askBackground = {
  ask: '\u001B[?2031h\u001B[?996n\u001B]11;?\u001B\\\u001B[c',
  atEnd: '\u001B[?2031l',
};
const nothing = { ask: '', atEnd: '' };

export type AppearanceConfig = Pick<Config, 'color' | 'theme' | 'glyphs' | 'terminal' | 'configDirectory'>;

/** @param onMistake called with what is wrong with the theme of the config, which is then not shown */
export function startAppearance(
  config: AppearanceConfig,
  { isTerminal, onMistake }: { readonly isTerminal: boolean; readonly onMistake: (error: unknown) => void },
): AppearanceControl {
  let background = backgroundIn(config.terminal.COLORFGBG);
  let isKnown = false;
  let names = config.theme;
  let themes: ReadonlyMap<string, Theme> = new Map();

  const load = (wanted: ThemeNames): ReadonlyMap<string, Theme> =>
    new Map(
      Object.values(wanted).map((name) => [name, ownTheme(name) ?? loadTheme(name, config.configDirectory)]),
    );
  const apply = (): void => {
    const name = background === undefined ? names.fallback : names[background];
    const theme = themes.get(name) ?? terminal;
    // A theme for known backgrounds only, on one that is not known.
    const palette = paletteOf(theme, background) ?? paletteOf(terminal, undefined) ?? mono;
    setAppearance({ palette });
  };
  const learn = (next: Background): boolean => {
    if (next === background) return false;
    background = next;
    apply();
    return true;
  };

  try {
    themes = load(names);
  } catch (error) {
    onMistake(error);
  }
  setAppearance(fixedAppearance(config, isTerminal));
  apply();

  return {
    get names() {
      return names;
    },
    get background() {
      return background;
    },
    question: isTerminal && stylingOf(config, isTerminal) === 'colour' ? askBackground : nothing,
    hear(reply) {
      const notified = /^\u001B\[\?997;([12])n$/.exec(reply)?.[1];
      if (notified !== undefined) {
        isKnown = true;
        return learn(notified === '1' ? 'dark' : 'light');
      }
      // What the mode tells is what its user set; the colour is a guess at that.
      const found = isKnown ? undefined : backgroundOf(reply, background, config.terminal);
      return found !== undefined && learn(found);
    },
    show(wanted) {
      themes = load(wanted);
      names = wanted;
      apply();
    },
  };
}

function ownTheme(name: string): Theme | undefined {
  return ownThemes.find((theme) => theme.name === name);
}

function fixedAppearance(config: AppearanceConfig, isTerminal: boolean): Omit<Appearance, 'palette'> {
  return {
    styling: stylingOf(config, isTerminal),
    depth: depthOf(config.terminal),
    glyphs: config.glyphs === 'auto' ? glyphSetOf(config.terminal) : config.glyphs,
  };
}

/** Without colour the weights stay; a terminal that knows no sequences, or none at all, gets none. */
export function stylingOf(
  { color, terminal: { TERM } }: Pick<Config, 'color' | 'terminal'>,
  isTerminal: boolean,
): Appearance['styling'] {
  if (color === 'always') return 'colour';
  if (!isTerminal || TERM === 'dumb') return 'plain';
  return color === 'never' ? 'mono' : 'colour';
}

export function depthOf({ COLORTERM = '', TERM = '' }: TerminalFacts): Depth {
  if (/^(truecolor|24bit)$/i.test(COLORTERM) || TERM.endsWith('-direct')) return 'any';
  return TERM.includes('256color') || COLORTERM !== '' ? 256 : 16;
}

/** `15;0` or `15;default;0`: the last is the background, one of the 16 colours. */
function backgroundIn(colours: string | undefined): Background | undefined {
  const colour = /;(\d+)$/.exec(colours ?? '')?.[1];
  if (colour === undefined) return;
  return colour === '7' || Number(colour) > 8 ? 'light' : 'dark';
}

/** Between these the background stays what it was taken for. */
const darkBelow = 110;
const lightAbove = 140;

/** What the answer to OSC 11 says, `rgb:1e1e/1e1e/2e2e`; undefined: nothing, or nothing certain. */
function backgroundOf(
  reply: string,
  before: Background | undefined,
  { TMUX }: TerminalFacts,
): Background | undefined {
  const found = /^\u001B\]11;rgba?:([\da-f]+)\/([\da-f]+)\/([\da-f]+)/i.exec(reply);
  if (!found) return;
  const [red = 0, green = 0, blue = 0] = found
    .slice(1)
    .map((part) => (Number.parseInt(part, 16) * 255) / (16 ** part.length - 1));
  // tmux says white where nobody set it.
  if (TMUX && red + green + blue === 3 * 255) return;
  const brightness = 0.299 * red + 0.587 * green + 0.114 * blue;
  if (brightness < darkBelow) return 'dark';
  return brightness > lightAbove ? 'light' : before;
}
