import { expect, test } from 'vitest';
import {
  defaultCeiling,
  excessOf,
  type High,
  highsWith,
  peakOf,
} from '../../source/features/sync/runner/ceiling.ts';

const hourMs = 3_600_000;
const nowMs = Date.UTC(2026, 10, 29, 12, 34);

test('a high counts for a day, in steps of an hour', () => {
  let highs: High[] = [];
  for (let hour = 0; hour < 100; hour += 1)
    highs = highsWith(highs, [1000 - hour, 990 - hour], nowMs + hour * hourMs);
  const last = nowMs + 99 * hourMs;
  expect(highs.length).toBeLessThanOrEqual(26);
  expect(peakOf(highs, last)).toBe(1000 - 99 + 24);
  expect(peakOf(highs, last + 30 * hourMs)).toBe(0);
});

test('within an hour the highest stays; a clock that was far ahead is not believed for ever', () => {
  const highs = highsWith(highsWith([], [500], nowMs), [200], nowMs + 60_000);
  expect(highs).toHaveLength(1);
  expect(peakOf(highs, nowMs)).toBe(500);
  expect(peakOf(highsWith(highs, [200], nowMs - 900 * hourMs), nowMs - 900 * hourMs)).toBe(200);
});

test('what is added as others go is no fall', () => {
  const whole = { atTarget: 1000, created: 450, atBase: 1000 };
  const removal = { files: 450, folders: 0, sample: [], whole };
  expect(excessOf(removal, { ceiling: defaultCeiling, peak: 1000 })).toBeUndefined();
  expect(
    excessOf({ ...removal, whole: { ...whole, created: 0 } }, { ceiling: defaultCeiling, peak: 1200 }),
  ).toEqual({ reason: 'too-many-deletions', would: 450, of: 1200, most: 600 });
});
