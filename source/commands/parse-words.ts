import meow from 'meow';
import { dashed, globalFlags } from '../global-flags.ts';
import type { AnyCommand } from './run-command.ts';

type Known = Record<string, { type: 'string' | 'boolean'; isMultiple?: boolean; shortFlag?: string }>;
type MeowFlags = NonNullable<NonNullable<Parameters<typeof meow>[0]>['flags']>;

/**
 * Tells positional words from flags: the global ones and a command's own, wherever they stand.
 * Unknown flags come back among the flags too.
 */
export function parseWords(
  argv: readonly string[],
  own: AnyCommand['flags'],
): { input: string[]; flags: Record<string, unknown> } {
  const flags: Known = {
    help: { type: 'boolean', shortFlag: 'h' },
    version: { type: 'boolean' },
  };
  for (const [name, { kind, short }] of [
    ...Object.entries<{ kind: string; short?: string }>(globalFlags),
    ...Object.entries(own),
  ]) {
    flags[name] = {
      type: kind === 'switch' ? 'boolean' : 'string',
      ...(kind === 'list' && { isMultiple: true }),
      ...(short !== undefined && { shortFlag: short }),
    };
  }
  const parsed = meow({
    importMeta: import.meta,
    argv: withValues(argv, flags),
    pkg: { name: 'quarterdeck' },
    description: false,
    autoHelp: false,
    autoVersion: false,
    booleanDefault: undefined,
    flags: flags as MeowFlags,
  });
  return { input: parsed.input.map(String), flags: parsed.flags };
}

/** Joins a flag with the word behind it if that is its value and begins with a dash, as in `--since -1h`. */
function withValues(argv: readonly string[], known: Known): string[] {
  const long = new Set(Object.keys(known).map((name) => `--${dashed(name)}`));
  const taking = new Set(
    Object.entries(known)
      .filter(([, { type }]) => type === 'string')
      .flatMap(([name, { shortFlag }]) => [`--${dashed(name)}`, ...(shortFlag ? [`-${shortFlag}`] : [])]),
  );
  const words: string[] = [];
  for (const word of argv) {
    const last = words.at(-1);
    const isValue = /^-./.test(word) && !long.has(word.split('=', 1)[0] ?? '');
    if (last !== undefined && taking.has(last) && isValue) words[words.length - 1] = `${last}=${word}`;
    else words.push(word);
  }
  return words;
}
