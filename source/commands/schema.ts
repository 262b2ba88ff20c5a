import * as v from 'valibot';
import { UsageError } from '../errors.ts';
import { defineCommand, optionalWord, word } from '../features/feature.ts';
import { features, loadFeature } from '../features/index.ts';
import { didYouMean } from '../nearest.ts';
import type { CommandLoaders } from './completion.ts';
import { type JsonSchema, jsonSchema } from './json-schema.ts';
import * as printed from './printed.ts';
import type { AnyCommand } from './run-command.ts';

/** The command that describes what every feature's commands and these of the whole console print. */
export const schemaCommand = (wholeCommands: CommandLoaders) =>
  defineCommand({
    verb: 'schema',
    summary: 'print the JSON Schema of what a command prints with --json',
    words: {
      noun: word('NOUN', 'the noun, or a command of one word such as snapshot', v.string()),
      verb: optionalWord('VERB', 'the verb', v.string()),
    },
    writes: false,
    offline: true,
    prints: printed.schema,
    examples: ['quarterdeck schema lock list', 'quarterdeck schema topic subscribe | jq .anyOf'],
    async run(_context, { noun, verb }) {
      const path = verb === undefined ? noun : `${noun} ${verb}`;
      const schema = await schemaOf(path, wholeCommands);
      return { json: schema, text: JSON.stringify(schema, undefined, 2).split('\n') };
    },
  });

/** @throws {UsageError} where there is no such command, or it prints no JSON of its own */
async function schemaOf(path: string, wholeCommands: CommandLoaders): Promise<JsonSchema> {
  const { value, line, summary } = await printsOf(path, wholeCommands);
  const shapes = [
    ...(value ? [{ title: 'the one JSON value', ...jsonSchema(value) }] : []),
    ...(line ? [{ title: 'each line of NDJSON', ...jsonSchema(line) }] : []),
  ];
  if (shapes.length === 0) {
    throw new UsageError(`\`${path}\` prints no JSON of its own`, {
      code: 'NO_SCHEMA',
      hint: 'It runs another program, or opens the console',
    });
  }
  const head = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $comment: `quarterdeck ${path} --json: ${summary}. Further fields may come with a later version.`,
  };
  const [only, other] = shapes;
  return other === undefined ? { ...head, ...only } : { ...head, anyOf: shapes };
}

/** What a command prints: one value, lines of a stream, or the one or the other. */
export async function printsOf(
  path: string,
  wholeCommands: CommandLoaders,
): Promise<{
  readonly value: v.GenericSchema | undefined;
  readonly line: v.GenericSchema | undefined;
  readonly summary: string;
}> {
  const command = await commandAt(path, wholeCommands);
  const { prints: value, emits: line, summary } = command;
  // What a whole is made of is known by its parts alone.
  if (path === 'snapshot' || path === 'demo')
    return { value: printed.snapshotOf(await partsOfSnapshot()), line, summary };
  if (path === 'watch') return { value, line: printed.changeOf(await partsOfSnapshot()), summary };
  return { value, line, summary };
}

async function commandAt(path: string, wholeCommands: CommandLoaders): Promise<AnyCommand> {
  const [noun = '', verb] = path.split(' ');
  const whole = verb === undefined && Object.hasOwn(wholeCommands, noun) ? wholeCommands[noun] : undefined;
  const commands = (await loadFeature(noun))?.commands ?? [];
  const found = whole ? await whole() : commands.find((candidate) => candidate.verb === verb);
  if (found) return found;
  const known =
    commands.length > 0
      ? commands.map((candidate) => `${noun} ${candidate.verb}`)
      : [...Object.keys(features), ...Object.keys(wholeCommands)];
  throw new UsageError(`There is no command \`${path}\``, {
    code: 'UNKNOWN_COMMAND',
    hint: `${didYouMean(path, known)}Known: ${known.join(', ')}`,
  });
}

/** Each part has the shape of the feature's own list or status. */
async function partsOfSnapshot(): Promise<Record<string, v.GenericSchema>> {
  const parts = await Promise.all(
    Object.entries(features).map(async ([noun, load]) => {
      const { commands } = await load();
      const lists = commands.find(({ verb }) => ['list', 'status', 'pending'].includes(verb));
      return [noun, lists?.prints ?? v.unknown()] as const;
    }),
  );
  return Object.fromEntries(parts);
}
