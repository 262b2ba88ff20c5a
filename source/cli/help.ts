import { exitCodeRows, flagRows, globalRows, purpose, type Row, wordRows } from '../commands/manual.ts';
import { type AnyCommand, usageOf } from '../commands/run-command.ts';
import { features, loadFeature } from '../features/index.ts';
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

async function overview(): Promise<string> {
  const all = await Promise.all(Object.values(features).map((load) => load()));
  const whole = await Promise.all(
    Object.entries(shellCommands).map(async ([name, load]): Promise<Row> => [name, (await load()).summary]),
  );
  const nouns = all.map(({ noun, summary, commands }): Row => {
    return [noun, `${summary}: ${commands.map((command) => command.verb).join(', ')}`];
  });
  return [
    `quarterdeck: ${purpose}`,
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
    ...aligned(exitCodeRows),
  ].join('\n');
}

function commandHelp(path: string, command: AnyCommand): string {
  const section = (title: string, rows: readonly Row[]): string[] =>
    rows.length === 0 ? [] : ['', title, ...aligned(rows)];
  return [
    command.summary,
    '',
    `  ${usageOf(path, command)}`,
    ...section('Words', wordRows(command)),
    ...section('Flags', flagRows(command)),
    ...section('Everywhere', globalRows()),
    ...(command.examples ? ['', 'Examples', ...command.examples.map((line) => `  ${line}`)] : []),
  ].join('\n');
}

function aligned(rows: readonly Row[]): string[] {
  const longest = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, meaning]) => `  ${name.padEnd(longest)}  ${meaning}`);
}
