import type { Line } from '../../store/store.ts';
import { graphemes } from '../../ui/text.ts';

/** The word before the cursor: from the last space or line end on. */
export function wordBefore({ text, cursor }: Pick<Line, 'text' | 'cursor'>): string {
  return /\S*$/.exec(graphemes(text).slice(0, cursor).join(''))?.[0] ?? '';
}

/**
 * The line with that word as long as all candidates that begin so agree, and a space behind the only one. `others`: what
 * it may still become, where there are several.
 */
export function completeWord(
  line: Line,
  candidates: readonly string[],
): { readonly line: Line; readonly others: readonly string[] } {
  const word = wordBefore(line);
  const fitting = candidates.filter((one) => one.toLowerCase().startsWith(word.toLowerCase()));
  const [first = word] = fitting;
  const common =
    fitting.length > 1
      ? fitting.reduce((prefix, one) => {
          const letters = graphemes(prefix);
          const at = graphemes(one).findIndex((letter, index) => letter !== letters[index]);
          return at === -1 ? one : letters.slice(0, at).join('');
        }, first)
      : first;
  const became = fitting.length === 1 ? `${first} ` : common.length > word.length ? common : word;
  const letters = graphemes(line.text);
  const start = letters.slice(0, line.cursor).join('').length - word.length;
  const before = line.text.slice(0, start) + became;
  const text = before + letters.slice(line.cursor).join('');
  return {
    line: { ...line, text, cursor: graphemes(before).length },
    others: fitting.length > 1 ? fitting : [],
  };
}
