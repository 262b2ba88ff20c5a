/** How a message moves from hour to hour, in the words of JSON; people see how much it rises or falls. */
export const movements = ['new', 'rising', 'steady', 'falling', 'gone', 'unknown'] as const;

/** How a message moves from hour to hour. */
export type Movement =
  | { readonly kind: 'new' | 'gone' | 'steady' | 'unknown' }
  /** How many times as often as in the hour before. */
  | { readonly kind: 'rising' | 'falling'; readonly ratio: number };

/**
 * Compares rates, not counts: an hour that has just begun would else show everything falling.
 * @param hasPrevious whether anything is known of the hour before
 * @param elapsed how far this hour is, from 0 to 1; counted in whole minutes, so that a quiet log stands still
 */
export function movement(count: number, previous: number, hasPrevious: boolean, elapsed: number): Movement {
  if (!hasPrevious) return { kind: 'unknown' };
  if (previous === 0) return { kind: 'new' };
  if (count === 0) return { kind: 'gone' };
  const ratio = (count * 60) / Math.max(1, Math.ceil(elapsed * 60)) / previous;
  if (ratio > 1.05) return { kind: 'rising', ratio };
  if (ratio < 0.95) return { kind: 'falling', ratio };
  return { kind: 'steady' };
}

/** `new`, `gone`, `▲18×`, `▲ 7%`, `▼69%`, `▬`: at most five cells. */
export function formatMovement(moved: Movement): string {
  switch (moved.kind) {
    case 'new':
    case 'gone':
      return moved.kind;
    case 'steady':
      return '▬';
    case 'unknown':
      return '–';
    case 'falling':
      return `▼${percent(1 - moved.ratio)}`;
    case 'rising':
      return moved.ratio < 1.995 ? `▲${percent(moved.ratio - 1)}` : `▲${times(moved.ratio)}`;
  }
}

function percent(share: number): string {
  return `${Math.min(99, Math.max(1, Math.round(share * 100)))}%`.padStart(3);
}

function times(ratio: number): string {
  if (ratio >= 999.5) return '999×';
  return `${ratio < 9.95 ? ratio.toFixed(1) : Math.round(ratio)}×`;
}
