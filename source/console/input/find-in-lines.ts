import type { GlobalKey } from './keymap.ts';

/** Keys in what a command printed. */
export const textKeys = {
  find: { key: ['/'], help: 'find text, in any case' },
  nextMatch: { key: ['n'], help: 'next match' },
  previousMatch: { key: ['N'], help: 'previous match' },
} as const satisfies Record<string, GlobalKey>;

/** `Match 2 of 7`, counted in lines; `at` is the line, undefined where there is none. */
export type Match = { readonly at: number | undefined; readonly words: string };

/**
 * The next line with the text, going round at the end.
 * @param from the line before the first that is looked at
 * @param step -1: towards the top
 */
export function matchIn(lines: readonly string[], text: string, from: number, step: 1 | -1): Match {
  const places = lines.flatMap((line, index) => (isMatch(line, text) ? [index] : []));
  if (places.length === 0) return { at: undefined, words: `Nothing here has \`${text}\`` };
  const ahead = step === 1 ? places.find((at) => at > from) : places.findLast((at) => at < from);
  const at = ahead ?? (step === 1 ? places[0] : places.at(-1)) ?? 0;
  const round = ahead === undefined ? (step === 1 ? ', from the top again' : ', from the end again') : '';
  return { at, words: `Match ${places.indexOf(at) + 1} of ${places.length}${round}` };
}

function isMatch(line: string, text: string): boolean {
  return line.toLowerCase().includes(text.toLowerCase());
}
