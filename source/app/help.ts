import type { Parameter } from '../features/feature.ts';
import { features, loadFeature } from '../features/index.ts';
import { dashed, type GlobalFlag, globalFlags, spelled } from '../global-flags.ts';
import { type AnyCommand, usageOf } from './run-command.ts';
import { shellCommands } from './shell-commands.ts';

/** `--help` at every level, made from the command tables. */
export async function helpText(noun: string | undefined, verb: string | undefined): Promise<string> {
  if (noun === undefined) return await overview();
  const load = shellCommands[noun];
  if (load) return commandHelp(noun, await load());
  const feature = await loadFeature(noun);
  if (!feature) return await overview();
  const command = feature.commands.find((candidate) => candidate.verb === verb);
  if (command) return commandHelp(`${noun} ${command.verb}`, command);
  const rows = feature.commands.map((known): Row => [`${noun} ${known.verb}`, known.summary]);
  return [
    `${noun}: ${feature.summary}`,
    '',
    'Commands',
    ...aligned(rows),
    '',
    `See \`quarterdeck ${noun} VERB --help\` for words, flags and examples.`,
  ].join('\n');
}

type Row = readonly [name: string, meaning: string];

async function overview(): Promise<string> {
  const all = await Promise.all(Object.values(features).map((load) => load()));
  const whole = await Promise.all(
    Object.entries(shellCommands).map(async ([name, load]): Promise<Row> => [name, (await load()).summary]),
  );
  const nouns = all.map(({ noun, summary, commands }): Row => {
    return [noun, `${summary}: ${commands.map((command) => command.verb).join(', ')}`];
  });
  return [
    'quarterdeck: the terminal operations console for everything a team coordinates through Redis',
    '',
    'Usage',
    '  quarterdeck                       open the console',
    '  quarterdeck NOUN VERB [ARGS]      run one command; `quarterdeck NOUN --help` lists its verbs',
    '',
    'Nouns',
    ...aligned(nouns),
    '',
    'The whole console',
    ...aligned(whole),
    '',
    'Everywhere',
    ...aligned(globalRows()),
    '',
    'Exit codes',
    ...aligned([
      ['0', 'done; the answer is yes'],
      ['1', 'done; the answer is no'],
      ['2', 'usage: unknown command or flag, bad value, no terminal'],
      ['3', 'Redis unreachable, refused, or lost past --timeout'],
      ['4', 'data refused or unreadable'],
      ['5', 'another program failed'],
      ['70', 'a bug of ours'],
      ['129/130/143', 'ended by SIGHUP/SIGINT/SIGTERM'],
    ]),
  ].join('\n');
}

function commandHelp(path: string, command: AnyCommand): string {
  const words = Object.values(command.words).map((parameter): Row => [parameter.label, parameter.summary]);
  const flags = Object.entries(command.flags).map(
    ([name, parameter]): Row => [flagName(name, parameter), parameter.summary],
  );
  const section = (title: string, rows: readonly Row[]): string[] =>
    rows.length === 0 ? [] : ['', title, ...aligned(rows)];
  return [
    command.summary,
    '',
    `  ${usageOf(path, command)}`,
    ...section('Words', words),
    ...section('Flags', flags),
    ...section('Everywhere', globalRows()),
    ...(command.examples ? ['', 'Examples', ...command.examples.map((line) => `  ${line}`)] : []),
  ].join('\n');
}

function flagName(name: string, { label, short }: Parameter<unknown>): string {
  const long = `--${dashed(name)}${label ? ` ${label}` : ''}`;
  return short === undefined ? long : `-${short}, ${long}`;
}

function globalRows(): Row[] {
  return Object.entries<GlobalFlag>(globalFlags).map(([name, { value, summary }]) => [
    `--${spelled(name)}${value === undefined ? '' : ` ${value}`}`,
    summary,
  ]);
}

function aligned(rows: readonly Row[]): string[] {
  const longest = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, meaning]) => `  ${name.padEnd(longest)}  ${meaning}`);
}
