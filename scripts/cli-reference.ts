import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { shellCommands } from '../source/cli/shell-commands.ts';
import { exitCodeRows, flagRows, globalRows, type Row, wordRows } from '../source/commands/manual.ts';
import { type AnyCommand, usageOf } from '../source/commands/run-command.ts';
import { features } from '../source/features/index.ts';

// node --import ./scripts/register-lua.ts scripts/cli-reference.ts [FILE]: every command, word and flag as one page, from
// the tables that help, completion and the man page are made from.

export async function cliReference(): Promise<string> {
  const nouns = await Promise.all(Object.values(features).map((load) => load()));
  const whole = await Promise.all(
    Object.entries(shellCommands).map(async ([name, load]) => [name, await load()] as const),
  );
  return `${[
    '# Commands',
    'Written by `npm run docs` from the command tables; not to be edited. A flag may stand anywhere after the command. Without',
    'a command the console opens; there `?` shows every key, and `:` runs any of these.',
    '',
    ...nouns.flatMap(({ noun, summary, commands }) => [
      `## ${noun}`,
      '',
      `${sentence(summary)} See [${noun}.md](${noun}.md).`,
      '',
      ...commands.flatMap((command) => described(`${noun} ${command.verb}`, command)),
    ]),
    '## The whole console',
    '',
    ...whole.flatMap(([name, command]) => described(name, command)),
    '## Global flags',
    '',
    'Each is also `QUARTERDECK_NAME` in the environment and a field of `~/.config/quarterdeck/config.json`; a flag wins over the',
    'environment, that over the file.',
    '',
    ...table(globalRows()),
    '## Exit codes',
    '',
    ...table(exitCodeRows),
  ]
    .join('\n')
    .trimEnd()}\n`;
}

function described(path: string, command: AnyCommand): readonly string[] {
  return [
    `### ${path}`,
    '',
    '```',
    usageOf(path, command),
    '```',
    '',
    sentence(command.summary),
    '',
    ...table([...wordRows(command), ...flagRows(command)]),
    ...(command.examples ? ['```sh', ...command.examples, '```', ''] : []),
  ];
}

function table(rows: readonly Row[]): readonly string[] {
  if (rows.length === 0) return [];
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  return [
    '| | |',
    '|---|---|',
    ...rows.map(([name, meaning]) => `| \`${cell(name)}\` | ${cell(meaning)} |`),
    '',
  ];
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

if (import.meta.main) writeFileSync(process.argv[2] ?? 'docs/cli.md', await cliReference());
