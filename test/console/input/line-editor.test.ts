import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { edit, emptyLine, insert, longestLine, submit } from '../../../source/console/input/line-editor.ts';
import type { Line } from '../../../source/store/store.ts';
import { graphemes } from '../../../source/ui/text.ts';

const press = (line: Line, ...keys: string[]): Line => keys.reduce((now, key) => edit(now, key) ?? now, line);
const put = (line: Line, text: string): Line => insert(line, text).line;
const typed = (text: string): Line => put(emptyLine(), text);
const refused = (text: string, line = emptyLine()): string | undefined => insert(line, text).refusal;
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
  test('the end of its last line is no part of what is pasted', () => {
    expect(typed('one\r\n').text).toBe('one');
    expect(refused('one\n')).toBeUndefined();
  });

  test.each([
    ['one\rtwo\r', 'Not put in: it has 2 lines, and this takes one'],
    ['\u001B[31mred', 'Not put in: it holds a control character (U+001B)'],
    ['\u009B2J', 'Not put in: it holds a control character (U+009B)'],
    ['a\u202Eb', 'Not put in: it holds an invisible character (U+202E)'],
    ['a\uFEFF', 'Not put in: it holds an invisible character (U+FEFF)'],
    ['\uDC80', 'Not put in: it is not UTF-8'],
  ])('%j is refused, not changed', (text, sentence) => {
    expect(insert(typed('as it was'), text)).toEqual({ line: typed('as it was'), refusal: sentence });
  });

  test('a line that may have several keeps them, and tabs', () => {
    const line = emptyLine([], '', true);
    expect(put(line, 'one\r\n\ttwo\n').text).toBe('one\n\ttwo');
    expect(submit(put(line, 'one\ntwo')).isMultiline).toBe(true);
  });

  test('emoji and scripts stay as they were', () => {
    for (const text of ['👩🏽‍🚀', '🇩🇪', 'क्ष', '日本語', 'ﷺ']) expect(typed(text).text).toBe(text);
  });

  test('what is too long is refused whole, with how long it is', () => {
    const full = typed('x'.repeat(longestLine));
    expect(full.text).toHaveLength(longestLine);
    expect(insert(full, 'y')).toEqual({
      line: full,
      refusal: 'Not put in: it is too long (65,537 characters, at most 65,536)',
    });
  });

  test('a key that does not edit is not taken', () => {
    expect(edit(typed('a'), 'pageup')).toBeUndefined();
    expect(edit(typed('a'), 'toString')).toBeUndefined();
  });
});

test('history walks back and forth and keeps the draft', () => {
  let line = emptyLine();
  for (const text of ['first', 'second', 'second', '  ']) line = submit(put(line, text));
  expect(line.history).toEqual(['first', 'second']);
  line = put(line, 'draft');
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
        line = typeof one === 'string' ? press(line, one) : put(line, one.typing);
        expect(line.cursor).toBeGreaterThanOrEqual(0);
        expect(line.cursor).toBeLessThanOrEqual(graphemes(line.text).length);
        expect(line.text).not.toMatch(
          /[\u0000-\u0008\u000A-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/,
        );
      }
    }),
    { numRuns: 500 },
  );
});

test('typing letter by letter and at once are the same', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', ' ', 'é', '日', '🙂'), { maxLength: 20 }), (letters) => {
      const oneByOne = letters.reduce((line, letter) => put(line, letter), emptyLine());
      expect(oneByOne).toEqual(typed(letters.join('')));
    }),
  );
});
