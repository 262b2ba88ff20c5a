import type { Removal } from '../copy/copy.ts';

/** How many files may be removed at a target without somebody saying so, as `--max-delete` gives it. */
export type Ceiling =
  | { readonly files: number }
  /** Of the files at the target; in a small folder at least so many. */
  | { readonly percent: number; readonly atLeast: number };

export const defaultCeiling: Ceiling = { percent: 50, atLeast: 100 };

export type Excess = {
  readonly reason: 'base-empty' | 'too-many-deletions';
  readonly would: number;
  readonly of: number;
  readonly most: number;
};

/** The most files that were at a target in the hour that began at this epoch ms. */
export type High = { readonly at: number; readonly files: number };

const hourMs = 3_600_000;
/** So long a removal counts, with those that follow. */
const windowMs = 24 * hourMs;

/** The highs of the last day, with what is at the target now, and what was before a removal. */
export function highsWith(highs: readonly High[], files: readonly number[], nowMs: number): High[] {
  const at = Math.floor(nowMs / hourMs) * hourMs;
  const others = highs.filter((high) => high.at !== at && isOfDay(high, nowMs));
  const most = Math.max(...files, ...highs.filter((high) => high.at === at).map((high) => high.files));
  return [...others, { at, files: most }];
}

/** The most files that were at the target within the last day; 0 where nothing is known of it. */
export function peakOf(highs: readonly High[], nowMs: number): number {
  return Math.max(0, ...highs.filter((high) => isOfDay(high, nowMs)).map(({ files }) => files));
}

function isOfDay({ at }: High, nowMs: number): boolean {
  return Math.abs(nowMs - at) <= windowMs + hourMs;
}

/**
 * Why a full comparison may not remove what it would; undefined where it may.
 *
 * What one comparison removes must stay under the ceiling, whatever it copies in return; and so must the fall of the
 * number of files within a day, so that many small removals are not allowed what one large is not, however often
 * everything is compared between them. Files that come as others go are no fall. A removal that leaves nothing is never
 * allowed.
 *
 * @param peak the most files that were at the target within the last day, or since somebody allowed a removal
 */
export function excessOf(
  { files: would, whole }: Removal & { readonly whole: NonNullable<Removal['whole']> },
  { ceiling, peak }: { readonly ceiling: Ceiling; readonly peak: number },
): Excess | undefined {
  if (would === 0) return;
  const of = Math.max(whole.atTarget, peak);
  const most = mostOf(ceiling, of);
  if (whole.atBase === 0) return { reason: 'base-empty', would, of: whole.atTarget, most };
  const fall = of - (whole.atTarget - would + whole.created);
  if (Math.max(would, fall) > most) return { reason: 'too-many-deletions', would, of, most };
}

/** Whether a batch may remove so much; where not, a comparison of everything has to decide. */
export function isWithin(
  would: number,
  { ceiling, known, peak }: { readonly ceiling: Ceiling; readonly known: number; readonly peak: number },
): boolean {
  const left = known - would;
  const of = Math.max(known, peak);
  return would === 0 || (left > 0 && Math.max(would, of - left) <= mostOf(ceiling, of));
}

function mostOf(ceiling: Ceiling, of: number): number {
  if ('files' in ceiling) return ceiling.files;
  return Math.max(ceiling.atLeast, Math.floor((of * ceiling.percent) / 100));
}
