import { bytesBefore, digestOf, type ReadAt } from './identity.ts';

/**
 * What a generation holds at fixed positions, to know the copy of it that ends before where it was read to. Such a copy is
 * made while somebody still writes; all that is read of the log by then is longer. How both begin may be a banner that
 * every generation has.
 *
 * One string: four characters of digest for each position, of up to 256 bytes before it. The positions are close to each
 * other first, then further and further apart: some 60 of them for a gigabyte.
 */
export type Marks = string;

const digits = 4;
const apartBytes = 256;
const closeMarks = 32;

/** Where the mark of this index is, from 0. */
function positionOf(index: number): number {
  if (index < closeMarks) return (index + 1) * apartBytes;
  return Math.floor(closeMarks * apartBytes * 1.5 ** (index - closeMarks + 1));
}

/** The mark at the end of these bytes. */
export function markOf(bytes: Buffer): string {
  return digestOf(bytes.subarray(-apartBytes)).slice(0, digits);
}

/** Where the mark is that comes behind these. */
export function nextMark(marks: Marks): number {
  return positionOf(marks.length / digits);
}

/** How many marks lie in so many bytes. */
function marksWithin(bytes: number): number {
  let count = 0;
  while (positionOf(count) <= bytes) count += 1;
  return count;
}

/** The marks as they are once the content is known up to `end`. */
export async function marksUpTo(read: ReadAt, end: number, before: Marks): Promise<Marks> {
  let marks = before;
  for (let at = nextMark(marks); at <= end; at = nextMark(marks))
    marks += markOf(await bytesBefore(read, at));
  return marks;
}

/** The last mark in so many bytes, of those that are known, and its position; undefined when there is none. */
function lastWithin(
  marks: Marks,
  bytes: number,
): { readonly position: number; readonly mark: string } | undefined {
  const count = Math.min(marks.length / digits, marksWithin(bytes));
  if (count === 0) return;
  return { position: positionOf(count - 1), mark: marks.slice((count - 1) * digits, count * digits) };
}

/** Whether a file of `size` bytes has the last of these marks that lies in it; without any it may. */
export async function isMarked(read: ReadAt, size: number, marks: Marks): Promise<boolean> {
  const last = lastWithin(marks, size);
  return last === undefined || markOf(await bytesBefore(read, last.position)) === last.mark;
}

/** The same of a content whose own marks are known. */
export function hasMarks(own: Marks, size: number, marks: Marks): boolean {
  const last = lastWithin(marks, size);
  return last === undefined || lastWithin(own, last.position)?.mark === last.mark;
}
