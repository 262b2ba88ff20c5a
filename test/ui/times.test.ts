import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  setMoment,
  setTimes,
  shownAt,
  shownBriefly,
  shownDayTime,
  shownSecondsCell,
  shownTime,
  zonedClockSeconds,
  zoneName,
} from '../../source/ui/times.ts';

// One choice for every time that is painted.

const zone = process.env.TZ;
beforeAll(() => {
  process.env.TZ = 'America/New_York';
});
afterAll(() => {
  process.env.TZ = zone;
  setTimes('local');
});

/** 02:30 UTC on the day on which New York's clocks leave out 02:30. */
const atMs = Date.UTC(2026, 2, 8, 2, 30, 5);

test.each([
  ['local', '21:30', '21:30', 'at 21:30', '7 Mar 21:30', '21:30:05', '21:30:05', 'UTC-5'],
  ['utc', '02:30', '02:30', 'at 02:30', '8 Mar 02:30', '02:30:05', '02:30:05', 'UTC'],
  ['age', '4m ago', '4m', '4m ago', '4m ago', '      4m', '21:30:05', 'UTC-5'],
] as const)('%s', (style, ...texts) => {
  setTimes(style);
  setMoment(atMs + 250_000);
  const ways = [
    shownTime,
    shownBriefly,
    shownAt,
    shownDayTime,
    shownSecondsCell,
    zonedClockSeconds,
    zoneName,
  ];
  expect(ways.map((way) => way(atMs))).toEqual(texts);
});

test('what is to come, what is now, and the zones of the half hours', () => {
  setTimes('age');
  setMoment(atMs);
  expect([atMs + 250_000, atMs + 10, atMs].map(shownTime)).toEqual(['4m from now', 'now', 'now']);
  process.env.TZ = 'Asia/Kolkata';
  expect(zoneName(atMs)).toBe('UTC+5:30');
  setTimes('utc');
  expect(zonedClockSeconds(Number.NaN)).toBe('NaN:NaN:NaN');
});
