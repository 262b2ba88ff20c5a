import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import {
  asciiJson,
  fitTo,
  graphemes,
  safeJson,
  safeLines,
  sanitise,
  truncate,
  truncateStart,
  width,
  wrap,
} from '../../source/ui/text.ts';
import { foreignSequences, payloads } from '../helpers/injections.ts';

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.string({
    unit: fc.integer({ min: 0, max: 0x10ffff }).map((point) => String.fromCodePoint(point)),
  }),
  fc.string({ unit: fc.constantFrom('a', ' ', '\u001B', '[', ']', '\u0301', '\u200D', '日', '🙂', '\n') }),
);

describe('sanitise', () => {
  test('keeps what is harmless', () => {
    for (const text of ['plain', 'Grüße, 日本語 ✓ → ▇▇░░', 'naïve', 'Привет', '한국어', 'x²', '🙂']) {
      expect(sanitise(text)).toBe(text.normalize('NFC'));
    }
  });

  test.each([
    ['a newline cannot forge a line', 'hi\nadmin: yes', 'hi␊admin: yes'],
    ['CSI', '\u001B[2J', '␛[2J'],
    ['C1 CSI', '\u009B2J', '�2J'],
    ['OSC 52 clipboard', '\u001B]52;c;aGk=\u0007', '␛]52;c;aGk=␇'],
    ['a title', '\u001B]0;pwned\u001B\\', '␛]0;pwned␛\\'],
    ['bidi override', 'a\u202Etxt.exe', 'a�txt.exe'],
    ['tag characters', 'a\u{E0041}\u{E007F}b', 'ab'],
    ['zero width', 'a\u200B\u2060\uFEFFb', 'ab'],
    ['stacked marks', `a${'\u0301'.repeat(50)}`, 'á\u0301\u0301'],
    ['a mark for the border before it', '\u0334x', 'x'],
    ['a family without joiners', '👩\u200D👧', '👩👧'],
    ['a flag', '🇩🇪', 'DE'],
    ['delete', 'a\u007F', 'a␡'],
    ['half a pair', 'a\uD800b', 'a�b'],
    ['a conjunct', 'क्ष', 'क्\u200Cष'],
  ])('%s', (_, text, painted) => {
    expect(sanitise(text)).toBe(painted);
  });

  test('leaves nothing that steers a terminal, and changes nothing the second time', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const once = sanitise(text);
        expect(once).not.toMatch(/[\u0000-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/);
        expect(once).not.toMatch(
          /(?!\u200C)\p{Default_Ignorable_Code_Point}|\p{Surrogate}|\p{Nonspacing_Mark}{3}/u,
        );
        expect(sanitise(once)).toBe(once);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('lines and JSON', () => {
  test('a string is one line, a list is as many as it has items, whatever they hold', () => {
    for (const payload of payloads) {
      expect(safeLines(payload)).toHaveLength(1);
      expect(safeLines([payload, payload])).toHaveLength(2);
      expect(safeLines([payload, payload]).flatMap(foreignSequences)).toEqual([]);
    }
  });

  test('JSON holds the same value, and nothing that steers, hides or reorders', () => {
    const steering =
      /[\u0000-\u001F\u007F-\u009F\u00AD\u061C\u2028\u2029]|[\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF]|\p{Variation_Selector}|[\u{E0000}-\u{E0FFF}]/u;
    for (const payload of payloads) {
      const json = safeJson({ [payload]: [payload] });
      expect(JSON.parse(json)).toEqual({ [payload]: [payload] });
      expect(json).not.toMatch(steering);
      expect(foreignSequences(json)).toEqual([]);
    }
  });
});

describe('columns', () => {
  test('fitTo is exact, truncate never wider, for any text', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 0, max: 40 }), (raw, columns) => {
        const text = sanitise(raw);
        expect(width(fitTo(text, columns))).toBe(columns);
        expect(width(fitTo(text, columns, 'right'))).toBe(columns);
        expect(width(truncate(text, columns))).toBeLessThanOrEqual(columns);
        expect(width(truncateStart(text, columns))).toBeLessThanOrEqual(columns);
        if (width(text) <= columns) expect(truncate(text, columns)).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });

  test('width is what a terminal that counts code points gives the line', () => {
    const cells = (text: string): number =>
      Array.from(text).reduce(
        (sum, point) =>
          sum + (/[\p{Nonspacing_Mark}\p{Enclosing_Mark}\p{Format}]/u.test(point) ? 0 : stringWidth(point)),
        0,
      );
    const scripts = fc.string({
      unit: fc
        .oneof(
          fc.integer({ min: 0x80, max: 0x3100 }),
          fc.integer({ min: 0x900, max: 0xe7f }),
          fc.integer({ min: 0x1f000, max: 0x1ffff }),
        )
        .map((point) => String.fromCodePoint(point)),
    });
    fc.assert(
      fc.property(fc.oneof(anyText, scripts), (raw) => {
        const text = sanitise(raw);
        expect(width(text)).toBe(cells(text));
      }),
      { numRuns: 5000 },
    );
  });

  test('width adds up over graphemes', () => {
    fc.assert(
      fc.property(anyText, (raw) => {
        const text = sanitise(raw);
        const parts = graphemes(text);
        expect(parts.join('')).toBe(text);
        expect(parts.reduce((sum, part) => sum + width(part), 0)).toBe(width(text));
      }),
      { numRuns: 1000 },
    );
  });

  test('wrap loses nothing but the spaces it breaks at', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 2, max: 40 }), (raw, columns) => {
        const text = sanitise(raw);
        const lines = wrap(text, columns);
        for (const line of lines) expect(width(line)).toBeLessThanOrEqual(columns);
        if (graphemes(text).some((grapheme) => width(grapheme) > columns)) return;
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
      }),
      { numRuns: 1000 },
    );
  });

  test('reads well', () => {
    expect(truncate('upstream timed out', 10)).toBe('upstream …');
    expect(truncateStart('/var/log/nginx/access.log', 12)).toBe('…/access.log');
    expect(fitTo('日本語', 5)).toBe('日本…');
    expect(fitTo('日本語', 4)).toBe('日… ');
    expect(wrap('the quick brown fox', 9)).toEqual(['the quick', 'brown fox']);
    expect(wrap('antidisestablishmentarianism', 10)).toEqual(['antidisest', 'ablishment', 'arianism']);
    expect(wrap('', 10)).toEqual(['']);
  });
});

test('bytes of ASCII become the same JSON as their text', () => {
  const all = Array.from({ length: 128 }, (_, byte) => byte);
  for (const bytes of [[], [0], all, all.flatMap((byte) => [byte, byte, byte]), [0x22, 0x22, 0x5c, 0x5c]]) {
    const text = Buffer.from(bytes);
    expect(asciiJson(text).toString()).toBe(safeJson(text.toString()));
  }
});
