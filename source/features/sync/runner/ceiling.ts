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

/**
 * Why a full comparison may not remove what it would; undefined where it may.
 *
 * What one comparison removes must stay under the ceiling, whatever it copies in return; and so must the fall of the
 * number of files since the last comparison that was completed, so that many small removals are not allowed what one
 * large is not. A removal that leaves nothing is never allowed.
 *
 * @param peak the most files that were at the target since the last comparison that was completed
 */
export function excessOf(
  { files: would, whole }: Removal & { readonly whole: NonNullable<Removal['whole']> },
  { ceiling, peak }: { readonly ceiling: Ceiling; readonly peak: number },
): Excess | undefined {
  if (would === 0) return;
  const of = Math.max(whole.atTarget, peak);
  const most = mostOf(ceiling, of);
  if (whole.atBase === 0) return { reason: 'base-empty', would, of: whole.atTarget, most };
  const fall = peak - (whole.atTarget - would + whole.created);
  if (Math.max(would, fall) > most) return { reason: 'too-many-deletions', would, of, most };
}

/** Whether a batch may remove so much; where not, a comparison of everything has to decide. */
export function isWithin(
  would: number,
  { ceiling, known, peak }: { readonly ceiling: Ceiling; readonly known: number; readonly peak: number },
): boolean {
  const left = known - would;
  const most = mostOf(ceiling, Math.max(known, peak));
  return would === 0 || (left > 0 && Math.max(would, peak - left) <= most);
}

function mostOf(ceiling: Ceiling, of: number): number {
  if ('files' in ceiling) return ceiling.files;
  return Math.max(ceiling.atLeast, Math.floor((of * ceiling.percent) / 100));
}
