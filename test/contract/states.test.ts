import { globSync, readFileSync } from 'node:fs';
import type * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { channelStates, subscriberStates } from '../../source/commands/metrics/families.ts';
import * as buffer from '../../source/features/buffer/state.ts';
import * as chat from '../../source/features/chat/condition.ts';
import { type AnyFeature, features } from '../../source/features/index.ts';
import * as limit from '../../source/features/limit/condition.ts';
import * as lock from '../../source/features/lock/condition.ts';
import * as log from '../../source/features/log/movement.ts';
import * as shards from '../../source/features/shards/condition.ts';
import * as ship from '../../source/features/ship/channel/channel-state.ts';
import { partStates } from '../../source/features/ship/channel/part-status.ts';
import { fileStates } from '../../source/features/ship/channel/status.ts';
import * as sync from '../../source/features/sync/state.ts';
import * as topic from '../../source/features/topic/condition.ts';
import { filledConsole, filledSlices, nowMs } from '../helpers/filled-console.tsx';

/** One state, one word: what the code can say is in `docs/states.md`, and nothing else is said. */

type Severities = Readonly<Record<string, unknown>>;

/** The words, as the code has them, and which of them need somebody. */
const vocabulary: Readonly<Record<string, readonly [words: readonly string[], severities?: Severities]>> = {
  'topic subscriber': [topic.conditions, topic.severities],
  'topic lease': [topic.leaseStates],
  topic: [[topic.nobody]],
  'sync target': [sync.conditions, sync.severities],
  'sync lease': [topic.leaseStates],
  buffer: [buffer.bufferStates, buffer.severities],
  lock: [lock.conditions, severitiesOf(lock.conditions, (word) => lock.severityOf(word, 1))],
  limit: [limit.conditions, limit.severities],
  'ship channel': [ship.channelStates, ship.channelSeverities],
  'ship consumer': [
    ship.consumerConditions,
    severitiesOf(ship.consumerConditions, (word) => ship.consumerSeverity(word, 1)),
  ],
  // What is aside is a need of the consumer that has set it aside.
  'ship part': [partStates, { aside: 'warn' }],
  'ship file': [fileStates],
  'log message': [log.movements],
  'chat member': [chat.memberConditions],
  'shards server': [shards.conditions, shards.severities],
};

function severitiesOf<Word extends string>(words: readonly Word[], of: (word: Word) => unknown): Severities {
  return Object.fromEntries(words.map((word) => [word, of(word)]));
}

const page = readFileSync('docs/states.md', 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter((cells) => cells.length === 8)
  .map(([, word = '', of = '', means = '', todo = '', json = '', need = '']) => ({
    word: word.slice(1, -1),
    of,
    means,
    todo,
    json: json.replaceAll('`', ''),
    need: need.replaceAll('`', ''),
  }));

/** How a need of a state is called, where that is no such word. */
const kinds: Readonly<Record<string, string>> = { 'no TTL': 'noTtl' };

describe('the table', () => {
  test.each(Object.entries(vocabulary))('has the words of the code: %s', (of, [words, severities = {}]) => {
    const own = rows.filter((row) => row.of === of);
    expect(own.map(({ word }) => word)).toEqual([...words]);
    for (const { word, means, todo, need } of own) {
      const isNeed = severities[word] !== undefined;
      const kind = `${of.split(' ', 1)[0]}.${kinds[word] ?? word}`;
      expect({ word, need }).toEqual({ word, need: isNeed ? kind : '' });
      expect(means).not.toBe('');
      if (isNeed) expect(todo, `${of} ${word}`).not.toBe('');
    }
  });

  test('has nothing else', () => {
    expect([...new Set(rows.map(({ of }) => of))]).toEqual(Object.keys(vocabulary));
  });

  test('has every kind of need', () => {
    const written = globSync('source/{need,features/**/needs}.ts').flatMap((file) =>
      Array.from(readFileSync(file, 'utf8').matchAll(/kind: '(\w+)'/g), ([, kind = '']) => kind),
    );
    expect(written.length).toBeGreaterThan(4);
    for (const kind of written) expect(page).toMatch(new RegExp(`\`(\\w+\\.)?${kind}\``));
  });
});

const all: readonly AnyFeature[] = await Promise.all(
  Object.values(features).map(async (load) => await load()),
);

/** Every closed set of words below a schema, by the path of fields there. */
function picklists(
  schema: unknown,
  path: readonly string[] = [],
): [path: string, words: readonly string[]][] {
  const { type, options, entries, item, items, wrapped, pipe } = schema as Partial<
    Record<'type' | 'options' | 'entries' | 'item' | 'items' | 'wrapped' | 'pipe', unknown>
  >;
  if (Array.isArray(pipe) && type === undefined) return picklists(pipe[0], path);
  if (type === 'picklist') return [[path.join('.'), options as string[]]];
  if (type === 'union') return (options as unknown[]).flatMap((one) => picklists(one, path));
  if (type === 'strict_tuple') return (items as unknown[]).flatMap((one) => picklists(one, path));
  if (entries !== undefined)
    return Object.entries(entries as object).flatMap(([name, one]) => picklists(one, [...path, name]));
  return [item, wrapped].flatMap((inner) => (inner === undefined ? [] : picklists(inner, path)));
}

const stateField = /(^|\.)(state|condition|move)$/;

describe.each(all)('$noun', ({ noun, commands, list }) => {
  test('prints the words of the table, in the fields of the table', () => {
    const schemas = commands.flatMap(({ prints, emits }): v.GenericSchema[] =>
      [prints, emits].filter((schema) => schema !== undefined),
    );
    const printed = schemas.flatMap((schema) => picklists(schema)).filter(([path]) => stateField.test(path));
    const own = rows.filter(({ of }) => of.split(' ', 1)[0] === noun);
    for (const [path, words] of printed) {
      const names = [`${noun}.${path}`, `${path} of ${noun} common`];
      const there = own.filter(
        ({ json, of }) => names.includes(json) || (noun === 'log' && of === 'log message'),
      );
      expect(
        there.map(({ word }) => word),
        path,
      ).toEqual([...words]);
    }
    const fields = own.flatMap(({ json }) =>
      /^\w+(\.\w+)+$/.test(json) ? [json.slice(noun.length + 1)] : [],
    );
    expect(new Set(printed.map(([path]) => path))).toEqual(
      new Set(noun === 'log' ? ['entries.move'] : fields),
    );
  });

  test('shows the words of the table, in lists and frames', () => {
    const state = list.fields.state;
    if (!state || !Object.hasOwn(filledSlices, noun)) return;
    const words = rows.flatMap(({ word, of }) => (of.split(' ', 1)[0] === noun ? [word] : []));
    const shown = list.rows(filledSlices[noun]);
    expect(shown.length).toBeGreaterThan(0);
    for (const row of shown) expect(words).toContain(state(row, nowMs));
    const frame = filled.paint({ columns: 140, rows: 50, focus: noun, isZoomed: true });
    const lines = frame.split('\n').flatMap((line) => /^[│┃] [> ][ ✓*] ?(\S.*)/.exec(line)?.[1] ?? []);
    const begins = new RegExp(`^(${words.join('|')})\\b`, 'i');
    const painted = lines.filter((line) => begins.test(line));
    expect(painted.length, frame).toBeGreaterThanOrEqual(shown.length);
  });
});

const filled = await filledConsole();

test('metrics have the words of the features', () => {
  expect([subscriberStates, channelStates]).toEqual([[...topic.conditions], [...ship.channelStates]]);
});
