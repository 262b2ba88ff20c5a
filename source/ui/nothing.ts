import { sanitise, truncate, wrap } from './text.ts';

/** What is said where there is nothing of a feature. */
export type Nothing = {
  /** What there is not, such as `No lock is held that Quarterdeck knows of`. */
  readonly words: string;
  /** The keys that were looked at. */
  readonly looked: readonly string[];
  /** The command line that makes the first. */
  readonly first: string;
};

/** Where and when there was nothing. */
export type Looking = {
  /** The server or servers, as people call them. */
  readonly place: string;
  /** The time of day since when there has been nothing, as the console shows times; undefined: it was not read yet. */
  readonly since: string | undefined;
  /** What may be there all the same, and `d` looks for: `locks that other programs hold`. */
  readonly others: string | undefined;
};

/** What is not there, where that was looked for, and how the first of it is made: a sentence a line. */
export function nothingLines(nothing: Nothing, { place, since, others }: Looking): readonly string[] {
  const { words, looked, first } = nothing;
  const when = since === undefined ? '' : `, at ${since} and since then`;
  return [
    words,
    `Looked at ${looked.join(' and ')} on ${place}${when}`,
    `The first: ${first}`,
    ...(others === undefined ? [] : [`d looks through all keys for ${others}`]),
  ];
}

/** Such sentences on as many lines as they take; that there is no room for the last of them is seen. */
export function wrapSentences(
  sentences: readonly string[],
  { columns, rows }: { readonly columns: number; readonly rows: number },
): readonly string[] {
  const lines = sentences.flatMap((text) => wrap(sanitise(text), columns));
  if (lines.length <= rows) return lines;
  const last = truncate(lines[rows - 1] ?? '', Math.max(1, columns - 2));
  return [
    ...lines.slice(0, Math.max(0, rows - 1)),
    ...(rows > 0 ? [`${last.replace(/\u2026$/, '')} …`] : []),
  ];
}
