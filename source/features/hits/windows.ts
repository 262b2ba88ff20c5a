import type { Client } from '../../redis/client.ts';
import { bucketMs, dayMs, hourlyKey, hourMs, rawKey } from './keys.ts';

/**
 * Cuts windows of time into what is stored: whole hours from the hourly hashes, at both ends the buckets of one
 * hour. The hour that lasts to the end of the window is whole as well when nothing can have happened after it yet.
 */
export type Window = { readonly fromMs: number; readonly toMs: number };

/** Words for sums.lua: the hashes to read, and which part of which goes into which window. */
export type Plan = { readonly keys: string[]; readonly words: number[]; readonly ends: End[] };

/** One hour of which only some buckets count; `part` is its place among the parts. */
type End = { readonly window: number; readonly part: number; readonly hour: number };

const bucketsEach = hourMs / bucketMs;
/** How many words of a plan describe one part. */
export const partWords = 6;

export function planOf(
  client: Client,
  windows: readonly (Window & { readonly series: string })[],
  nowMs: number,
): Plan {
  const keys: string[] = [];
  const places = new Map<string, number>();
  const place = (key: string): number => {
    const known = places.get(key) ?? keys.push(key);
    places.set(key, known);
    return known;
  };
  const words: number[] = [];
  const ends: End[] = [];
  for (const [index, { series, fromMs, toMs }] of windows.entries()) {
    const window = index + 1;
    const whole = (day: number, first: number, last: number): void => {
      words.push(window, place(hourlyKey(client, series, day)), 0, 0, first, last);
    };
    const part = (hour: number, first: number, last: number): void => {
      ends.push({ window: index, part: words.length / partWords, hour });
      const hourly = place(hourlyKey(client, series, Math.floor(hour / 24)));
      words.push(window, hourly, hour % 24, place(rawKey(client, series, hour)), first, last);
    };
    if (toMs <= fromMs) continue;
    const first = Math.floor(fromMs / bucketMs);
    // Nothing lies ahead of now: up to the end of its hour is the same, and is stored as one number.
    const end = Math.ceil((toMs >= nowMs ? Math.ceil((nowMs + 1) / hourMs) * hourMs : toMs) / bucketMs);
    let hour = Math.floor(first / bucketsEach);
    let lastHour = Math.floor(end / bucketsEach);
    if (hour === lastHour) {
      part(hour, first % bucketsEach, (end % bucketsEach) - 1);
      continue;
    }
    if (first % bucketsEach > 0) {
      part(hour, first % bucketsEach, bucketsEach - 1);
      hour += 1;
    }
    if (end % bucketsEach > 0) part(lastHour, 0, (end % bucketsEach) - 1);
    lastHour -= 1;
    for (let day = Math.floor(hour / 24); day <= Math.floor(lastHour / 24); day += 1) {
      const from = Math.max(hour, day * 24);
      const to = Math.min(lastHour, day * 24 + 23);
      if (from <= to) whole(day, from % 24, to % 24);
    }
  }
  return { keys, words, ends };
}

/** The local midnight before this moment, and the moment a day earlier at the same time of day, by the calendar. */
export function dayOf(nowMs: number): { readonly todayMs: number; readonly yesterday: Window } {
  const midnight = new Date(nowMs).setHours(0, 0, 0, 0);
  const before = new Date(midnight);
  const sameTime = new Date(nowMs);
  return {
    todayMs: midnight,
    yesterday: {
      fromMs: before.setDate(before.getDate() - 1),
      toMs: Math.min(midnight, sameTime.setDate(sameTime.getDate() - 1)),
    },
  };
}

/** The hashes that hold the points of a plot, and where their first field lies among them. */
export function pointsPlan(
  client: Client,
  series: readonly string[],
  { fromMs, stepMs, points }: { readonly fromMs: number; readonly stepMs: number; readonly points: number },
): { readonly keys: string[]; readonly words: number[] } {
  const isHourly = stepMs % hourMs === 0 && fromMs % hourMs === 0;
  const [unitMs, hashMs] = isHourly ? [hourMs, dayMs] : [bucketMs, hourMs];
  const each = hashMs / unitMs;
  const keys: string[] = [];
  const words: number[] = [series.length, points, fromMs / unitMs, stepMs / unitMs];
  const last = Math.floor((fromMs + points * stepMs - 1) / hashMs);
  for (const [row, name] of series.entries()) {
    for (let hash = Math.floor(fromMs / hashMs); hash <= last; hash += 1) {
      keys.push(isHourly ? hourlyKey(client, name, hash) : rawKey(client, name, hash));
      words.push(row + 1, hash * each);
    }
  }
  return { keys, words };
}
