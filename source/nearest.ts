/** What was probably meant: the known word that is one or two slips of the finger away; undefined if none is. */
export function nearest(typed: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  // In a short word two slips make another word.
  let most = typed.length < 4 ? 1 : 2;
  for (const word of known) {
    const distance = slips(typed, word, most);
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

/**
 * Letters left out, added, changed, or swapped with their neighbour (optimal string alignment); any number above
 * `most` when there are more than that. Only cells within `most` of the diagonal can count, and a row without a small
 * one ends it: among a hundred thousand names nearly all end after three letters.
 */
function slips(typed: string, word: string, most: number): number {
  if (Math.abs(typed.length - word.length) > most) return most + 1;
  let common = 0;
  while (common < typed.length && typed[common] === word[common]) common += 1;
  const [one, other] = [typed.slice(common), word.slice(common)];
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let i = 1; i <= one.length; i += 1) {
    const above = row;
    row = [];
    row[0] = i;
    let least = i;
    for (let j = Math.max(1, i - most); j <= Math.min(other.length, i + most); j += 1) {
      const changed = (above[j - 1] ?? most + 1) + (one[i - 1] === other[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      const swapped = isSwap ? (before[j - 2] ?? most + 1) + 1 : changed;
      const cell = Math.min(changed, swapped, (above[j] ?? most) + 1, (row[j - 1] ?? most) + 1);
      row[j] = cell;
      least = Math.min(least, cell);
    }
    if (least > most) return most + 1;
    before = above;
  }
  return row[other.length] ?? most + 1;
}
