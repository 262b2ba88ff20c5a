import { deflateRaw, inflateRawSync } from 'node:zlib';
import { type Course, makeCourse } from './course.ts';
import type { Line, Moment } from './reading.ts';

/** The last hour, deflated, in no more than so many bytes: the oldest go first. */
export type Ring = Course & {
  /** @returns whether the next line has to be a whole one, as what hangs together grew large */
  add(line: Line): boolean;
  /** What it takes now. */
  bytes(): number;
};

export type RingBounds = { readonly bytes: number; readonly ms: number };

type Kept = Moment & {
  readonly isWhole: boolean;
  /** Until it is deflated. */
  text: string | undefined;
  packed: Buffer | undefined;
  bytes: number;
  isGone: boolean;
};

const defaultBounds: RingBounds = { bytes: 16 * 1024 * 1024, ms: 60 * 60_000 };
/** What stands beside the bytes of a line. */
const entryBytes = 200;
const fast = { level: 3 };
/** What hangs together can only be dropped together: no more than this part of all. */
const largestShare = 8;

export function makeRing(bounds: RingBounds = defaultBounds): Ring {
  let kept: Kept[] = [];
  let bytes = 0;
  let together = 0;

  const drop = (): void => {
    const newestMs = kept.at(-1)?.atMs ?? 0;
    let first = 0;
    let left = bytes;
    // What is kept begins with a whole line: others could not be read.
    while (first < kept.length) {
      const next = kept.findIndex(({ isWhole }, index) => index > first && isWhole);
      const isOver = left > bounds.bytes || newestMs - (kept[next]?.atMs ?? newestMs) > bounds.ms;
      if (next === -1 || !isOver) break;
      for (const one of kept.slice(first, next)) {
        left -= one.bytes;
        one.isGone = true;
      }
      first = next;
    }
    if (first === 0) return;
    kept = kept.slice(first);
    bytes = left;
  };
  const course = makeCourse<Kept>(
    () => kept,
    ({ text, packed }) => text ?? (packed && inflateRawSync(packed).toString()),
  );
  return {
    ...course,
    bytes: () => bytes,
    add({ atMs, note, open, isWhole, text }) {
      const last = kept.at(-1);
      const isSame = last?.open === open;
      const besides = entryBytes + (isSame ? 0 : open.length);
      const one: Kept = {
        atMs,
        note,
        // The same text once: there are thousands of moments.
        open: isSame ? last.open : open,
        isWhole,
        text,
        packed: undefined,
        bytes: text.length + besides,
        isGone: false,
      };
      kept.push(one);
      bytes += one.bytes;
      together = isWhole ? 0 : together;
      deflateRaw(text, fast, (error, packed) => {
        // Then it stays as it is.
        if (error || one.isGone) return;
        bytes += packed.length + besides - one.bytes;
        together += packed.length;
        Object.assign(one, { packed, text: undefined, bytes: packed.length + besides });
        drop();
      });
      return together > bounds.bytes / largestShare;
    },
  };
}
