import * as v from 'valibot';
import type { AnyCommand } from '../../commands/run-command.ts';
import { UsageError } from '../../errors.ts';
import { type CommandContext, defineCommand, list, type ReadContext } from '../../features/feature.ts';
import type { AnyFeature } from '../../features/index.ts';
import { masters } from '../../redis/client.ts';
import { isReplyError } from '../../redis/refusals.ts';
import { passedOver } from '../../redis/scan.ts';
import { counted, formatCount, formatDuration } from '../../ui/format.ts';
import { sentenceOf } from '../input/command-runner.ts';

/**
 * What other programs made is looked for, listed, and put into the index once somebody wants that: three steps, of which
 * the first two change nothing.
 */

/** As `scan` goes through them. */
const keysPerSecond = 5000;
const mostNamed = 12;

export function discoveryCommands(
  features: readonly AnyFeature[],
  refresh: (noun: string) => void,
): Readonly<Record<string, AnyCommand>> {
  const able = features.filter(({ discovery }) => discovery);
  const chosen = (nouns: readonly string[]): readonly AnyFeature[] =>
    nouns.length === 0 ? able : nouns.map((noun) => featureOf(able, noun));

  const discover = defineCommand({
    verb: 'discover',
    summary: 'look through all keys for what other programs made; asks first, and changes nothing',
    words: { nouns: list('PANE', 'what to look for; all that can be found unless given', v.string()) },
    writes: false,
    guard: {
      loses: false,
      async look(context, input) {
        const wanted = chosen(input.nouns);
        const keys = await keyCount(context);
        const isAll = input.nouns.length === 0;
        const what = [
          ...wanted.map(({ discovery }) => discovery?.what),
          ...(isAll ? ['queues of other programs'] : []),
        ];
        const rounds = wanted.length + (isAll ? 1 : 0);
        const question = `Look for ${what.join(', ')}? ${costOf(keys, rounds)}, and only reads; Esc stops it.`;
        return { question, name: '', state: '', input };
      },
    },
    async run(context, { nouns }) {
      const found: string[] = [];
      let count = 0;
      for (const feature of chosen(nouns)) {
        context.signal.throwIfAborted();
        const { lines, names } = await lookFor(feature, context);
        count += names.length;
        found.push(...names.map((name) => `${feature.noun}:${name}`));
        for (const line of lines) await context.emit(undefined, line);
      }
      if (nouns.length === 0) await lookForQueues(context);
      if (count === 0) {
        await context.emit(undefined, ['', 'Nothing was found that the index does not know']);
        return { text: '' };
      }
      const names = counted(count, 'name');
      if (context.config.readOnly) {
        await context.emit(undefined, [
          '',
          `${names} found; nothing is registered, as this console is read-only`,
        ]);
        return { text: '' };
      }
      const question = `Enter registers ${names}, and asks first; Esc leaves it`;
      await context.emit(undefined, ['', question]);
      return { text: '', next: { path: 'register', input: { names: found }, help: 'register' } };
    },
  });

  const register = defineCommand({
    verb: 'register',
    summary: 'put what was found into the index, so that every console shows it',
    words: { names: list('PANE:NAME', 'such as lock:deploy', v.string(), { min: 1 }) },
    writes: true,
    guard: {
      loses: false,
      async look(_, input) {
        const parts = [...byNoun(input.names, able)].map(
          ([{ noun }, names]) => `${noun} ${enumerated(names)}`,
        );
        const question = `Register ${parts.join('; ')}? Only the index is written, not the keys themselves.`;
        return { question, name: '', state: '', input };
      },
    },
    async run(context, input) {
      const done: string[] = [];
      for (const [{ noun, discovery }, names] of byNoun(input.names, able)) {
        const { register: put } = (await discovery?.load()) ?? {};
        if (!put) {
          throw new UsageError(`What is found of ${noun} cannot be registered`, {
            hint: `\`quarterdeck ${noun} list --discover\` lists it`,
          });
        }
        await put(context, names);
        refresh(noun);
        done.push(`${formatCount(names.length)} of ${noun}`);
      }
      return { text: `Registered ${done.join(', ')}` };
    },
  });
  return { discover, register };
}

type Looked = { readonly lines: readonly string[]; readonly names: readonly string[] };

/** What one feature finds, as it is listed; that it could not look hides nothing of the others. */
async function lookFor({ noun, discovery }: AnyFeature, context: CommandContext): Promise<Looked> {
  try {
    const { find } = (await discovery?.load()) ?? {};
    if (!find) return { lines: [], names: [] };
    const {
      names,
      unlisted = [],
      passedOver: others = [],
      missing = [],
    } = await find(context, context.signal);
    const lines = [`${noun}: ${names.length === 0 ? 'nothing new' : counted(names.length, 'name')}`];
    lines.push(...names.map((name) => `  ${name}`));
    if (unlisted.length > 0) {
      lines.push(`  and ${enumerated(unlisted)}: \`quarterdeck ${noun} list --discover\` shows more of them`);
    }
    const said = passedOver(others, noun);
    if (said !== undefined) lines.push(`  ${said}`);
    lines.push(...missing.map((message) => `  ${message}`));
    return { lines, names };
  } catch (error) {
    context.signal.throwIfAborted();
    return { lines: [`${noun}: not looked through. ${sentenceOf(error)}`], names: [] };
  }
}

/** That they could not be looked for hides nothing of what was found. */
async function lookForQueues(context: CommandContext): Promise<void> {
  try {
    const { emitQueues } = await import('../../commands/queues/queue-command.ts');
    await emitQueues(context);
  } catch (error) {
    context.signal.throwIfAborted();
    await context.emit(undefined, `Queues of other programs: not looked through. ${sentenceOf(error)}`);
  }
}

function byNoun(
  names: readonly string[],
  able: readonly AnyFeature[],
): ReadonlyMap<AnyFeature, readonly string[]> {
  const found = new Map<AnyFeature, string[]>();
  for (const text of names) {
    const [noun = '', ...rest] = text.split(':');
    const name = rest.join(':');
    if (name === '') throw new UsageError(`Expected PANE:NAME, such as lock:deploy, got \`${text}\``);
    const feature = featureOf(able, noun);
    found.set(feature, [...(found.get(feature) ?? []), name]);
  }
  return found;
}

function featureOf(able: readonly AnyFeature[], noun: string): AnyFeature {
  const feature = able.find((one) => one.noun === noun);
  if (feature) return feature;
  throw new UsageError(`Nothing is looked for by the name \`${noun}\``, {
    hint: `Known: ${able.map((one) => one.noun).join(', ')}`,
  });
}

function enumerated(names: readonly string[]): string {
  const more = names.length - mostNamed;
  return [...names.slice(0, mostNamed), ...(more > 0 ? [`${formatCount(more)} more`] : [])].join(', ');
}

/** `rounds`: how often all keys are gone through. */
function costOf(keys: number | undefined, rounds: number): string {
  if (keys === undefined) return `It goes through all keys, ${formatCount(keysPerSecond)} a second`;
  const seconds = Math.max(1, Math.ceil((keys / keysPerSecond) * rounds));
  return `It goes through ${counted(keys, 'key')}, about ${formatDuration(seconds * 1000)}`;
}

/** Of the servers that answer; undefined where they do not tell. */
async function keyCount({ connections }: ReadContext): Promise<number | undefined> {
  const answering = connections.filter(({ state }) => state().name === 'live');
  try {
    const counts = await Promise.all(
      answering.map(async ({ ask }) => {
        const servers = await masters(ask);
        return await Promise.all(servers.map((server) => server.dbsize()));
      }),
    );
    return counts.flat().reduce((sum, count) => sum + count, 0);
  } catch (error) {
    if (isReplyError(error)) return;
    throw error;
  }
}
