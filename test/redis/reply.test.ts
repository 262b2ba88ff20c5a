import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  asArray,
  asInteger,
  asIntegers,
  asNumber,
  asOptionalInteger,
  asOptionalText,
  asPairs,
  asText,
  asTexts,
} from '../../source/redis/reply.ts';

test('whole numbers are exact, from numbers and from digits', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      expect(asInteger(value)).toBe(value);
      expect(asInteger(String(value))).toBe(value === 0 ? 0 : value);
      expect(asInteger(Buffer.from(String(value)))).toBe(value === 0 ? 0 : value);
    }),
  );
});

test.each([2 ** 53, -(2 ** 53), '9007199254740993', '99999999999999999999'])(
  '%s would be rounded, so it is refused with the name of its key',
  (value) => {
    expect(() => asInteger(value, 'hits:x')).toThrow(
      expect.objectContaining({
        code: 'UNREADABLE_REPLY',
        kind: 'data',
        key: 'hits:x',
        message: expect.stringContaining('`hits:x`'),
      }),
    );
  },
);

test.each([null, undefined, '', ' 1', '1.5', '1e3', 'x', [], {}, Number.NaN, 1.5])(
  '%s is no whole number',
  (value) => {
    expect(() => asInteger(value)).toThrow(/whole number/);
  },
);

test('what may be nothing', () => {
  expect(asOptionalInteger(null)).toBeUndefined();
  expect(asOptionalInteger('7')).toBe(7);
  expect(asOptionalText(null)).toBeUndefined();
  expect(asOptionalText('')).toBe('');
});

test('scores', () => {
  expect(asNumber('1.5e3')).toBe(1500);
  expect(asNumber('-inf')).toBe(Number.NEGATIVE_INFINITY);
  expect(asNumber('inf')).toBe(Number.POSITIVE_INFINITY);
  expect(() => asNumber('nan')).toThrow(/a number/);
  expect(() => asNumber('')).toThrow(/a number/);
});

test('arrays of texts and of numbers', () => {
  expect(asTexts(['a', Buffer.from('b'), 3])).toEqual(['a', 'b', '3']);
  expect(asIntegers(['1', 2])).toEqual([1, 2]);
  expect(() => asArray('x')).toThrow(/an array/);
  expect(() => asTexts([null])).toThrow(/nothing where a text/);
  expect(() => asText({})).toThrow(/an object/);
});

test('pairs: flat, or a map of RESP3', () => {
  const pairs = [
    ['a', 1],
    ['__proto__', 'x'],
  ];
  expect(asPairs(pairs.flat())).toEqual(pairs);
  expect(asPairs(new Map(pairs as [string, unknown][]))).toEqual(pairs);
  expect(() => asPairs(['a'])).toThrow(/pairs/);
});

test('what is shown of a value is cut', () => {
  expect(() => asInteger('x'.repeat(1000))).toThrow(/^.{0,160}$/);
});
