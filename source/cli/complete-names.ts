import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { parseWords } from '../commands/parse-words.ts';
import type { AnyCommand } from '../commands/run-command.ts';
import { compareNames } from '../compare-names.ts';
import { type Config, contextChoices, readConfig } from '../config.ts';
import type { NamesOf, Parameter } from '../features/feature.ts';
import { loadFeature } from '../features/index.ts';
import { dashed, type GlobalFlag, globalFlags, isGlobalFlag } from '../global-flags.ts';
import { ownFolder } from '../own-folders.ts';
import type { Client } from '../redis/client.ts';
import { connect } from '../redis/connection/connect.ts';
import { namesBeginning } from '../redis/registry.ts';
import { sanitise } from '../ui/text.ts';
import { makeOutput } from './output.ts';
import { quotedRest, readTyped, type TypedWord, typedWords } from './shell-line.ts';

/**
 * Not a command but what the completion scripts ask while somebody types: which names of the server in use may stand
 * there. The line comes by stdin, as a password in it must not stand in the process list, and what is not certain in
 * time is not offered: nobody wants a complaint between two keys.
 */

/** How long the server may take, from connecting on, unless given. */
const usualMs = 100;
const longestLine = 65_536;

export type Shell = 'bash' | 'zsh' | 'fish';

/**
 * Prints a name a line: for bash as what stands for the rest of the word there, for the others as it is.
 *
 * Read from stdin, each ended by a NUL: of bash the part of the word that its line editor replaces, and the line up to
 * the cursor; of zsh the words as they were typed, the last up to the cursor; of fish the same without quotes, and the
 * last as it was typed.
 */
export async function completeNames(
  shell: string,
  { stdin, stdout }: { readonly stdin: Readable & { isTTY?: boolean }; readonly stdout: Writable },
  env: NodeJS.ProcessEnv,
  withinMs = usualMs,
): Promise<void> {
  if (stdin.isTTY || (shell !== 'bash' && shell !== 'zsh' && shell !== 'fish')) return;
  const fields = (await textOf(stdin)).split('\0').slice(0, -1);
  if (fields.join('').length > longestLine) return;
  let lines: readonly string[] = [];
  try {
    lines = await offersFor(shell, fields, env, withinMs);
  } catch {
    // A typing mistake, no server, no right to ask: the shell completes what it can.
  }
  if (lines.length > 0) await makeOutput(stdout).write(`${lines.join('\n')}\n`);
}

async function offersFor(
  shell: Shell,
  fields: readonly string[],
  env: NodeJS.ProcessEnv,
  withinMs: number,
): Promise<readonly string[]> {
  const [replaced = '', line = ''] = fields;
  const raw = shell === 'bash' ? typedWords(line) : fields;
  const words: string[] = [];
  for (const word of raw.slice(0, -1)) {
    // Fish hands over what its quotes mean, but variables as they are.
    const read = shell === 'fish' ? fishWord(word) : readTyped(word, env.HOME);
    if (read?.open !== '') return [];
    words.push(read.text);
  }
  const last = raw.at(-1) ?? '';
  const typed = readTyped(last, env.HOME);
  if (!typed) return [];
  const asked = await askedFor(words.slice(1), typed.text);
  if (!asked) return [];
  const { beginning, isValue } = asked;
  const found = await namesFor(asked, env, withinMs);
  const fitting = [...new Set(found)].filter(
    (name) => name.startsWith(beginning) && isTypable(name) && (isValue || !name.startsWith('-')),
  );
  const sorted = fitting.toSorted(compareNames);
  if (shell !== 'bash') return sorted;
  if (!last.endsWith(replaced)) return [];
  const kept = readTyped(last.slice(0, last.length - replaced.length), env.HOME);
  if (!kept) return [];
  const done = kept.text.length - (typed.text.length - beginning.length);
  const rests = sorted.map((name) => (done < 0 ? undefined : quotedRest(name.slice(done), typed.open)));
  // One of several that cannot be offered would let another look like the only one.
  return rests.some((rest) => rest === undefined) ? [] : rests.flatMap((rest) => rest ?? []);
}

function fishWord(word: string): TypedWord | undefined {
  return /[$(*?]/.test(word) ? undefined : { text: word, open: '' };
}

/** What has something that a terminal obeys or does not show cannot be typed; nor can bytes that are no text. */
function isTypable(name: string): boolean {
  return name !== '' && !name.includes('\uFFFD') && sanitise(name) === name;
}

const contexts = Symbol('contexts');

type Asked = {
  /** Of the config file, or what the parameter of the command says. */
  readonly names: typeof contexts | NonNullable<Parameter<unknown>['names']>;
  readonly beginning: string;
  /** It is the value of a flag. */
  readonly isValue: boolean;
  /** The servers that it may be on are several. */
  readonly spreads: boolean;
  readonly globals: Readonly<Record<string, unknown>>;
  readonly given: Readonly<Record<string, string>>;
};

/** What is typed behind these words; undefined where that is no name of the server. */
async function askedFor(before: readonly string[], current: string): Promise<Asked | undefined> {
  if (before.includes('--')) return;
  const [noun = '', verb] = positional(before);
  const feature = await loadFeature(noun);
  const command: AnyCommand | undefined = feature?.commands.find((candidate) => candidate.verb === verb);
  const own = command?.flags ?? {};
  const byWord = new Map<string, string>(
    [...Object.keys(globalFlags), ...Object.keys(own)].map((name) => [`--${dashed(name)}`, name]),
  );
  const wantsValue = (word: string | undefined): string | undefined => {
    const name = word === undefined ? undefined : byWord.get(word);
    if (name === undefined) return;
    const known: Pick<GlobalFlag, 'kind'> | undefined =
      own[name] ?? globalFlags[name as keyof typeof globalFlags];
    return known?.kind === 'switch' ? undefined : name;
  };
  const [, inWord, behindSign = ''] = /^(--[^=]+)=(.*)$/s.exec(current) ?? [];
  const flag = wantsValue(inWord ?? before.at(-1));
  if (flag === undefined && current.startsWith('-')) return;
  const whole = flag !== undefined && inWord === undefined ? before.slice(0, -1) : before;
  const { input, flags } = parseWords(whole, own);
  const globals = Object.fromEntries(
    Object.entries(flags).filter(([name]) => isGlobalFlag(name) && !Object.hasOwn(own, name)),
  );
  const at = {
    beginning: inWord === undefined ? current : behindSign,
    isValue: flag !== undefined,
    spreads: feature?.spreads === true,
    globals,
  };
  if (flag === 'context') return { ...at, names: contexts, given: {} };
  if (!command) return;
  const parameters = Object.entries(command.words);
  const words = input.slice(2);
  const last = parameters.at(-1)?.[1];
  const parameter =
    flag === undefined
      ? (parameters[words.length]?.[1] ?? (last?.kind === 'list' ? last : undefined))
      : own[flag];
  if (!parameter?.names) return;
  const given = Object.fromEntries(
    [...words.map((word, place) => [parameters[place]?.[0], word]), ...Object.entries(flags)].filter(
      (pair): pair is [string, string] => typeof pair[0] === 'string' && typeof pair[1] === 'string',
    ),
  );
  return { ...at, names: parameter.names, given };
}

/** The words that are neither flags of the whole program nor their values. */
function positional(words: readonly string[]): readonly string[] {
  try {
    return parseWords(words, {}).input;
  } catch {
    return parseWords(words.slice(0, -1), {}).input;
  }
}

async function namesFor(
  { names, beginning, spreads, globals, given }: Asked,
  env: NodeJS.ProcessEnv,
  withinMs: number,
): Promise<readonly string[]> {
  if (names === contexts) return contextChoices(globals, env).map(({ name }) => name);
  // A program that asks for a password would ask at a key press.
  const config = readConfig(globals, env, { runsCommands: false });
  if (config.passwordCommand !== undefined) return [];
  if (config.urls.length > 1 && !spreads && !config.cluster && config.sentinel === undefined) return [];
  const reachable = config.embedded ? joined(config) : config;
  if (!reachable) return [];
  const find: NamesOf =
    typeof names === 'string' ? (redis, text) => namesBeginning(redis, names, text) : names;
  const connections = connect(reachable);
  const late = new Promise<readonly string[][]>((resolve) => {
    setTimeout(() => resolve([]), withinMs).unref();
  });
  try {
    const asking = connections.map(async (connection): Promise<readonly string[]> => {
      await connection.ready(withinMs);
      const redis: Client = connection.ask;
      return await find(redis, beginning, given);
    });
    // All or none: the names of some servers would look like all.
    return (await Promise.race([Promise.all(asking), late])).flat();
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** On the private server of this user, if it runs: none is started for a key press. */
function joined(config: Config): Config | undefined {
  const socket = path.join(config.embeddedDirectory, 'redis.sock');
  if (!existsSync(socket)) return;
  ownFolder(config.embeddedDirectory);
  return { ...config, urls: [`unix://${encodeURI(socket)}`] };
}
