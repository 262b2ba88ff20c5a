import type { CommandTable } from '../../commands/palette.ts';
import type { Config } from '../../config.ts';
import type { KeyBinding } from '../../features/feature.ts';
import type { AnyFeature } from '../../features/index.ts';
import { type Act, changeScreen, changeSlice, type Mode, type Store } from '../../store/store.ts';
import type { Listed } from '../../ui/list.ts';
import { type CommandRunner, pastRefusal } from './command-runner.ts';
import { emptyLine, submit } from './line-editor.ts';
import { isOnMarked, type OnMarked, onMarked } from './marked.ts';
import type { BeginOptions } from './questions.ts';

export type AskMode = Extract<Mode, { name: 'ask' }>;
// biome-ignore lint/suspicious/noExplicitAny: a binding belongs to a feature whose slice type only it knows
type Binding = KeyBinding<any>;

/** What the key bindings of the features do: move, run, ask for a line first, or ask whether it is meant. */
export type Bindings = {
  press(feature: AnyFeature, index: number): void;
  /** Enter, while a binding's question is open. */
  answer(asking: AskMode): void;
  /** What Tab may make of the word; undefined: nothing. */
  completions(asking: AskMode, word: string): readonly string[] | undefined;
};

export type BindingsOptions = {
  readonly store: Store;
  readonly features: readonly AnyFeature[];
  readonly config: Config;
  readonly table: () => CommandTable;
  readonly runner: CommandRunner;
  /** Runs it, or asks first; resolves with whether it was done or is asked about. */
  readonly begin: (act: Act, options?: BeginOptions) => Promise<boolean>;
  /** The same for each marked row, asked about once. */
  readonly beginMarked: (marked: OnMarked) => Promise<void>;
  /** The cells the feature's pane has. */
  readonly sizeOf: (noun: string) => { readonly columns: number; readonly rows: number };
};

export function makeBindings(options: BindingsOptions): Bindings {
  const { store, features, table, runner } = options;
  const histories = new Map<string, readonly string[]>();
  const mode = (): Mode => store.getState().screen.mode;
  const setMode = (next: Mode): void => changeScreen(store, { mode: next });
  const refuse = (text: string): void => changeScreen(store, { status: { text, tone: 'bad' } });
  const sliceOf = (noun: string): unknown => store.getState().slices[noun];

  const press = (feature: AnyFeature, index: number, binding: Binding): void => {
    const { noun, feed } = feature;
    // The console knows of every slice that it has a list.
    const listed = sliceOf(noun) as Listed;
    if (isOnMarked(feature, binding, listed) && store.getState().past === undefined) {
      const marked = onMarked(feature, binding, listed);
      if (typeof marked === 'string') refuse(marked);
      else void options.beginMarked(marked);
      return;
    }
    const reason = binding.refuse?.(sliceOf(noun));
    if (reason !== undefined) {
      refuse(reason);
      return;
    }
    const change = binding.change?.bind(binding);
    const past = pastRefusal(store.getState().past);
    if (past !== undefined && (!change || binding.ask || binding.verb !== undefined)) {
      refuse(past);
      return;
    }
    if (change) {
      const next = change(sliceOf(noun), options.sizeOf(noun));
      // What another subject would show was not read then.
      if (past !== undefined && feed.subject?.(next) !== feed.subject?.(sliceOf(noun))) {
        refuse(past);
        return;
      }
      changeSlice(store, noun, () => next);
    }
    if (binding.ask) ask(noun, index, binding);
    else if (binding.verb !== undefined) {
      const input = binding.input?.(sliceOf(noun), '') ?? {};
      const verb = binding.verbNow?.(sliceOf(noun)) ?? binding.verb;
      void options.begin(actOf(noun, verb, input), { isShown: binding.shows === true });
    }
  };

  const ask = (noun: string, index: number, binding: Binding): void => {
    const path = `${noun} ${binding.verb}`;
    const writes = table().get(path)?.writes === true;
    if (writes && options.config.readOnly) {
      refuse(runner.refusal(path) ?? '');
      return;
    }
    const history = histories.get(`${noun} ${index}`) ?? [];
    const initial = binding.ask?.initial?.(sliceOf(noun)) ?? '';
    setMode({
      name: 'ask',
      noun,
      binding: index,
      line: emptyLine(history, initial, binding.ask?.isMultiline),
    });
  };

  const bindingOf = ({ noun, binding }: AskMode): Binding | undefined =>
    features.find((feature) => feature.noun === noun)?.keys[binding];

  const answer = (asking: AskMode): void => {
    const { noun, binding: index, line } = asking;
    const binding = bindingOf(asking);
    const text = line.text.trim();
    const sticky = binding?.ask?.sticky === true;
    if (!binding || (sticky && text === '')) return;
    const reason = binding.refuse?.(sliceOf(noun));
    const command = binding.ask?.command?.(sliceOf(noun), text);
    const own =
      binding.verb === undefined
        ? undefined
        : actOf(noun, binding.verb, binding.input?.(sliceOf(noun), text) ?? {});
    const act =
      command && 'path' in command
        ? { path: command.path, input: command.input, commandLine: [], json: false }
        : own;
    const said = command && 'refusal' in command ? command.refusal : undefined;
    const refusal = reason ?? said ?? (act && runner.refusal(act.path, act.input));
    if (refusal !== undefined) {
      refuse(refusal);
      return;
    }
    const emptied = submit(line);
    histories.set(`${noun} ${index}`, emptied.history);
    // What is shown over the panes never comes over somebody who is typing.
    const isShown = command !== undefined && 'path' in command && command.shows === true;
    if (sticky && !isShown) setMode({ ...asking, line: emptied });
    else setMode({ name: 'browse' });
    if (!act) return;
    void options.begin(act, { isShown }).then((isDone) => {
      const now = mode();
      // What could not be sent comes back, unless something else is being written.
      const isWaiting = now.name === 'ask' && now.noun === noun && now.binding === index;
      if (!isDone && isWaiting && now.line.text === '') {
        setMode({
          ...now,
          line: emptyLine(now.line.history, line.text, now.line.isMultiline),
        });
      }
    });
  };

  return {
    press(feature, index) {
      const binding = feature.keys[index];
      if (binding) press(feature, index, binding);
    },
    answer,
    completions: (asking, word) => bindingOf(asking)?.ask?.complete?.(sliceOf(asking.noun), word),
  };
}

function actOf(noun: string, verb: string, input: Readonly<Record<string, unknown>>): Act {
  return { path: `${noun} ${verb}`, input, commandLine: [], json: false };
}
