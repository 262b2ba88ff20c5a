import type { AnyFeature } from '../features/index.ts';
import { dashed } from '../global-flags.ts';
import { type AnyCommand, usageOf } from './run-command.ts';

/** Every command by the words that name it, with what completion and the palette need. */
export type CommandTable = ReadonlyMap<string, AnyCommand>;

export type Offer = { readonly word: string; readonly summary: string };

export type Offers = {
  /** What may stand at the end of the line instead of the word being typed. */
  readonly offers: readonly Offer[];
  /** The usage of the command the line names, once it names one. */
  readonly usage: string | undefined;
};

export function commandTable(
  features: readonly AnyFeature[],
  whole: Readonly<Record<string, AnyCommand>>,
): CommandTable {
  const own = features.flatMap(({ noun, commands }) =>
    commands.map((command): [string, AnyCommand] => [`${noun} ${command.verb}`, command]),
  );
  return new Map([...own, ...Object.entries(whole)]);
}

/** What could come next in the line: nouns, then verbs, then flags. */
export function offersFor(text: string, table: CommandTable, nouns: readonly AnyFeature[]): Offers {
  const words = text.trimStart().split(/\s+/);
  const last = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const path = [before.slice(0, 2).join(' '), before[0] ?? ''].find((candidate) => table.has(candidate));
  const command = path === undefined ? undefined : table.get(path);
  if (path !== undefined && command) {
    const used = new Set(before);
    const flags = Object.entries(command.flags)
      .map(([name, { summary }]): Offer => ({ word: `--${dashed(name)}`, summary }))
      .filter(({ word }) => last.startsWith('-') && word.startsWith(last) && !used.has(word));
    return { offers: flags, usage: usageOf(path, command).replace(/^quarterdeck /, '') };
  }
  if (before.length === 0) {
    const whole = [...table]
      .filter(([name]) => !name.includes(' '))
      .map(([name, { summary }]) => ({ word: name, summary }));
    const all = [...nouns.map(({ noun, summary }): Offer => ({ word: noun, summary })), ...whole];
    return { offers: all.filter(({ word }) => word.startsWith(last)), usage: undefined };
  }
  const prefix = `${before.join(' ')} ${last}`;
  const verbs = [...table]
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, { summary }]): Offer => ({ word: name.split(' ').at(-1) ?? '', summary }));
  return { offers: verbs, usage: undefined };
}

/** The line with its last word replaced by an offer, ready for the next word. */
export function complete(text: string, offer: Offer): string {
  return `${text.slice(0, text.length - (text.split(/\s+/).at(-1) ?? '').length)}${offer.word} `;
}

/**
 * Splits a line into words as a shell would: single and double quotes group, a backslash takes the next character
 * as it is. Undefined when a quote is not closed.
 */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let index = 0; index < text.length; index += 1) {
    const letter = text[index] ?? '';
    if (quote === undefined && letter === ' ') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (quote === undefined && (letter === '"' || letter === "'")) {
      quote = letter;
      word ??= '';
    } else if (letter === quote) {
      quote = undefined;
    } else if (letter === '\\' && quote !== "'" && index + 1 < text.length) {
      index += 1;
      word = (word ?? '') + (text[index] ?? '');
    } else {
      word = (word ?? '') + letter;
    }
  }
  if (quote !== undefined) return;
  if (word !== undefined) words.push(word);
  return words;
}
