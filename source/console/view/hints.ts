import type { AnyFeature } from '../../features/index.ts';
import type { Guide, Mode, Past } from '../../store/store.ts';
import type { Span } from '../../ui/row.tsx';
import { width } from '../../ui/text.ts';
import { textKeys } from '../input/find-in-lines.ts';
import { keyLabel, keyList } from '../input/key-names.ts';
import { type GlobalKey, globalKeys, listKeys } from '../input/keymap.ts';
import { replayKeys, timeKeys } from '../input/time-keys.ts';

export type Hint = { readonly key: string; readonly help: string };

type Circumstances = {
  readonly past?: Past | undefined;
  readonly guide?: Guide | undefined;
  /** The pane has nothing in it. */
  readonly isEmpty?: boolean;
};

/** What the keys do right now, the most useful first. */
export function hintsFor(
  mode: Mode,
  feature: AnyFeature | undefined,
  panes: number,
  { past, guide, isEmpty = false }: Circumstances = {},
): readonly Hint[] {
  if (mode.name === 'ask') {
    const binding = feature?.keys[mode.binding];
    return [hint('enter', binding?.help ?? 'done'), hint('esc', 'back'), hint('tab', 'next pane')];
  }
  if (mode.name === 'filter') return [hint('enter', 'keep'), hint('esc', 'as before')];
  if (mode.name === 'needs') {
    return [
      hint('enter', 'go'),
      { key: 'a', help: 'I am on it' },
      { key: 's', help: 'put off' },
      { key: 'u', help: 'undo' },
      { key: 'm', help: 'tell the room' },
      hint('esc', 'back'),
    ];
  }
  if (mode.name === 'related')
    return [hint('enter', 'go'), hint('up', 'up'), hint('down', 'down'), hint('esc', 'back')];
  if (mode.name === 'columns') {
    return [
      hint(' ', 'show, hide'),
      { key: 'J K', help: 'move' },
      { key: 'r', help: 'as it was' },
      hint('up', 'up'),
      hint('down', 'down'),
      hint('esc', 'close'),
    ];
  }
  if (mode.name === 'contexts')
    return [hint('enter', 'connect'), hint('up', 'up'), hint('down', 'down'), hint('esc', 'back')];
  if (mode.name === 'views') {
    return [hint('enter', 'choose'), hint('up', 'up'), hint('down', 'down'), hint('esc', 'back')];
  }
  if (mode.name === 'panes') {
    return [
      { key: '0-9', help: 'show, hide' },
      { key: '< > + -', help: 'size' },
      { key: 'H J K L', help: 'move' },
      { key: '=', help: 'equal' },
      { key: 's', help: 'save as a view' },
      { key: 'r', help: 'as it was' },
      hint('esc', 'done'),
    ];
  }
  if (mode.name === 'save') return [hint('enter', 'save'), hint('esc', 'back')];
  if (mode.name === 'note') return [hint('enter', 'done'), hint('esc', 'back')];
  if (mode.name === 'palette' && mode.isFinder)
    return [hint('enter', 'do it'), hint('up', 'up'), hint('down', 'down'), hint('esc', 'back')];
  if (mode.name === 'palette') return [hint('enter', 'run'), hint('tab', 'complete'), hint('esc', 'back')];
  if (mode.name === 'help')
    return [hint('/', 'find a key or command'), hint('up', 'up'), hint('down', 'down'), hint('esc', 'close')];
  if (mode.name === 'output' && mode.over)
    return [hint('up', 'up'), hint('down', 'down'), hint('esc', 'back to the question')];
  if (mode.name === 'output') {
    const next = mode.next ? [hint('enter', mode.next.help)] : [];
    const { find, nextMatch } = textKeys;
    const keys = mode.line
      ? []
      : mode.found
        ? [hint(nextMatch.key[0], nextMatch.help)]
        : [hint(find.key[0], 'find')];
    return [
      ...next,
      ...keys,
      hint('up', 'up'),
      hint('down', 'down'),
      hint('esc', mode.isRunning ? 'stop' : 'close'),
    ];
  }
  if (mode.name === 'confirm') {
    const yes = mode.word === undefined ? { key: 'y', help: 'yes' } : hint('enter', 'yes, once it is typed');
    const dry = hint(mode.word === undefined ? 'p' : 'ctrl+p', 'dry run');
    return [yes, ...(mode.word === undefined ? [{ key: 'n', help: 'no' }] : []), hint('esc', 'no'), dry];
  }
  if (past) {
    const { nextNeed, next, zoom, help } = globalKeys;
    const keys =
      past.kind === 'replay'
        ? { ...replayKeys, ...timeKeys }
        : { now: { key: ['t'], help: 'now' }, ...timeKeys };
    const { details, filter } = listKeys;
    return [...Object.values<GlobalKey>(keys), nextNeed, details, next, zoom, filter, help].map((one) =>
      hint(one.key[0] ?? '', one.help),
    );
  }
  if (guide === 'unreached') {
    const { palette, needs, quit } = globalKeys;
    return [hint('enter', 'try now'), ...[needs, palette, quit].map(({ key, help }) => hint(key[0], help))];
  }
  // What does something comes before what only moves about, which arrow keys do as everybody expects.
  const keys = feature?.keys ?? [];
  const acts = keys.filter(
    ({ key, verb, ask }) => verb !== undefined || ask !== undefined || keyList(key).includes('enter'),
  );
  const moves = keys.filter((binding) => !acts.includes(binding));
  const { nextNeed, next, zoom, related, discover, palette, quit } = globalKeys;
  const isTaken = keys.some(({ key }) => keyList(key).includes('enter'));
  const { details, filter } = listKeys;
  const toHint = ({ key, help }: { key: string | readonly string[]; help: string }): Hint =>
    hint(keyList(key)[0] ?? '', help);
  if (isEmpty) {
    // What needs a row has none.
    const making = acts.filter(({ refuse }) => !refuse);
    const isFound = feature?.discovery !== undefined || feature?.nothing === undefined;
    return [...(isFound ? [discover] : []), ...making, ...(panes > 1 ? [next] : []), palette, quit].map(
      toHint,
    );
  }
  const general = [
    nextNeed,
    ...(isTaken ? [] : [details]),
    ...(panes > 1 ? [next] : []),
    zoom,
    filter,
    related,
    palette,
    quit,
  ];
  return [...acts.slice(0, 2), ...general, ...acts.slice(2), ...moves].map(toHint);
}

/** `break: take the lock from its holder` is `break` here, and in full in the help. */
function hint(key: string, help: string): Hint {
  return { key: keyLabel(key), help: help.split(': ', 1)[0] ?? help };
}

const gap = '  ';

/** As many whole hints as fit; the way to the others, `? help`, always stays. */
export function hintSpans(hints: readonly Hint[], columns: number, last?: Hint): readonly Span[] {
  const cells = ({ key, help }: Hint): number => width(key) + 1 + width(help) + gap.length;
  let room = columns - (last ? cells(last) : 0) + gap.length;
  const kept: Hint[] = [];
  for (const one of hints) {
    // A long one makes no room for itself, and takes none from those behind it.
    if (cells(one) > room) continue;
    room -= cells(one);
    kept.push(one);
  }
  return [...kept, ...(last ? [last] : [])].flatMap(({ key, help }, index): Span[] => [
    index === 0 ? '' : gap,
    { text: key, tone: 'strong' },
    { text: ` ${help}`, tone: 'muted' },
  ]);
}

export const helpHint: Hint = { key: '?', help: 'help' };
