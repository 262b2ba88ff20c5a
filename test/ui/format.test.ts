import { expect, test } from 'vitest';
import {
  counted,
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  formatShort,
} from '../../source/ui/format.ts';

test('bytes', () => {
  const mib = 1024 ** 2;
  expect(
    [0, 512, 1023, 1024, 4 * mib, 60.2 * mib, 64 * mib, 211.7 * mib, 1023.7 * mib, 1024 * mib].map(
      formatBytes,
    ),
  ).toEqual(['0B', '512B', '1023B', '1.0K', '4.0M', '60.2M', '64M', '212M', '1.0G', '1.0G']);
  expect([9.8, 12.4, 99.97].map((gib) => formatBytes(gib * 1024 ** 3))).toEqual(['9.8G', '12.4G', '100G']);
});

test('counts', () => {
  expect([0, 940, 8412, 61_204, 1_234_567, -3000].map(formatCount)).toEqual([
    '0',
    '940',
    '8,412',
    '61,204',
    '1,234,567',
    '-3,000',
  ]);
  expect([0, 940, 999.7, 2100, 49_000, 811_000, 1_920_000].map(formatShort)).toEqual([
    '0',
    '940',
    '1.0k',
    '2.1k',
    '49k',
    '811k',
    '1.9M',
  ]);
});

test('durations and ages', () => {
  expect([200, 8100, 9990, 38_000, 252_000, 1_330_000, 11_100_000, 187_200_000].map(formatDuration)).toEqual([
    '0.2s',
    '8.1s',
    '10s',
    '38s',
    '4m12s',
    '22m10s',
    '3h05m',
    '2d04h',
  ]);
  expect([0, 12_900, 240_000, 3_600_000 * 3, 86_400_000 * 2].map(formatAge)).toEqual([
    'now',
    '12s',
    '4m',
    '3h',
    '2d',
  ]);
});

test('percentages never claim an end that was not reached', () => {
  expect([0, 0.001, 0.5, 0.999, 1].map(formatPercent)).toEqual(['0%', '<1%', '50%', '>99%', '100%']);
});

test.each([
  [0, '0 files'],
  [1, '1 file'],
  [8412, '8,412 files'],
])('%d is counted as %s', (count, shown) => {
  expect(counted(count, 'file')).toBe(shown);
});
