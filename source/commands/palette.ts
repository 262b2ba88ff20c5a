import type { AnyFeature } from '../features/index.ts';
import { dashed } from '../global-flags.ts';
import type { Offer } from '../store/store.ts';
import { choicesOf } from './choices.ts';
import { type AnyCommand, usageOf } from './run-command.ts';

/** Every command by the words that name it, with what completion and the palette need. */
export type CommandTable = ReadonlyMap<string, AnyCommand>;

export type { Offer };

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

/** What a console knows beyond the commands. */
export type Live = {
  /** Names that may stand for a word of a command, by how the word is called; the most urgent first. */
  names?(path: string, label: string, index: number): readonly string[];
  /** Words that stand for more. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** What keys do. */
  readonly keys?: readonly { readonly key: string; readonly label: string; readonly help: string }[];
};

/** What could come next in the line: nouns, verbs, names, flags; where nothing fits, what sounds like it. */
export function offersFor(
  text: string,
  table: CommandTable,
  nouns: readonly AnyFeature[],
  live: Live = {},
): Offers {
  const words = text.trimStart().split(/\s+/);
  const last = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const path = [before.slice(0, 2).join(' '), before[0] ?? ''].find((candidate) => table.has(candidate));
  const command = path === undefined ? undefined : table.get(path);
  if (path !== undefined && command) {
    const offers = last.startsWith('-')
      ? flagsFor(command, before, last)
      : wordsFor(path, command, words, live);
    return { offers, usage: usageOf(path, command).replace(/^quarterdeck /, '') };
  }
  if (before.length === 0) {
    const whole = [...table]
      .filter(([name]) => !name.includes(' '))
      .map(([name, { summary }]) => ({ word: name, summary }));
    const short = Object.entries(live.aliases ?? {}).map(([word, summary]) => ({ word, summary }));
    const all = [...nouns.map(({ noun, summary }): Offer => ({ word: noun, summary })), ...whole, ...short];
    const offers = all.filter(({ word }) => word.startsWith(last));
    return { offers: offers.length > 0 ? offers : soundingLike(text, table, live), usage: undefined };
  }
  const prefix = `${before.join(' ')} ${last}`;
  const verbs = [...table]
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, { summary }]): Offer => ({ word: name.split(' ').at(-1) ?? '', summary }));
  return { offers: verbs.length > 0 ? verbs : soundingLike(text, table, live), usage: undefined };
}

function flagsFor(command: AnyCommand, before: readonly string[], last: string): readonly Offer[] {
  const used = new Set(before);
  return Object.entries(command.flags)
    .map(([name, { summary }]): Offer => ({ word: `--${dashed(name)}`, summary }))
    .filter(({ word }) => word.startsWith(last) && !used.has(word));
}

/** Names and choices for the word that is being typed. */
function wordsFor(
  path: string,
  command: AnyCommand,
  words: readonly string[],
  { names }: Live,
): readonly Offer[] {
  const last = words.at(-1) ?? '';
  const given = words.slice(path.split(' ').length, -1);
  const flag = /^--(.+)$/.exec(given.at(-1) ?? '')?.[1];
  const named = Object.entries(command.flags).find(([name]) => dashed(name) === flag)?.[1];
  const index = given.filter((word, at) => !word.startsWith('-') && !given[at - 1]?.startsWith('--')).length;
  const parameter = named?.kind === 'value' ? named : Object.values(command.words)[index];
  if (!parameter) return [];
  const { label, summary } = parameter;
  const found = [...choicesOf(parameter), ...(names?.(path, label, named ? -1 : index) ?? [])];
  const wanted = last.toLowerCase();
  return [...new Set(found)]
    .map((name) => ({ name, word: quoted(name) }))
    .filter(({ name }) => name.toLowerCase().includes(wanted))
    .sort((a, b) => Number(b.name.startsWith(last)) - Number(a.name.startsWith(last)))
    .slice(0, mostOffers)
    .map(({ word }) => ({ word, summary }));
}

const mostOffers = 200;

/** A name as it is typed: in quotes where it would fall apart. */
function quoted(name: string): string {
  return /^[^\s'"\\-][^\s'"\\]*$/.test(name) ? name : `'${name.replaceAll("'", `'"'"'`)}'`;
}

/** Commands and keys whose name has these letters in this order, or whose summary has these words. */
function soundingLike(text: string, table: CommandTable, live: Live): readonly Offer[] {
  return text.trim().length < 2 ? [] : finderOffers(text, table, live);
}

/** The same, and without a text all keys, then all commands; the likest first. */
export function finderOffers(text: string, table: CommandTable, { keys = [] }: Live): readonly Offer[] {
  const wanted = text.trim().toLowerCase();
  const commands = [...table].map(
    ([name, { summary }]): Offer => ({ word: name, summary, line: `${name} ` }),
  );
  const pressed = keys.map(({ key, label, help }): Offer => ({ word: label, summary: help, key }));
  if (wanted === '') return [...pressed, ...commands];
  return [...commands, ...pressed]
    .map((offer) => ({ offer, rank: likeness(wanted, offer) }))
    .filter(({ rank }) => rank > 0)
    .sort((a, b) => b.rank - a.rank)
    .map(({ offer }) => offer);
}

function likeness(wanted: string, { word, summary }: Offer): number {
  const name = word.toLowerCase();
  if (name.includes(wanted)) return 4;
  const parts = wanted.split(/\s+/);
  const about = `${name} ${summary.toLowerCase()}`;
  if (parts.every((part) => part.length > 2 && about.includes(part))) return 3;
  return isAbbreviation(wanted.replaceAll(' ', ''), name) ? 2 : 0;
}

/** The letters in this order, the first of them where a word begins, as `tst` for `topic status`. */
export function isAbbreviation(letters: string, name: string): boolean {
  let at = 0;
  for (const [index, letter] of [...letters].entries()) {
    const found = name.indexOf(letter, at);
    if (found === -1 || (index === 0 && found > 0 && name[found - 1] !== ' ')) return false;
    at = found + 1;
  }
  return true;
}

/** The line with its last word replaced by an offer, ready for the next word. */
export function complete(text: string, offer: Offer): string {
  if (offer.line !== undefined) return offer.line;
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
