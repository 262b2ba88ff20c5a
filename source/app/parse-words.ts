import meow from 'meow';
import { globalFlags } from '../global-flags.ts';
import type { AnyCommand } from './run-command.ts';

type MeowFlags = NonNullable<NonNullable<Parameters<typeof meow>[0]>['flags']>;

/**
 * Tells positional words from flags: the global ones and a command's own, wherever they stand.
 * Unknown flags come back among the flags too.
 */
export function parseWords(
  argv: readonly string[],
  own: AnyCommand['flags'],
): { input: string[]; flags: Record<string, unknown> } {
  const flags: Record<string, { type: 'string' | 'boolean'; isMultiple?: boolean; shortFlag?: string }> = {
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
    argv,
    pkg: { name: 'quarterdeck' },
    description: false,
    autoHelp: false,
    autoVersion: false,
    booleanDefault: undefined,
    flags: flags as MeowFlags,
  });
  return { input: parsed.input.map(String), flags: parsed.flags };
}
