import type { CommandTable } from '../../commands/palette.ts';
import { usageOf } from '../../commands/run-command.ts';
import type { AnyFeature } from '../../features/index.ts';
import type { Span } from '../../ui/row.tsx';
import { padEnd, width } from '../../ui/text.ts';
import { textKeys } from '../input/find-in-lines.ts';
import { keyLabel, keyList } from '../input/key-names.ts';
import { type GlobalKey, globalKeys, listKeys } from '../input/keymap.ts';
import { sessionKeys } from '../input/session-keys.ts';
import { replayKeys, timeKeys } from '../input/time-keys.ts';

export type HelpOptions = {
  readonly features: readonly AnyFeature[];
  readonly focus: string;
  readonly table: CommandTable;
  readonly columns: number;
};

type Entry = readonly [name: string, meaning: string];

/** Keys of the focused pane first, then those of every pane, the other panes, and all commands. */
export function helpLines({ features, focus, table, columns }: HelpOptions): readonly (readonly Span[])[] {
  const focused = features.filter(({ noun }) => noun === focus);
  const others = features.filter(({ noun }) => noun !== focus);
  const commands = [...table].map(([path, command]): Entry => {
    return [usageOf(path, command).replace(/^quarterdeck /, ''), command.summary];
  });
  return [
    ...focused.flatMap((feature) => keysOf(feature, columns)),
    ...section('In every pane', entriesOf({ ...globalKeys, ...sessionKeys }), columns),
    ...section('While the console is frozen, or a recording is replayed', entriesOf(timeKeys), columns),
    ...section('While a recording is replayed', entriesOf(replayKeys), columns),
    ...section('In what a command printed', entriesOf(textKeys), columns),
    ...section('In the list of every pane', entriesOf(listKeys), columns),
    ...others.flatMap((feature) => keysOf(feature, columns)),
    ...section('Commands: press : to run one here, or `quarterdeck …` in a shell', commands, columns),
  ].slice(0, -1);
}

function keysOf({ noun, summary, keys }: AnyFeature, columns: number): readonly (readonly Span[])[] {
  const entries = keys.map(({ key, help }): Entry => [keyList(key).map(keyLabel).join(' '), help]);
  return section(`${noun}: ${summary}`, entries, columns);
}

function entriesOf(keys: Readonly<Record<string, GlobalKey>>): readonly Entry[] {
  return Object.values(keys).map(({ key, help }): Entry => {
    const labels =
      key.length > 3
        ? `${keyLabel(key[0] ?? '')}-${keyLabel(key.at(-1) ?? '')}`
        : key.map(keyLabel).join(' ');
    return [labels, help];
  });
}

function section(title: string, entries: readonly Entry[], columns: number): readonly (readonly Span[])[] {
  // A name too long for its column has a line of its own, and its meaning stands below it.
  const most = Math.max(0, Math.min(46, Math.floor(columns / 2)));
  const longest = Math.min(most, Math.max(0, ...entries.map(([name]) => width(name))));
  const lines = entries.flatMap(([name, meaning]): (readonly Span[])[] => {
    const text: Span = { text: `  ${meaning}`, tone: 'muted' };
    if (width(name) <= longest) return [[`  ${padEnd(name, longest)}`, text]];
    return [[`  ${name}`], [padEnd('', longest + 2), text]];
  });
  return [[{ text: title, tone: 'strong' }], ...lines, []];
}
