import fc from 'fast-check';
import { expect, test } from 'vitest';
import { guessedUtf16, Utf8Stream } from '../source/utf16.ts';

const forms = {
  'utf-16le': (text: string) => Buffer.from(text, 'utf16le'),
  'utf-16be': (text: string) => Buffer.from(text, 'utf16le').swap16(),
} as const;
const form = fc.constantFrom<keyof typeof forms>('utf-16le', 'utf-16be');

test('UTF-16 by its mark comes as UTF-8, however it is cut, and all else as it is', () => {
  const text = fc
    .string({ unit: fc.constantFrom('a', '\n', 'Ċ', 'é', '🌊', '\u{10ffff}'), maxLength: 30 })
    .map((rest) => `7${rest}`);
  fc.assert(
    fc.property(form, text, fc.array(fc.nat(60)), (name, written, cuts) => {
      const bytes = forms[name](`\uFEFF${written}`);
      for (const [given, wanted] of [
        [bytes, Buffer.from(written)],
        [Buffer.from(written), Buffer.from(written)],
      ] as const) {
        const stream = new Utf8Stream();
        const places = [0, ...cuts.toSorted((a, b) => a - b), given.length];
        const pieces = places.slice(1).map((to, index) => stream.take(given.subarray(places[index], to)));
        expect(Buffer.concat([...pieces, stream.end()])).toEqual(wanted);
      }
    }),
    { numRuns: 200 },
  );
});

test('what only begins like it is none', () => {
  const bytes = Buffer.concat([
    Buffer.from([0xff, 0xfe, 0x00, 10]),
    Buffer.from('\u001b[2Jforged\u0007\n\n\n'),
  ]);
  expect(new Utf8Stream().take(bytes)).toEqual(bytes);
});

test.each([
  ['lines of bytes', [0xff, 0xfe, 0x00, 0x0a, 0x80, 0x0a]],
  ['a line feed that is no letter', [0xfe, 0xff, 0x0a, 0x00]],
  ['the first byte of a mark', [0xff]],
  ['a mark and half a letter', [0xff, 0xfe, 0x41]],
])('%s: too short to tell, and as it is, also when it comes byte by byte', (_, given) => {
  for (const pieces of [[given], given.map((byte) => [byte])]) {
    const stream = new Utf8Stream();
    const found = pieces.map((piece) => stream.take(Buffer.from(piece)));
    expect(Buffer.concat([...found, stream.end()])).toEqual(Buffer.from(given));
  }
});

test('a mark alone is an empty text', () => {
  const stream = new Utf8Stream();
  expect(Buffer.concat([stream.take(Buffer.from([0xff, 0xfe])), stream.end()])).toHaveLength(0);
});

test('half a pair is no UTF-8, so that whoever reads it can tell', () => {
  expect(new Utf8Stream().take(Buffer.from('\uFEFFa\ud83cb', 'utf16le'))).toEqual(
    Buffer.from([0x61, 0xed, 0xa0, 0xbc, 0x62]),
  );
});

test('the middle of a text is known by its zeros, wherever it begins', () => {
  const text = 'pump 7 is höt\n'.repeat(3);
  for (const [name, bytes] of Object.entries(forms)) {
    const whole = bytes(text);
    for (const at of [0, 1, 26]) {
      const middle = whole.subarray(at);
      expect(guessedUtf16(middle, at)).toBe(name);
      const stream = new Utf8Stream({ form: name as keyof typeof forms, isWithin: at % 2 === 1 });
      expect(stream.take(middle).toString()).toBe(text.slice(Math.ceil(at / 2)));
    }
  }
  expect(guessedUtf16(Buffer.from(text), 7)).toBeUndefined();
  expect(guessedUtf16(Buffer.alloc(100), 7)).toBeUndefined();
});
