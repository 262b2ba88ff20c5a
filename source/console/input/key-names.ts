import type { Key } from 'ink';
import { graphemes } from '../../ui/text.ts';

/**
 * What the keyboard sends, as names: `a`, `A`, `?`, `enter`, `esc`, `up`, `shift+tab`, `ctrl+d`, `alt+b`.
 *
 * Ink hands over a burst of keys joined, as when a key is held or the line is slow: each grapheme is a key.
 */
export function keysOf(input: string, key: Key): readonly string[] {
  if (key.eventType === 'release') return [];
  const special = specialName(key);
  if (special !== undefined) return [modified(special, key)];
  if (key.ctrl) return input === '' ? [] : [`ctrl+${input === ' ' ? 'space' : input.toLowerCase()}`];
  if (key.meta) return input === '' ? [] : [`alt+${input}`];
  return graphemes(input).flatMap(nameOf);
}

function specialName(key: Key): string | undefined {
  if (key.upArrow) return 'up';
  if (key.downArrow) return 'down';
  if (key.leftArrow) return 'left';
  if (key.rightArrow) return 'right';
  if (key.pageUp) return 'pageup';
  if (key.pageDown) return 'pagedown';
  if (key.home) return 'home';
  if (key.end) return 'end';
  if (key.return) return 'enter';
  if (key.escape) return 'esc';
  if (key.tab) return 'tab';
  if (key.backspace) return 'backspace';
  if (key.delete) return 'delete';
}

function modified(name: string, key: Key): string {
  // A terminal that sends Escape twice in a row has not held Alt.
  if (name === 'esc') return name;
  const prefix = key.ctrl ? 'ctrl+' : key.meta ? 'alt+' : key.shift ? 'shift+' : '';
  return prefix + name;
}

/** Control characters inside a burst are the keys that made them. */
function nameOf(grapheme: string): readonly string[] {
  if (grapheme === '\r\n') return ['enter'];
  const code = grapheme.codePointAt(0) ?? 0;
  if (grapheme === '\r' || grapheme === '\n') return ['enter'];
  if (grapheme === '\t') return ['tab'];
  if (grapheme === '\u001B') return ['esc'];
  if (grapheme === '\u007F' || grapheme === '\b') return ['backspace'];
  if (code === 0) return ['ctrl+space'];
  if (code < 27) return [`ctrl+${String.fromCharCode(code + 96)}`];
  return code < 32 ? [] : [grapheme];
}

const shown: Readonly<Record<string, string>> = {
  enter: 'Enter',
  esc: 'Esc',
  tab: 'Tab',
  up: '↑',
  down: '↓',
  left: '←',
  right: '→',
  pageup: 'PgUp',
  pagedown: 'PgDn',
  home: 'Home',
  end: 'End',
  backspace: 'Bksp',
  delete: 'Del',
  ' ': 'Space',
};

/** A key's name for people: `Enter`, `↑`, `^D`, `Alt-b`, `Shift-Tab`, `z`. */
export function keyLabel(name: string): string {
  const [, modifier, rest = ''] = /^(ctrl|alt|shift)\+(.+)$/.exec(name) ?? [];
  if (modifier === 'ctrl' && rest.length === 1) return `^${rest.toUpperCase()}`;
  if (modifier === 'ctrl') return `Ctrl-${keyLabel(rest)}`;
  if (modifier === 'alt') return `Alt-${keyLabel(rest)}`;
  if (modifier === 'shift') return `Shift-${keyLabel(rest)}`;
  return shown[name] ?? name;
}

/** A binding's keys as a list. */
export function keyList(key: string | readonly string[]): readonly string[] {
  return typeof key === 'string' ? [key] : key;
}

/** Whether the key is a character to be typed. */
export function isText(key: string): boolean {
  return graphemes(key).length === 1;
}
