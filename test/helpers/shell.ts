import { type CommandTable, commandTable } from '../../source/commands/palette.ts';
import { type Config, readConfig } from '../../source/config.ts';
import { makeBindings } from '../../source/console/input/bindings.ts';
import { makeCommandRunner } from '../../source/console/input/command-runner.ts';
import { makeJumps } from '../../source/console/input/jumps.ts';
import { type Keyboard, makeKeyboard } from '../../source/console/input/keyboard.ts';
import { makeListControl } from '../../source/console/input/list-control.ts';
import { makeNeedsControl } from '../../source/console/input/needs-control.ts';
import { makeQuestions } from '../../source/console/input/questions.ts';
import { makeViewControl } from '../../source/console/input/view-control.ts';
import type { AnyFeature } from '../../source/features/index.ts';
import type { Connection } from '../../source/redis/connection/connect.ts';
import { makeStore, type State } from '../../source/store/store.ts';

/** Store, keyboard and runner around features, without terminal and without Redis. */
export function makeShell(
  features: readonly AnyFeature[],
  {
    config = {},
    connection = 'live',
  }: { config?: Partial<Config>; connection?: State['connection']['name'] } = {},
) {
  const whole: Config = { ...readConfig({}, { HOME: '/nowhere', USER: 'ada' }), ...config };
  const store = makeStore({
    slices: Object.fromEntries(features.map((feature) => [feature.noun, feature.initial(whole)])),
    focus: features[0]?.noun ?? '',
    columns: 120,
    rows: 40,
    connection: { name: connection, sinceMs: 0, attempt: 0, url: 'redis://test', kind: 'standalone' },
  });
  const table: CommandTable = commandTable(features, {});
  const calls: string[] = [];
  const lines: string[] = [];
  const fake = { ask: {}, listen: () => ({}) } as unknown as Connection;
  const runner = makeCommandRunner({
    store,
    table: () => table,
    config: whole,
    connections: [fake],
    spreads: (noun) => features.some((feature) => feature.noun === noun && feature.spreads === true),
    refresh: (noun) => calls.push(`refresh ${noun}`),
    exclude: () => () => {},
    lendTerminal: (run) => run(),
    journal: {
      begin: () => ({ done: () => undefined, failed: () => undefined }),
      entries: () => [],
    },
  });
  const shared = { store, features, config: whole, table: () => table, runner };
  const sizeOf = () => ({ columns: 50, rows: 10 });
  let nowMs = 1_000_000;
  const lists = makeListControl({ store, features, sizeOf });
  const questions = makeQuestions({
    ...shared,
    hold: lists.holdFor,
    replay: (keys) => keyboard.press(keys),
    clock: () => nowMs,
  });
  const jumps = makeJumps({ store, features });
  const keyboard: Keyboard = makeKeyboard({
    ...shared,
    questions,
    lists,
    views: makeViewControl({
      store,
      features,
      views: [{ name: 'all', arrangement: { kind: 'all' } }],
      saved: [],
    }),
    history: {
      lines: () => lines,
      add(line) {
        lines.push(line);
        return undefined;
      },
    },
    jumps,
    needs: makeNeedsControl({ ...shared, jumps, keep: (id) => calls.push(`keep ${id}`) }),
    bindings: makeBindings({ ...shared, begin: questions.begin, beginMarked: questions.beginMarked, sizeOf }),
    sizeOf,
    quit: () => calls.push('quit'),
    retry: () => calls.push('retry'),
    suspend: () => calls.push('suspend'),
    redraw: () => calls.push('redraw'),
  });
  return {
    store,
    keyboard,
    runner,
    /** What the keyboard asked of the world outside. */
    calls,
    /** Lets time pass for the keyboard. */
    pass: (ms: number) => {
      nowMs += ms;
    },
    press: (...keys: string[]) => keyboard.press(keys),
    type: (text: string) => keyboard.press(Array.from(text)),
    screen: () => store.getState().screen,
    mode: () => store.getState().screen.mode,
    status: () => store.getState().screen.status?.text,
    slice: (noun: string) => store.getState().slices[noun],
  };
}
