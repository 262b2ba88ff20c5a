import * as v from 'valibot';
import { defineCommand, word } from '../features/feature.ts';
import { features } from '../features/index.ts';
import { dashed, globalFlags, spelled } from '../global-flags.ts';
import type { AnyCommand } from './run-command.ts';

const shells = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

type Loaders = Readonly<Record<string, () => Promise<AnyCommand>>>;

/** The command that completes every feature's commands and these of the whole console. */
export const completionCommand = (consoleCommands: Loaders) =>
  defineCommand({
    verb: 'completion',
    summary: 'print a completion script for your shell',
    words: {
      shell: word(
        'SHELL',
        'bash, zsh or fish',
        v.picklist(['bash', 'zsh', 'fish'], 'Expected bash, zsh or fish'),
      ),
    },
    writes: false,
    offline: true,
    examples: ['source <(quarterdeck completion bash)', 'quarterdeck completion fish | source'],
    async run(_context, { shell }) {
      const text = shells[shell](await completions(consoleCommands));
      return { json: { shell, script: text }, text };
    },
  });

/** What may follow each path: `''` -> nouns, `chat` -> verbs, `chat send` -> flags. */
type Completions = ReadonlyMap<string, readonly string[]>;

async function completions(consoleCommands: Loaders): Promise<Completions> {
  const globals = Object.keys(globalFlags).map((name) => `--${spelled(name)}`);
  const flagsOf = (command: AnyCommand): string[] => [
    ...Object.keys(command.flags).map((name) => `--${dashed(name)}`),
    ...globals,
  ];
  const known = new Map<string, readonly string[]>();
  known.set('', [...Object.keys(features), ...Object.keys(consoleCommands), ...globals]);
  for (const load of Object.values(features)) {
    const { noun, commands } = await load();
    known.set(
      noun,
      commands.map(({ verb }) => verb),
    );
    for (const command of commands) known.set(`${noun} ${command.verb}`, flagsOf(command));
  }
  for (const [name, load] of Object.entries(consoleCommands)) known.set(name, flagsOf(await load()));
  return known;
}

function shellCases(known: Completions, write: (words: readonly string[]) => string): string {
  return [...known]
    .filter(([path]) => path !== '')
    .map(([path, words]) => `    '${path}') ${write(words)} ;;`)
    .join('\n');
}

function bashScript(known: Completions): string {
  return `_quarterdeck() {
  local noun="\${COMP_WORDS[1]}" verb="\${COMP_WORDS[2]}" path words
  if [ "$COMP_CWORD" -eq 1 ]; then path=''
  elif [ "$COMP_CWORD" -eq 2 ]; then path="$noun"
  else path="$noun $verb"; fi
  case "$path" in
    '') words='${(known.get('') ?? []).join(' ')}' ;;
${shellCases(known, (words) => `words='${words.join(' ')}'`)}
    *) words='' ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _quarterdeck quarterdeck`;
}

function zshScript(known: Completions): string {
  return `#compdef quarterdeck
_quarterdeck() {
  local path
  if (( CURRENT == 2 )); then path=''
  elif (( CURRENT == 3 )); then path="$words[2]"
  else path="$words[2] $words[3]"; fi
  case "$path" in
    '') compadd -- ${(known.get('') ?? []).join(' ')} ;;
${shellCases(known, (words) => `compadd -- ${words.join(' ')}`)}
    *) _files ;;
  esac
}
compdef _quarterdeck quarterdeck`;
}

function fishScript(known: Completions): string {
  const lines = ['complete -c quarterdeck -f'];
  for (const [path, words] of known) {
    const [noun, verb] = path.split(' ');
    const condition =
      path === ''
        ? '__fish_use_subcommand'
        : verb === undefined
          ? `__fish_seen_subcommand_from ${noun}`
          : `__fish_seen_subcommand_from ${noun}; and __fish_seen_subcommand_from ${verb}`;
    const plain = words.filter((word) => !word.startsWith('--'));
    if (plain.length > 0) lines.push(`complete -c quarterdeck -n '${condition}' -a '${plain.join(' ')}'`);
    for (const flag of words.filter((word) => word.startsWith('--'))) {
      lines.push(`complete -c quarterdeck -n '${condition}' -l ${flag.slice(2)}`);
    }
  }
  return lines.join('\n');
}
