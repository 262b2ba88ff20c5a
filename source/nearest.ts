/** What was probably meant: the known word that is one or two slips of the finger away; undefined if none is. */
export function nearest(typed: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  // In a short word two slips make another word.
  let most = typed.length < 4 ? 1 : 2;
  for (const word of known) {
    const distance = slips(typed, word);
    if (distance > most || (best !== undefined && distance === most)) continue;
    best = word;
    most = distance;
  }
  return best;
}

/** `Did you mean …? ` for the beginning of a hint, or nothing. */
export function didYouMean(typed: string, known: Iterable<string>): string {
  const meant = nearest(typed, known);
  return meant === undefined ? '' : `Did you mean \`${meant}\`? `;
}

/** Letters left out, added, changed, or swapped with their neighbour (optimal string alignment). */
function slips(one: string, other: string): number {
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let i = 1; i <= one.length; i += 1) {
    const above = row;
    row = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const changed = (above[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      const swapped = isSwap ? (before[j - 2] ?? 0) + 1 : changed;
      row[j] = Math.min(changed, swapped, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
    }
    before = above;
  }
  return row[other.length] ?? 0;
}
