import meow from 'meow';
import { UsageError } from '../errors.ts';
import { dashed, globalFlags, spelled } from '../global-flags.ts';
import type { AnyCommand } from './run-command.ts';

type Kind = 'value' | 'switch' | 'list';
type Known = Readonly<Record<string, { readonly kind: Kind; readonly short?: string | undefined }>>;
type MeowFlags = NonNullable<NonNullable<Parameters<typeof meow>[0]>['flags']>;

const isOn = /^(true|1|yes|on)$/;
const isOff = /^(false|0|no|off)$/;

/**
 * Tells positional words from flags: the global ones and a command's own, wherever they stand. Of a flag that takes
 * one value the last one counts. Unknown flags come back among the flags too.
 * @throws {UsageError} for a flag without the value it takes, and for a switch with a value that is none
 */
export function parseWords(
  argv: readonly string[],
  own: AnyCommand['flags'],
): { input: string[]; flags: Record<string, unknown> } {
  const known: Known = {
    help: { kind: 'switch', short: 'h' },
    version: { kind: 'switch' },
    ...globalFlags,
    ...own,
  };
  const { words, values } = prepared(argv, known);
  const parsed = meow({
    importMeta: import.meta,
    argv: words,
    pkg: { name: 'quarterdeck' },
    description: false,
    autoHelp: false,
    autoVersion: false,
    booleanDefault: undefined,
    flags: Object.fromEntries(
      Object.entries(known).map(([name, { kind, short }]) => [
        name,
        {
          type: kind === 'switch' ? 'boolean' : 'string',
          ...(kind !== 'switch' && { isMultiple: true }),
          ...(short !== undefined && { shortFlag: short }),
        },
      ]),
    ) as MeowFlags,
  });
  const flags: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parsed.flags)) {
    if (!Array.isArray(value) || !Object.hasOwn(known, name)) {
      flags[name] = value;
      continue;
    }
    const given = value.map((place) => values[Number(place)] ?? String(place));
    if (given.length > 0) flags[name] = known[name]?.kind === 'list' ? given : given.at(-1);
  }
  return { input: parsed.input.map(String), flags };
}

/**
 * The words as meow understands them. Values are kept apart, and stand in the words by their place among them: so they
 * may begin with a dash, as in `--since -1h`, be empty, or hold quotes.
 */
function prepared(
  argv: readonly string[],
  known: Known,
): { readonly words: string[]; readonly values: readonly string[] } {
  const byWord = new Map<string, string>();
  for (const [name, { short }] of Object.entries(known)) {
    byWord.set(`--${dashed(name)}`, name).set(`--${name}`, name);
    if (short !== undefined) byWord.set(`-${short}`, name);
  }
  const words: string[] = [];
  const values: string[] = [];
  const left = [...argv];
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    const [flag = '', ...rest] = word.split('=');
    const name = byWord.get(flag);
    const given = rest.length > 0 ? rest.join('=') : undefined;
    if (name === undefined) {
      words.push(word);
    } else if (known[name]?.kind === 'switch') {
      words.push(switchWord(flag, given));
    } else {
      const value = given ?? (isFlag(left[0], byWord) ? undefined : left.shift());
      if (value === undefined) throw wanting(name, 'wants a value');
      if (value === '' && known[name]?.kind === 'list') throw wanting(name, 'wants a value, got nothing');
      words.push(`${flag}=${values.push(value) - 1}`);
    }
  }
  return { words, values };
}

/** Whether a flag of ours stands there: then it is no value. */
function isFlag(word: string | undefined, byWord: ReadonlyMap<string, string>): boolean {
  if (word === undefined || !word.startsWith('--')) return false;
  const [flag = ''] = word.split('=');
  return byWord.has(flag) || byWord.has(flag.replace(/^--no-/, '--'));
}

function switchWord(flag: string, given: string | undefined): string {
  if (given === undefined || isOn.test(given)) return flag;
  if (isOff.test(given) && flag.startsWith('--')) return flag.replace(/^--/, '--no-');
  throw new UsageError(`Expected \`${flag}\` to be true or false, got \`${given}\``);
}

function wanting(name: string, problem: string): UsageError {
  return new UsageError(`\`--${spelled(name)}\` ${problem}`, {
    hint: 'Put its value behind it; of a variable that may be empty, ask first whether it is',
  });
}
