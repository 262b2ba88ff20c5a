import * as v from 'valibot';
import { routers } from '../config.ts';
import { defineCommand, word } from '../features/feature.ts';
import { features } from '../features/index.ts';
import { dashed, type GlobalFlag, globalFlags, spelled } from '../global-flags.ts';
import { choicesOf } from './choices.ts';
import { type Completions, scripts, shells } from './completion-scripts.ts';
import * as printed from './printed.ts';
import type { AnyCommand } from './run-command.ts';

export type CommandLoaders = Readonly<Record<string, () => Promise<AnyCommand>>>;

/** The command that completes every feature's commands and these of the whole console. */
export const completionCommand = (consoleCommands: CommandLoaders) =>
  defineCommand({
    verb: 'completion',
    summary: 'print a completion script for your shell',
    words: {
      shell: word('SHELL', 'bash, zsh or fish', v.picklist(shells, 'Expected bash, zsh or fish')),
    },
    prints: printed.completion,
    writes: false,
    offline: true,
    examples: ['source <(quarterdeck completion bash)', 'quarterdeck completion fish | source'],
    async run(_context, { shell }) {
      const text = scripts[shell](await completions(consoleCommands));
      return { json: { shell, script: text }, text: text.split('\n') };
    },
  });

async function completions(consoleCommands: CommandLoaders): Promise<Completions> {
  const globals = Object.entries<GlobalFlag>(globalFlags);
  const globalNames = globals.map(([name]) => `--${spelled(name)}`);
  const words = new Map<string, readonly string[]>();
  const valued = globals.flatMap(([name, { kind }]) => (kind === 'switch' ? [] : [`--${spelled(name)}`]));
  const values = new Map<string, readonly string[]>(valued.map((name) => [name, []]));
  values.set('--router', routers);
  const live = { words: new Set<string>(), flags: new Set(['--context']) };
  const commandLines: string[] = [];
  const add = (path: string, command: AnyCommand): void => {
    const choices = Object.values(command.words).flatMap(choicesOf);
    const own = Object.keys(command.flags).map((name) => `--${dashed(name)}`);
    words.set(path, [...choices, ...own, ...globalNames]);
    if (command.takesCommandLine) commandLines.push(path);
    if (Object.values(command.words).some(({ names }) => names !== undefined)) live.words.add(path);
    for (const [name, parameter] of Object.entries(command.flags)) {
      if (parameter.kind === 'switch') continue;
      if (parameter.names !== undefined) live.flags.add(`${path} --${dashed(name)}`);
      const known = name === 'pane' ? Object.keys(features) : choicesOf(parameter);
      values.set(`${path} --${dashed(name)}`, known);
    }
  };
  words.set('', [...Object.keys(features), ...Object.keys(consoleCommands), ...globalNames]);
  for (const load of Object.values(features)) {
    const { noun, commands } = await load();
    words.set(
      noun,
      commands.map(({ verb }) => verb),
    );
    for (const command of commands) add(`${noun} ${command.verb}`, command);
  }
  for (const [name, load] of Object.entries(consoleCommands)) add(name, await load());
  return {
    words,
    values,
    nouns: [...Object.keys(features), ...Object.keys(consoleCommands)],
    valued,
    commandLines,
    live,
  };
}
