import fc from 'fast-check';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { durationMs, sizeBytes, wholeNumber } from '../source/values.ts';

test.each([
  ['250ms', 250],
  ['10s', 10_000],
  ['1.5s', 1500],
  ['5m', 300_000],
  ['24h', 86_400_000],
  ['7d', 604_800_000],
])('%s is %d ms', (text, ms) => {
  expect(v.parse(durationMs, text)).toBe(ms);
});

test.each([
  ['0', 0],
  ['512', 512],
  ['512KiB', 524_288],
  ['64MiB', 67_108_864],
  ['1GiB', 1_073_741_824],
  ['1.5KiB', 1536],
])('%s is %d bytes', (text, bytes) => {
  expect(v.parse(sizeBytes, text)).toBe(bytes);
});

test.each(['', '10', 's', '-1s', '10 s', '1e3ms', '10S', 'Infinitys'])('`%s` is no duration', (text) => {
  expect(() => v.parse(durationMs, text)).toThrow('Expected a duration such as');
});

test.each(['', '-1', '10MB', '1kib', 'many', '0x10'])('`%s` is no size', (text) => {
  expect(() => v.parse(sizeBytes, text)).toThrow('Expected a size such as');
});

test('a whole number is what it says, in its range', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: -1000, max: 1000 }), fc.nat(1000), (value, min, span) => {
      const max = min + span;
      const isInside = value >= min && value <= max;
      expect(v.safeParse(wholeNumber({ min, max }), String(value)).success).toBe(isInside);
    }),
  );
  for (const text of ['1.0', '1e3', ' 1', '', '0x1', '9007199254740993']) {
    expect(v.safeParse(wholeNumber(), text).success).toBe(false);
  }
});
