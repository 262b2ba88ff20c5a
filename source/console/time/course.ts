import { type Moment, parseReading, type Reading, readingAfter } from './reading.ts';

/** Moments that can be gone back to, oldest first. */
export type Course = {
  moments(): readonly Moment[];
  /** @returns undefined when it is no longer, or cannot be, read */
  reading(moment: Moment): Reading | undefined;
};

export type Kept = Moment & { readonly isWhole: boolean };

/** The course over lines that are kept somewhere; each is read when it is gone to, from the whole one before it on. */
export function makeCourse<One extends Kept>(
  kept: () => readonly One[],
  textOf: (one: One) => string | undefined,
): Course {
  let last: { readonly one: One; readonly reading: Reading } | undefined;

  const read = (moment: Moment): Reading | undefined => {
    const all = kept();
    const at = (all as readonly Moment[]).lastIndexOf(moment);
    if (at === -1) return;
    const from = all.slice(0, at + 1).findLastIndex(({ isWhole }) => isWhole);
    if (from === -1) return;
    // One step on builds on what was read last.
    const known = last ? all.indexOf(last.one) : -1;
    const isOn = last !== undefined && known >= from && known <= at;
    let reading = isOn ? last?.reading : undefined;
    for (const one of all.slice(isOn ? known + 1 : from, at + 1)) {
      const text = textOf(one);
      reading = text === undefined ? undefined : readingAfter(reading, parseReading(text));
      if (!reading) return;
      last = { one, reading };
    }
    return reading;
  };
  return { moments: kept, reading: read };
}

/** The place of the last moment at or before this time; -1: there is none. */
export function placeAt(moments: readonly Moment[], atMs: number): number {
  let low = 0;
  let high = moments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((moments[middle]?.atMs ?? 0) <= atMs) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The place of the next (1) or previous (-1) moment at which a need began or ended, or something was noted. */
export function placeOfEvent(moments: readonly Moment[], from: number, by: 1 | -1): number | undefined {
  for (let at = from + by; at >= 0 && at < moments.length; at += by) {
    const moment = moments[at];
    const isChange = at > 0 && moment?.open !== moments[at - 1]?.open;
    if (moment?.note !== undefined || isChange) return at;
  }
}
