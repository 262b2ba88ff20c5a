import { parseArgs } from 'node:util';
import { dashed, type GlobalFlag, globalFlags } from '../global-flags.ts';

/**
 * The global flags of a command line that holds nothing else, which opens the console; undefined for any other. It
 * spares the console, whose start is watched by a person, the loading of everything that reads commands.
 */
export function consoleFlags(argv: readonly string[]): Record<string, unknown> | undefined {
  const names = Object.entries<GlobalFlag>(globalFlags);
  try {
    const { values } = parseArgs({
      args: [...argv],
      strict: true,
      allowPositionals: false,
      allowNegative: true,
      options: Object.fromEntries(
        names.map(([name, { kind }]) => [
          dashed(name),
          { type: kind === 'switch' ? ('boolean' as const) : ('string' as const), multiple: kind === 'list' },
        ]),
      ),
    });
    const given = names.map(([name]) => [name, values[dashed(name)]] as const);
    return Object.fromEntries(given.filter(([, value]) => value !== undefined));
  } catch {
    // Whatever is wrong with it is reported by what reads commands.
  }
}
