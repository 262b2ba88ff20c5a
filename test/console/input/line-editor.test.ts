import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { edit, emptyLine, insert, longestLine, submit } from '../../../source/console/input/line-editor.ts';
import type { Line } from '../../../source/store/store.ts';
import { graphemes } from '../../../source/ui/text.ts';

const press = (line: Line, ...keys: string[]): Line => keys.reduce((now, key) => edit(now, key) ?? now, line);
const typed = (text: string): Line => insert(emptyLine(), text);
/** The text with `|` where the cursor stands. */
const shown = ({ text, cursor }: Line): string => graphemes(text).toSpliced(cursor, 0, '|').join('');

test.each([
  ['left right', 'abc', ['left', 'left', 'right'], 'ab|c'],
  ['home end', 'abc', ['home', 'end', 'ctrl+a'], '|abc'],
  ['backspace takes a whole character', 'a👩🏽‍🚀', ['backspace'], 'a|'],
  ['backspace takes a letter with its marks', 'ne\u0301', ['backspace'], 'n|'],
  ['delete', 'abc', ['home', 'delete'], '|bc'],
  ['word left', 'send it  now', ['ctrl+left'], 'send it  |now'],
  ['word right', 'send it now', ['home', 'alt+f', 'ctrl+right'], 'send it| now'],
  ['cut the word', 'send it now', ['ctrl+w'], 'send it |'],
  ['cut the next word', 'send it now', ['home', 'alt+d'], '| it now'],
  ['cut to the start', 'send it now', ['ctrl+left', 'ctrl+u'], '|now'],
  ['cut to the end', 'send it now', ['ctrl+left', 'ctrl+k'], 'send it |'],
  ['at the ends nothing happens', '', ['left', 'backspace', 'delete', 'ctrl+w'], '|'],
])('%s', (_, text, keys, expected) => {
  expect(shown(press(typed(text), ...keys))).toBe(expected);
});

describe('what comes in', () => {
  test('a paste becomes one harmless line', () => {
    expect(typed('one\r\ntwo\n\u001B[31mred\u001B]0;title\u0007\u009B2J end\n').text).toBe('one two red end');
    expect(typed('a\u202Eb\u200Bc').text).toBe('abc');
  });

  test('emoji and scripts stay as they were', () => {
    for (const text of ['👩🏽‍🚀', '🇩🇪', 'क्ष', '日本語', 'ﷺ']) expect(typed(text).text).toBe(text);
  });

  test('what is too long is cut', () => {
    const long = typed('x'.repeat(longestLine * 2));
    expect(long.text).toHaveLength(longestLine);
    expect(insert(long, 'y')).toBe(long);
  });

  test('a key that does not edit is not taken', () => {
    expect(edit(typed('a'), 'pageup')).toBeUndefined();
    expect(edit(typed('a'), 'toString')).toBeUndefined();
  });
});

test('history walks back and forth and keeps the draft', () => {
  let line = emptyLine();
  for (const text of ['first', 'second', 'second', '  ']) line = submit(insert(line, text));
  expect(line.history).toEqual(['first', 'second']);
  line = insert(line, 'draft');
  expect(press(line, 'up').text).toBe('second');
  expect(press(line, 'up', 'up', 'up').text).toBe('first');
  expect(press(line, 'up', 'up', 'down', 'down').text).toBe('draft');
});

test('any keys and any text: the cursor stays on the line and nothing that steers gets in', () => {
  const keys = fc.constantFrom(
    ...[
      'left',
      'right',
      'home',
      'end',
      'backspace',
      'delete',
      'ctrl+w',
      'alt+d',
      'ctrl+u',
      'ctrl+k',
      'alt+b',
    ],
    ...['alt+f', 'up', 'down'],
  );
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }));
  const step = fc.oneof(
    keys,
    text.map((typing) => ({ typing })),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let line = emptyLine(['earlier']);
      for (const one of steps) {
        line = typeof one === 'string' ? press(line, one) : insert(line, one.typing);
        expect(line.cursor).toBeGreaterThanOrEqual(0);
        expect(line.cursor).toBeLessThanOrEqual(graphemes(line.text).length);
        expect(line.text).not.toMatch(/[\u0000-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/);
      }
    }),
    { numRuns: 500 },
  );
});

test('typing letter by letter and at once are the same', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', ' ', 'é', '日', '🙂'), { maxLength: 20 }), (letters) => {
      const oneByOne = letters.reduce((line, letter) => insert(line, letter), emptyLine());
      expect(oneByOne).toEqual(typed(letters.join('')));
    }),
  );
});
