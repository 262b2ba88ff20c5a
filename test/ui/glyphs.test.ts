import { expect, test } from 'vitest';
import { sanitise, width } from '../../source/ui/text.ts';
import { drawn, glyphSetOf } from '../../source/ui/theme/glyphs.ts';
import { payloads } from '../helpers/injections.ts';

test.each([
  [{ LANG: 'en_GB.UTF-8' }, 'unicode'],
  [{ LANG: 'de_DE.utf8', TERM: 'xterm-256color' }, 'unicode'],
  [{ LC_ALL: 'C', LANG: 'en_GB.UTF-8' }, 'ascii'],
  [{ LC_ALL: '', LC_CTYPE: 'UTF-8', LANG: 'C' }, 'unicode'],
  [{ LC_CTYPE: 'POSIX', LANG: 'en_GB.UTF-8' }, 'ascii'],
  [{ LANG: 'de_DE@euro' }, 'ascii'],
  [{ LANG: 'en_GB.UTF-8', TERM: 'linux' }, 'ascii'],
  [{}, 'unicode'],
])('of the locale %j: %s', (env, set) => {
  expect(glyphSetOf(env)).toBe(set);
});

const painted = [
  '╭─ 7 topic !2 ─╮┏━┓┃│╰╯┗┛ ▇▇▇░░ ▁▂▃▄▅▆▇█ ● ○ ✓ ✗ … – ↑↓←→ ↗ ▲▼ › · × ▏ ≥ ⇢',
  'é ü ñ ß 日本語 한국 Ω ½ ﬁ ™ ␛ � e\u0301',
  ...payloads.map(sanitise),
];

test('every set draws every text in the same cells', () => {
  for (const text of painted) {
    for (const set of ['blocks', 'ascii'] as const) {
      expect(width(drawn(text, set)), JSON.stringify(text)).toBe(width(text));
    }
  }
});

test('ascii is ASCII, whatever the text', () => {
  for (const text of painted) expect(drawn(text, 'ascii')).toMatch(/^[ -~]*$/);
  expect(drawn('┏━ lock ━┓ ▇▇░ ▁▂▃▄▅▆▇█ é 日 – …', 'ascii')).toBe('+= lock =+ ##. _..--=## e ?? - ~');
});

test('a frame in focus can be distinguished from one that is not, in every set', () => {
  for (const set of ['unicode', 'blocks', 'ascii'] as const) {
    expect(drawn('┏━━┓', set)).not.toBe(drawn('╭──╮', set));
  }
});
