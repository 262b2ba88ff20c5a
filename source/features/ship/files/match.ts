import type { Generation } from './generation.ts';
import type { Unknown } from './probe.ts';

/** So many generations that begin alike are compared with one file. */
const mostCompared = 300;

export type Match = { readonly generation: Generation; readonly isFull: boolean };

/**
 * Finds out which generations without a file lie in which files, by content. Complete agreements, of what was read and
 * of what was seen, are assigned for all files before weaker ones; the deepest first.
 */
export async function matchByContent(
  unknown: readonly Unknown[],
  candidatesFor: (one: Unknown) => Iterable<Generation>,
): Promise<ReadonlyMap<Unknown, Match>> {
  const matches: (Match & { readonly one: Unknown; readonly depth: number })[] = [];
  for (const one of unknown) {
    let compared = 0;
    for (const generation of candidatesFor(one)) {
      compared += 1;
      if (compared > mostCompared) break;
      const agreement = await agreementOf(one, generation);
      if (agreement === 'none') continue;
      const depth = Math.max(generation.position, generation.seen);
      matches.push({ one, generation, isFull: agreement === 'full', depth });
    }
  }
  matches.sort((a, b) => Number(b.isFull) - Number(a.isFull) || b.depth - a.depth);
  const found = new Map<Unknown, Match>();
  const taken = new Set<Generation>();
  for (const { one, generation, isFull } of matches) {
    if (found.has(one) || taken.has(generation)) continue;
    found.set(one, { generation, isFull });
    taken.add(generation);
  }
  return found;
}

/**
 * How well a file agrees with a generation that begins like it. One that was the log itself when it was last seen may have
 * grown since; one that was put aside has its length. Only the copy of what was truncated may be shorter than what was
 * seen.
 */
async function agreementOf(one: Unknown, generation: Generation): Promise<'full' | 'weak' | 'none'> {
  const { position, anchor, seen, seenAnchor, marks, isLive, hasEnded, wasTruncated } = generation;
  const { size } = one;
  if (seen === 0 || size === 0) return 'none';
  if (size < seen) {
    if (!wasTruncated) return 'none';
    const isRead = size < position ? undefined : await one.isAnchored(position, anchor);
    return (isRead ?? (await one.isMarked(marks))) ? 'weak' : 'none';
  }
  if (size > seen && (hasEnded || !isLive)) return 'none';
  // It may have been read on, through a handle that is left of it, since a compressed file was looked into.
  const agrees =
    ((await one.isAnchored(seen, seenAnchor)) ?? (marks !== '' && (await one.isMarked(marks)))) &&
    ((await one.isAnchored(position, anchor)) ?? (await one.isMarked(marks)));
  return agrees ? 'full' : 'none';
}
