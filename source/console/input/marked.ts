import type { KeyBinding } from '../../features/feature.ts';
import type { AnyFeature } from '../../features/index.ts';
import { type Act, changeScreen, changeSlice, type Store, type Target } from '../../store/store.ts';
import { formatCount } from '../../ui/format.ts';
import { arrange, changeList, type Listed } from '../../ui/list.ts';
import type { CommandRunner } from './command-runner.ts';

// biome-ignore lint/suspicious/noExplicitAny: a binding belongs to a feature whose slice type only it knows
type Binding = KeyBinding<any>;

/** One of the marked rows that is left as it is, and why. */
export type Refused = Pick<Target, 'id' | 'name'> & { readonly reason: string };

/** What a key would do to each of the marked rows. */
export type OnMarked = {
  readonly noun: string;
  readonly path: string;
  /** What is done, as people say it: `break`. */
  readonly does: string;
  readonly targets: readonly Target[];
  readonly refused: readonly Refused[];
};

/** More are not asked about at once: nobody could read what is asked. */
export const mostMarked = 200;

/** Whether the key is one that is done to marked rows, and there are some. */
export function isOnMarked({ list }: AnyFeature, binding: Binding, slice: Listed): boolean {
  return binding.eachMarked === true && arrange(list, slice, Date.now()).marked.length > 0;
}

/** What the key would do to each marked row, as if that were the chosen one. */
export function onMarked(feature: AnyFeature, binding: Binding, slice: Listed): OnMarked | string {
  const { noun, list } = feature;
  const { marked } = arrange(list, slice, Date.now());
  if (marked.length > mostMarked)
    return `${formatCount(marked.length)} rows are marked, and at most ${mostMarked} are done at once`;
  const path = `${noun} ${binding.verb}`;
  const targets: Target[] = [];
  const refused: Refused[] = [];
  // Neither filter nor order matter to the one row that is chosen.
  const plain = changeList(slice, { filter: '', order: undefined, held: undefined, marks: [] });
  for (const row of marked) {
    const id = list.id(row);
    const name = list.name(row);
    const chosen = changeList(plain, { selected: id });
    const reason = binding.refuse?.(chosen);
    const act: Act = { path, input: binding.input?.(chosen, '') ?? {}, commandLine: [], json: false };
    if (reason === undefined) targets.push({ id, name, act, asked: undefined });
    else refused.push({ id, name, reason });
  }
  return { noun, path, does: binding.help.split(':', 1)[0] ?? path, targets, refused };
}

/** How many are named in the question and in the report; all stand in the dry run and in the view of what was refused. */
const mostNamed = 8;

export function questionOfMarked({ noun, does, targets, refused }: OnMarked): string {
  const what = `${does.charAt(0).toUpperCase()}${does.slice(1)} ${targets.length} marked of ${noun}`;
  const names = named(targets.map(({ name }) => name));
  const left = refused.length === 0 ? '' : ` Left as it is: ${named(refused.map(sentenceOfRefused))}.`;
  return `${what}: ${names}? Each is looked at again before it is done.${left}`;
}

function named(names: readonly string[]): string {
  const more = names.length - mostNamed;
  return `${names.slice(0, mostNamed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function sentenceOfRefused({ name, reason }: Refused): string {
  return reason.includes(name) ? reason : `${name}: ${reason}`;
}

export type RunMarkedOptions = {
  readonly store: Store;
  readonly runner: CommandRunner;
  /** Aborted: what was begun is ended, and nothing further is begun. */
  readonly stopped: AbortSignal;
};

/** Does it to one after the other, reports what came of it, and leaves the mark on what was not done. */
export async function runMarked(
  { store, runner, stopped }: RunMarkedOptions,
  { noun, path, targets, refused: before }: OnMarked,
): Promise<void> {
  const refused: Refused[] = [...before];
  const done: string[] = [];
  const say = (text: string, tone: 'info' | 'good' | 'bad'): void =>
    changeScreen(store, { status: { text, tone } });
  let begun = 0;
  for (const [index, { id, name, act, asked }] of targets.entries()) {
    if (stopped.aborted) break;
    begun += 1;
    if (targets.length > 1) say(`${path}: ${index + 1} of ${targets.length}`, 'info');
    const reason = await runner.attempt(act, asked);
    if (reason === undefined) done.push(name);
    else refused.push({ id, name, reason });
  }
  const left = targets.slice(begun);
  const kept = new Set([...refused, ...left].map(({ id }) => id));
  changeSlice(store, noun, (slice) => {
    // The console knows of every slice that it has a list.
    const listed = slice as Listed;
    // What was marked meanwhile stays so.
    const acted = new Set(targets.map(({ id }) => id));
    const marks = listed.list.marks.filter((id) => kept.has(id) || !acted.has(id));
    return changeList(listed, { marks });
  });
  const sum = [
    `${left.length > 0 ? 'Stopped: ' : ''}${done.length} done`,
    ...(refused.length > 0 ? [`${refused.length} refused`] : []),
    ...(left.length > 0 ? [`${left.length} not begun`] : []),
  ].join(', ');
  const notBegun = left.map(({ name }) => name);
  const reasons = refused.map(({ name, reason }) => `${name}: ${reason}`);
  const line = [sum, ...reasons.slice(0, 1)].join(': ');
  say(line, refused.length + left.length === 0 ? 'good' : 'bad');
  if (done.length > 0)
    await runner.trail(
      path,
      [
        `${done.length} done: ${done.join(', ')}`,
        ...(reasons.length > 0 ? [`refused: ${reasons.join('; ')}`] : []),
        ...(left.length > 0 ? [`stopped, not begun: ${notBegun.join(', ')}`] : []),
      ].join('; '),
    );
  const { mode, columns } = store.getState().screen;
  // One line has no room for them all.
  const isLong = refused.length > 1 || (refused.length === 1 && line.length > columns);
  if ((isLong || left.length > 0) && mode.name === 'browse') {
    const lines =
      left.length === 0
        ? reasons
        : [
            ...done.map((name) => `done       ${name}`),
            ...reasons.map((reason) => `refused    ${reason}`),
            ...notBegun.map((name) => `not begun  ${name}`),
          ];
    changeScreen(store, {
      mode: { name: 'output', title: `${path}: ${sum}`, lines, scroll: 0, isRunning: false },
    });
  }
}
