import * as v from 'valibot';
import { defineCommand, defineFeature, list, switchFlag, word } from '../../source/features/feature.ts';
import type { AnyFeature } from '../../source/features/index.ts';
import type { Need } from '../../source/need.ts';
import { chosenRow, initialList, type List, type ListState } from '../../source/ui/list.ts';

/** What the feature for tests knows: its rows, and where the operator is in them. */
export type Notes = {
  readonly rows: readonly string[];
  readonly list: ListState;
};

export const noteList: List<Notes, string> = {
  rows: ({ rows }) => rows,
  id: (row) => row,
  name: (row) => row,
  fields: { name: (row) => row, length: (row) => row.length },
};

export type MakeFeature = {
  readonly noun?: string;
  /** What its commands were run with. */
  readonly ran?: (verb: string, input: unknown) => void | Promise<void>;
  readonly needs?: readonly Need[];
  /** How many rows there are in all. */
  readonly total?: number;
  /** How what is to be wiped is found; undefined: there is nothing to wipe. */
  readonly stateOf?: (name: string) => string | undefined;
};

const text = v.pipe(v.string(), v.maxLength(20, 'Expected at most 20 characters'));

/** A small feature with one of everything, for tests of the shell around features. */
export function makeFeature({
  noun = 'notes',
  ran = () => {},
  needs = [],
  total,
  stateOf = () => 'there',
}: MakeFeature = {}): AnyFeature {
  const say = defineCommand({
    verb: 'say',
    summary: 'say something',
    words: { text: list('TEXT', 'what to say', text, { min: 1 }) },
    flags: { loud: switchFlag('in capitals') },
    writes: true,
    async run(_context, input) {
      await ran('say', input);
      return { json: input, text: `Said ${input.text.join(' ')}` };
    },
  });
  const show = defineCommand({
    verb: 'list',
    summary: 'list what was said',
    writes: false,
    async run(context) {
      await ran('list', {});
      await context.emit({ at: 1 }, 'first line');
      await context.emit({ at: 2 }, 'second \u001B[31mline');
      return { text: '' };
    },
  });
  const look = (input: { name: string }) => {
    const state = stateOf(input.name);
    if (state === undefined) return;
    return { question: `Wipe ${input.name}, ${state}?`, name: input.name, state, input };
  };
  const wipe = defineCommand({
    verb: 'wipe',
    summary: 'forget one',
    words: { name: word('NAME', 'which', text) },
    writes: true,
    guard: { loses: true, look: async (_, input) => look(input) },
    async run(_context, input) {
      await ran('wipe', input);
      return { text: `Wiped ${input.name}` };
    },
  });
  return defineFeature<Notes>({
    noun,
    summary: 'notes for tests',
    initial: () => ({ rows: ['one', 'two', 'three'], list: initialList }),
    feed: { everyMs: 1000, read: async () => (slice) => slice },
    commands: [say, show, wipe],
    keys: [
      {
        key: ['enter', 'i'],
        help: 'say',
        verb: 'say',
        ask: { label: () => 'say ›', sticky: true },
        input: (_, typed) => ({ text: [typed], loud: false }),
      },
      {
        key: 'x',
        help: 'wipe',
        verb: 'wipe',
        eachMarked: true,
        refuse: (slice) => (chosenRow(noteList, slice) === undefined ? 'Nothing is selected' : undefined),
        input: (slice) => ({ name: chosenRow(noteList, slice) }),
      },
      {
        key: 'n',
        help: 'name',
        ask: { label: () => 'name ›' },
        verb: 'say',
        input: (_, typed) => ({ text: [typed] }),
      },
      { key: 'b', help: 'boom', verb: 'say', input: () => ({ text: ['boom'] }) },
    ],
    list: total === undefined ? noteList : { ...noteList, total: () => total },
    headline: ({ rows }) => `${rows.length} rows`,
    needs: () => needs,
    snapshot: async () => [],
    pane: () => Promise.reject(new Error('Not painted in these tests')),
  });
}
