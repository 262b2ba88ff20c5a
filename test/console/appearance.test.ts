import { afterEach, describe, expect, test } from 'vitest';
import { readConfig } from '../../source/config.ts';
import { depthOf, startAppearance, stylingOf } from '../../source/console/appearance.ts';
import { currentAppearance, setAppearance, styled } from '../../source/ui/theme/style.ts';

const nothing = { XDG_CONFIG_HOME: '/nonexistent', USER: 'ann' };

afterEach(() => setAppearance({ styling: 'plain', glyphs: 'unicode' }));

function start(flags: Record<string, unknown>, env: Record<string, string> = {}) {
  const mistakes: unknown[] = [];
  const control = startAppearance(readConfig(flags, { ...nothing, TERM: 'xterm-256color', ...env }), {
    isTerminal: true,
    onMistake: (error) => mistakes.push(error),
  });
  return { control, mistakes };
}

const onDark = '\u001B]11;rgb:1e1e/1e1e/2e2e\u001B\\';
const onLight = '\u001B]11;rgb:fd/f6/e3\u0007';

const warning = () => styled({ text: 'x', tone: 'warn' });

test('the terminal has its own 16 colours until its background is known', () => {
  const { control } = start({});
  expect(warning()).toBe('\u001B[33mx\u001B[39m');
  expect(styled({ text: 'x', tone: 'muted' })).toBe('x');
  expect(control.hear(onLight)).toBe(true);
  expect(warning()).toBe('\u001B[38;5;94mx\u001B[39m');
  expect(styled({ text: 'x', tone: 'muted' })).toBe('\u001B[38;5;240mx\u001B[39m');
});

test('the theme follows what the terminal says of its background, mode 2031 before OSC 11', () => {
  const { control } = start({ theme: 'auto' }, { COLORTERM: 'truecolor', COLORFGBG: '0;15' });
  expect(warning()).toBe('\u001B[38;2;154;95;0mx\u001B[39m');
  expect(control.hear(onDark)).toBe(true);
  expect(warning()).toBe('\u001B[38;2;240;195;73mx\u001B[39m');
  expect(control.hear('\u001B[?997;2n')).toBe(true);
  expect(warning()).toBe('\u001B[38;2;154;95;0mx\u001B[39m');
  expect(control.hear(onDark)).toBe(false);
  expect(control.hear('\u001B[?997;1n')).toBe(true);
  expect(control.hear('\u001B[?1;2c')).toBe(false);
});

test('without an answer, and without COLORFGBG, auto is the terminal', () => {
  start({ theme: 'auto' });
  expect(warning()).toBe('\u001B[33mx\u001B[39m');
});

test('a background between dark and light changes nothing, and so does white within tmux', () => {
  const { control } = start({ theme: 'auto' }, { TMUX: '/tmp/tmux-1/default,1,0' });
  expect(control.hear('\u001B]11;rgb:7f7f/7f7f/7f7f\u001B\\')).toBe(false);
  expect(control.hear('\u001B]11;rgb:ffff/ffff/ffff\u001B\\')).toBe(false);
  expect(control.hear(onDark)).toBe(true);
  expect(control.hear('\u001B]11;rgb:8080/8080/8080\u001B\\')).toBe(false);
});

test('a theme that cannot be used is reported, and the terminal is shown', () => {
  const { mistakes, control } = start({ theme: 'harbour' });
  expect(mistakes).toEqual([expect.objectContaining({ code: 'BAD_THEME' })]);
  expect(warning()).toBe('\u001B[33mx\u001B[39m');
  const before = currentAppearance();
  expect(() => control.show({ dark: 'dark', light: 'nosuch', fallback: 'dark' })).toThrow(/no theme nosuch/);
  expect(currentAppearance()).toBe(before);
  control.show({ dark: 'dark', light: 'light', fallback: 'dark' });
  expect(warning()).toBe('\u001B[38;5;215mx\u001B[39m');
});

test('a terminal of 16 colours keeps its own, whatever the theme', () => {
  start({ theme: 'dark' }, { TERM: 'linux' });
  expect(warning()).toBe('\u001B[33mx\u001B[39m');
  expect(currentAppearance().glyphs).toBe('ascii');
});

describe('colours and weights', () => {
  const config = (color: 'auto' | 'always' | 'never', TERM = 'xterm') => ({ color, terminal: { TERM } });

  test.each([
    [config('auto'), true, 'colour'],
    [config('auto'), false, 'plain'],
    [config('always'), false, 'colour'],
    [config('never'), true, 'mono'],
    [config('never'), false, 'plain'],
    [config('auto', 'dumb'), true, 'plain'],
  ] as const)('%j on a terminal: %s, are %s', (wanted, isTerminal, styling) => {
    expect(stylingOf(wanted, isTerminal)).toBe(styling);
  });

  test('without colour bold, inverse and underline stay', () => {
    start({ color: false });
    expect(styled({ text: 'DEAD', tone: 'bad' })).toBe('\u001B[1mDEAD\u001B[22m');
    expect(styled({ text: 'x', tone: 'selection', inverse: true })).toBe(
      '\u001B[1m\u001B[4m\u001B[7mx\u001B[0m',
    );
    expect(warning()).toBe('x');
  });

  test('nothing is asked of a terminal that is painted without colour', () => {
    expect(start({ color: false }).control.question.ask).toBe('');
    expect(start({}).control.question.ask).toMatch(/\u001B\[c$/);
  });

  test.each([
    [{ TERM: 'linux' }, 16],
    [{ TERM: 'xterm' }, 16],
    [{ TERM: 'xterm-256color' }, 256],
    [{ TERM: 'xterm-256color', COLORTERM: 'truecolor' }, 'any'],
    [{ TERM: 'xterm-direct' }, 'any'],
  ] as const)('%j shows %s colours', (env, depth) => {
    expect(depthOf(env)).toBe(depth);
  });
});
