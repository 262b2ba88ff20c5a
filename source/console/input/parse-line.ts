import { type CommandTable, splitWords } from '../../commands/palette.ts';
import { parseWords } from '../../commands/parse-words.ts';
import { parseInput } from '../../commands/run-command.ts';
import { UsageError } from '../../errors.ts';
import { dashed, isGlobalFlag } from '../../global-flags.ts';
import { didYouMean } from '../../nearest.ts';
import type { Act } from '../../store/store.ts';

export type ParsedLine = {
  readonly act: Act;
  /** Whether it says `--yes` itself. */
  readonly isConfirmed: boolean;
};

/**
 * A line of the palette, read as the shell's command line is: the same words, flags and checks.
 * @returns undefined for an empty line
 * @throws {UsageError} for anything the command line would refuse, and for what is set when the console starts
 */
export function parseLine(text: string, table: CommandTable): ParsedLine | undefined {
  const all = splitWords(text.replace(/^\s*(:|quarterdeck\s)\s*/, ''));
  if (!all) throw new UsageError('A quote is not closed');
  if (all.length === 0) return;
  const end = all.indexOf('--');
  const before = end === -1 ? all : all.slice(0, end);
  const behind = end === -1 ? [] : all.slice(end + 1);
  const { input: names } = parseWords(before, {});
  const path = [names.slice(0, 2).join(' '), names[0] ?? ''].find((candidate) => table.has(candidate));
  const command = path === undefined ? undefined : table.get(path);
  if (path === undefined || !command) {
    const given = names.slice(0, 2).join(' ');
    throw new UsageError(`There is no command \`${given}\``, {
      hint: `${didYouMean(given, table.keys())}Press : and Tab to see what there is, or ? for help`,
    });
  }

  const parsed = parseWords(before, command.flags);
  const flags: Record<string, unknown> = {};
  const globals: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parsed.flags)) {
    if (value === undefined || name === 'help' || name === 'version') continue;
    const isGlobal = isGlobalFlag(name) && !Object.hasOwn(command.flags, name);
    const isEmpty = Array.isArray(value) && value.length === 0;
    if (!isEmpty) (isGlobal ? globals : flags)[name] = value;
  }
  const { json = false, yes = false, ...others } = globals;
  const [other] = Object.keys(others);
  if (other !== undefined) {
    throw new UsageError(`\`--${dashed(other)}\` is set when the console starts`, {
      hint: 'Leave it out here, or start the console with it',
    });
  }
  const words = parsed.input.slice(path.split(' ').length);
  const input = parseInput(path, command, {
    words: command.takesCommandLine ? words : [...words, ...behind],
    flags,
    commandLine: command.takesCommandLine ? behind : [],
  });
  return {
    act: { path, input, commandLine: command.takesCommandLine ? behind : [], json: json === true },
    isConfirmed: yes === true,
  };
}
