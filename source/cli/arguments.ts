import { parseWords } from '../commands/parse-words.ts';
import { type AnyCommand, type RawInput, unknownFlag } from '../commands/run-command.ts';
import { UsageError } from '../errors.ts';
import { features, loadFeature } from '../features/index.ts';
import { isGlobalFlag } from '../global-flags.ts';
import { didYouMean } from '../nearest.ts';
import { shellCommands } from './shell-commands.ts';

/** What the words on the command line ask for. */
export type Invocation =
  | { readonly name: 'console'; readonly globals: Record<string, unknown> }
  | { readonly name: 'version' }
  | { readonly name: 'help'; readonly noun: string | undefined; readonly verb: string | undefined }
  | {
      readonly name: 'command';
      readonly path: string;
      readonly command: AnyCommand;
      readonly raw: RawInput;
      readonly globals: Record<string, unknown>;
    };

/**
 * Reads the words twice: first with the global flags only, to learn which command is meant, then with that
 * command's own flags, so that a flag may stand anywhere and one feature alone is loaded.
 * @throws {UsageError} for an unknown command
 */
export async function readArguments(argv: readonly string[]): Promise<Invocation> {
  const end = argv.indexOf('--');
  const before = end === -1 ? argv : argv.slice(0, end);
  const behind = end === -1 ? [] : argv.slice(end + 1);

  const first = parseWords(before, {});
  if (first.flags.version === true) return { name: 'version' };
  const [noun, verb] = namesAmong(first.input);
  // It may yet be the value of one of the command's own flags, such as `-1h`.
  const found = noun === undefined ? undefined : await lookUp(noun, verb);
  if (noun === undefined && first.input.length === 1 && first.input[0] === 'version')
    return { name: 'version' };
  // As many programs have it, where no command of a noun is called so.
  if (noun !== undefined && verb === 'help' && !found) return { name: 'help', noun, verb: first.input[2] };
  const isHelp = (found ? parseWords(before, found[1].flags) : first).flags.help === true;
  if (isHelp || noun === 'help') {
    const asked = noun === 'help' ? first.input[1] : first.input[0];
    if (asked !== undefined && !isNoun(asked)) throw unknownNoun(asked);
    return noun === 'help'
      ? { name: 'help', noun: first.input[1], verb: first.input[2] }
      : { name: 'help', noun, verb };
  }
  if (noun === undefined) {
    if (first.input[0] !== undefined) throw unknownNoun(first.input[0]);
    return { name: 'console', globals: checkedGlobals(first.flags) };
  }

  if (!found) throw await unknownVerb(noun, first.input[1]);
  const [path, command] = found;
  const second = parseWords(before, command.flags);
  const words = second.input.slice(path.split(' ').length);
  const globals: Record<string, unknown> = {};
  const flags: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(second.flags)) {
    if (name === 'help' || name === 'version' || value === undefined) continue;
    const isGlobal = isGlobalFlag(name) && !Object.hasOwn(command.flags, name);
    (isGlobal ? globals : flags)[name] = value;
  }
  return {
    name: 'command',
    path,
    command,
    globals,
    raw: {
      words: command.takesCommandLine ? words : [...words, ...behind],
      flags,
      commandLine: command.takesCommandLine ? behind : [],
    },
  };
}

async function lookUp(
  noun: string,
  verb: string | undefined,
): Promise<[path: string, command: AnyCommand] | undefined> {
  const load = Object.hasOwn(shellCommands, noun) ? shellCommands[noun] : undefined;
  if (load) return [noun, await load()];
  const feature = await loadFeature(noun);
  const command = feature?.commands.find((candidate) => candidate.verb === verb);
  return command && [`${noun} ${verb}`, command];
}

async function unknownVerb(noun: string, verb: string | undefined): Promise<UsageError> {
  const feature = await loadFeature(noun);
  const known = feature?.commands.map((candidate) => `${noun} ${candidate.verb}`) ?? [];
  if (verb !== undefined) return unknownCommand(`${noun} ${verb}`, known);
  return new UsageError(`\`${noun}\` wants a verb`, {
    code: 'UNKNOWN_COMMAND',
    hint: `Known: ${known.join(', ')}; see \`quarterdeck ${noun} --help\``,
  });
}

function unknownNoun(given: string): UsageError {
  return unknownCommand(given, [...Object.keys(features), ...Object.keys(shellCommands)]);
}

function unknownCommand(given: string, known: readonly string[]): UsageError {
  return new UsageError(`There is no command \`${given}\``, {
    code: 'UNKNOWN_COMMAND',
    hint: `${didYouMean(given, known)}Known: ${known.join(', ')}; see \`quarterdeck --help\``,
  });
}

function isNoun(word: string): boolean {
  return Object.hasOwn(features, word) || Object.hasOwn(shellCommands, word);
}

/** The first two words, if the first is a noun we know: flags we do not know yet may have left their values among them. */
function namesAmong(input: readonly string[]): [noun?: string, verb?: string] {
  const [noun, verb] = input;
  if (noun !== undefined && (isNoun(noun) || noun === 'help'))
    return [noun, ...(verb === undefined ? [] : [verb])] as [string, string?];
  return [];
}

function checkedGlobals(flags: Record<string, unknown>): Record<string, unknown> {
  for (const name of Object.keys(flags)) {
    if (!isGlobalFlag(name) && name !== 'help' && name !== 'version') {
      throw new UsageError(unknownFlag(name, []), { hint: 'See `quarterdeck --help`' });
    }
  }
  return Object.fromEntries(Object.entries(flags).filter(([name]) => isGlobalFlag(name)));
}
