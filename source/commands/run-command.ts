import * as v from 'valibot';
import { QuarterdeckError, UsageError } from '../errors.ts';
import type { Command, CommandContext, Outcome, Parameter } from '../features/feature.ts';
import { dashed, globalFlags, spelled } from '../global-flags.ts';
import { nearest } from '../nearest.ts';

/**
 * The one way a command runs, from a script, a key or the palette: its words and flags are validated by its own
 * schemas, and nothing that writes gets past `--read-only`.
 */

// biome-ignore lint/suspicious/noExplicitAny: each command keeps its own input type; the tables are heterogeneous
export type AnyCommand = Command<any>;

/** What the user gave: positional words, flags by their camelCase name, and the words behind `--`. */
export type RawInput = {
  readonly words: readonly string[];
  readonly flags: Readonly<Record<string, unknown>>;
  readonly commandLine: readonly string[];
};

export class ReadOnlyError extends QuarterdeckError {
  constructor(path: string) {
    super('usage', 'READ_ONLY', `\`${path}\` writes, and this session is read-only`, {
      hint: 'Run it without --read-only (QUARTERDECK_READ_ONLY, `readOnly` in the config file)',
    });
  }
}

/** Several servers for a feature that lives on one: which of them would be a guess. */
export class OneServerError extends UsageError {
  constructor(noun: string, urls: readonly string[]) {
    super(`\`${noun}\` lives on one server, and ${urls.length} are given: ${urls.join(', ')}`, {
      code: 'ONE_SERVER_ONLY',
      hint: `Give only the --url it lives on, such as --url ${urls[0]}; hits and limit spread over several, and --cluster spreads everything`,
    });
  }
}

/**
 * @param path the command as typed, such as `chat send`
 * @throws {UsageError} naming every mistake at once
 */
export function parseInput(path: string, command: AnyCommand, raw: RawInput): Record<string, unknown> {
  const mistakes: string[] = [];
  const input: Record<string, unknown> = {};
  const left = [...raw.words];

  for (const [name, parameter] of Object.entries(command.words)) {
    const given = parameter.kind === 'list' ? left.splice(0) : left.shift();
    const isMissing = given === undefined || (Array.isArray(given) && given.length === 0);
    input[name] = validated(parameter, isMissing ? undefined : given, parameter.label, mistakes);
  }
  if (left.length > 0) mistakes.push(`Unexpected \`${left.join(' ')}\``);

  for (const [name, parameter] of Object.entries(command.flags)) {
    const given = raw.flags[name];
    const isMissing = given === undefined || (Array.isArray(given) && given.length === 0);
    input[name] = validated(parameter, isMissing ? undefined : given, `--${dashed(name)}`, mistakes);
  }
  for (const name of Object.keys(raw.flags)) {
    if (!Object.hasOwn(command.flags, name)) mistakes.push(unknownFlag(name, Object.keys(command.flags)));
  }
  if (command.takesCommandLine && raw.commandLine.length === 0)
    mistakes.push('Missing a command behind `--`');
  if (!command.takesCommandLine && raw.commandLine.length > 0) {
    mistakes.push(`Unexpected \`${raw.commandLine.join(' ')}\` behind \`--\``);
  }

  if (mistakes.length > 0) {
    throw new UsageError(mistakes.join('; '), { hint: `Usage: ${usageOf(path, command)}` });
  }
  return input;
}

/** Refuses a flag that neither the command's `own` nor the global ones know, and which of them was meant. */
export function unknownFlag(name: string, own: readonly string[]): string {
  if (name.length === 1) return `Unknown flag \`-${name}\``;
  const known = [...own.map(dashed), ...Object.keys(globalFlags).map(spelled)];
  const meant = nearest(dashed(name), known);
  return `Unknown flag \`--${dashed(name)}\`${meant === undefined ? '' : ` (did you mean \`--${meant}\`?)`}`;
}

/** `chat send ROOM TEXT... --as NAME`, as help and mistakes show it. */
export function usageOf(path: string, command: AnyCommand): string {
  const words = Object.values(command.words).map((parameter) => {
    const shown = parameter.kind === 'list' ? `${parameter.label}...` : parameter.label;
    return isRequired(parameter) ? shown : `[${shown}]`;
  });
  const flags = Object.entries(command.flags).map(([name, parameter]) => {
    const shown = [`--${dashed(name)}`, parameter.label].filter(Boolean).join(' ');
    return isRequired(parameter) ? shown : `[${shown}]`;
  });
  const tail = command.takesCommandLine ? ['-- CMD...'] : [];
  return ['quarterdeck', path, ...words, ...flags, ...tail].filter(Boolean).join(' ');
}

export function isRequired(parameter: Parameter<unknown>): boolean {
  return !v.safeParse(parameter.schema, undefined).success;
}

/** Whether it changes anything, given this. */
export function isWriting(command: AnyCommand, input: Record<string, unknown>): boolean {
  return command.writes && command.onlyReads?.(input) !== true;
}

/** Runs a validated command, unless it writes and the session is read-only. */
export async function runCommand(
  path: string,
  command: AnyCommand,
  input: Record<string, unknown>,
  context: CommandContext,
): Promise<Outcome> {
  if (context.config.readOnly && isWriting(command, input)) throw new ReadOnlyError(path);
  return await command.run(context, input);
}

function validated(
  parameter: Parameter<unknown>,
  given: unknown,
  label: string,
  mistakes: string[],
): unknown {
  const result = v.safeParse(parameter.schema, given);
  if (result.success) return result.output;
  mistakes.push(given === undefined ? `Missing ${label}` : `${label}: ${result.issues[0].message}`);
}
