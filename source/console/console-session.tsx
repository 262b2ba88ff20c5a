import { flushCompileCache } from 'node:module';
import process from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { consoleCommands } from '../commands/console-commands.ts';
import { type CommandTable, commandTable } from '../commands/palette.ts';
import type { AnyCommand } from '../commands/run-command.ts';
import type { Config } from '../config.ts';
import type { AnyFeature } from '../features/index.ts';
import { serverName } from '../frames/frame-file.ts';
import type { Connection } from '../redis/connection/connect.ts';
import { changeScreen, type Store, type View } from '../store/store.ts';
import { frameCells } from '../ui/frame-cells.ts';
import { makeAccess } from './access.ts';
import type { AppearanceControl } from './appearance.ts';
import type { ConsoleLog } from './console-log.ts';
import type { Elsewhere, Leaving } from './contexts.ts';
import type { Engine } from './engine.ts';
import { watchAttention } from './input/attention.ts';
import { makeBindings } from './input/bindings.ts';
import { makeCommandRunner } from './input/command-runner.ts';
import { deafAtFirst } from './input/deaf-at-first.ts';
import { makeJumps } from './input/jumps.ts';
import { type Keyboard, makeKeyboard } from './input/keyboard.ts';
import { makeListControl } from './input/list-control.ts';
import { makeNeedsControl } from './input/needs-control.ts';
import { makeQuestions } from './input/questions.ts';
import { makeViewControl } from './input/view-control.ts';
import { keepMemory, type Memory } from './memory.ts';
import { loadPanes, mount, mountKeys } from './mount.tsx';
import { watchNotify } from './notify.ts';
import { paceStore } from './paced-store.ts';
import { watchPanes } from './pane-watch.ts';
import { accessCommands } from './session/access-commands.ts';
import { contextCommands } from './session/context-commands.ts';
import { openHistory } from './session/history.ts';
import { makeJournal } from './session/journal.ts';
import { undoCommand } from './session/undo-command.ts';
import { type Endings, exitCodeOf } from './terminal/signals.ts';
import type { Terminal } from './terminal/terminal.ts';
import { letWheel } from './terminal/wheel.ts';
import type { TimeControl } from './time/freeze.ts';
import { innerOf } from './view/layout.ts';
import { layoutOf } from './view/layout-of.ts';
import { isAgeing, tickMs } from './view/status-text.ts';

export type ConsoleSessionOptions = {
  readonly config: Config;
  readonly terminal: Terminal;
  readonly connections: readonly [Connection, ...Connection[]];
  readonly features: readonly AnyFeature[];
  /** What panes and keyboard look at. */
  readonly store: Store;
  /** What is so now; undefined in a replay, of which nothing is reported or remembered. */
  readonly live: Store | undefined;
  readonly time: TimeControl;
  /** The commands of this console that are about time. */
  readonly timeCommands: Readonly<Record<string, AnyCommand>>;
  readonly engine: Pick<Engine, 'refresh' | 'needs' | 'exclude'>;
  readonly endings: Endings;
  readonly views: readonly View[];
  readonly memory: Memory;
  readonly appearance: AppearanceControl;
  readonly log?: ConsoleLog | undefined;
  /** The console was on another server a moment ago. */
  readonly isSwitched?: boolean;
  /** Where it may go from here; undefined: nowhere. */
  readonly elsewhere?: Elsewhere | undefined;
};

/** Data changes paint at most ten frames a second; keys paint at once. */
const paintEveryMs = 100;
const settledAfterMs = 1500;
const weighEveryMs = 5000;
const tightMegabytes = { above: 115, until: 100 };
const wakeAfterMs = 200;
const minuteMs = 60_000;
/** What every terminal answers, and so the end of its answers; a far one needs as long as its round trip. */
const lastAnswer = /^\u001B\[\?[\d;]*c$/;
const answerWithinMs = 500;

/**
 * Puts keyboard, panes and store together on the terminal, until somebody leaves.
 * @throws {UnreachableError | AuthenticationError | RefusedError} when somebody left a console that reached no server
 */
export async function openConsoleSession(options: ConsoleSessionOptions): Promise<number | Leaving> {
  const { terminal, connections, features, store, engine, endings, appearance, log } = options;
  const access = makeAccess(options.config, store);
  const { config } = access;
  const left = Promise.withResolvers<number | Leaving>();
  // What is only said loads no pane, and nothing that paints loads what says it.
  const loaded = config.screenReader ? [] : await loadPanes(features);
  const reader = config.screenReader ? await import('./transcript/transcript.ts') : undefined;
  const shown = paceStore(store, paintEveryMs);
  let table: CommandTable = commandTable(features, {});
  let isLent = false;
  let isAsked = false;
  const allAnswered = Promise.withResolvers<void>();
  /** What the terminal still answers would be typed into whatever has it next. */
  const answered = async (): Promise<void> => {
    const limit = new AbortController();
    const timer = wait(answerWithinMs, undefined, { signal: limit.signal }).catch(() => {});
    if (isAsked) await Promise.race([allAnswered.promise, timer]);
    limit.abort();
  };

  const server = serverName(connections[0].url);
  const journal = makeJournal({ config, server });
  const runner = makeCommandRunner({
    journal,
    store,
    table: () => table,
    config,
    connections,
    spreads: (noun) => features.some((feature) => feature.noun === noun && feature.spreads === true),
    refresh: engine.refresh,
    exclude: engine.exclude,
    log,
    async lendTerminal(run) {
      await answered();
      isLent = true;
      terminal.pause();
      try {
        await run();
      } finally {
        isLent = false;
        terminal.resume();
      }
    },
  });
  const sizeOf = sizer(store, features);
  const lists = makeListControl({ store, features, sizeOf });
  const questions = makeQuestions({
    store,
    hold: lists.holdFor,
    config,
    table: () => table,
    runner,
    replay: (keys) => keyboard.press(keys),
  });
  const views = makeViewControl({ store, features, views: options.views, saved: options.memory.views });
  const jumps = makeJumps({ store, features });
  let touchedAtMs = performance.now();
  const keyboard: Keyboard = makeKeyboard({
    store,
    features,
    config,
    table: () => table,
    runner,
    questions,
    lists,
    views,
    time: options.time,
    history: openHistory(config.stateDirectory, server),
    jumps,
    needs: makeNeedsControl({ store, features, config, runner, jumps, keep: engine.needs.keep }),
    bindings: makeBindings({
      store,
      features,
      config,
      table: () => table,
      runner,
      begin: questions.begin,
      beginMarked: questions.beginMarked,
      sizeOf,
    }),
    sizeOf,
    quit() {
      if (store.getState().screen.guide === 'unreached') left.reject(connections[0].whyUnreached());
      else left.resolve(0);
    },
    retry() {
      const isTried = connections[0].retryNow();
      changeScreen(store, {
        status: { text: isTried ? 'Trying again' : 'An attempt is on its way', tone: 'info' },
      });
    },
    async suspend() {
      await answered();
      terminal.pause();
      // The whole job stops, as it would if the terminal had done it: npm and the shell script above us too.
      process.kill(0, 'SIGTSTP');
      // Without a shell above us that could wake us, the system lets nobody stop us: on we go.
      setTimeout(() => terminal.resume(), wakeAfterMs);
    },
    redraw: () => terminal.screen.repaint(),
    log,
  });
  const stopResizing = terminal.onResize((columns, rows) => {
    changeScreen(store, { columns, rows });
    shown.publish();
  });
  const stopContinuing = endings.onContinued(() => {
    // A program we run in the terminal was stopped and woken with us, and still has it.
    if (isLent) return;
    // After an outside SIGSTOP the shell has taken the terminal without our knowing.
    terminal.pause();
    terminal.resume();
  });
  const stopAgeing = runClock(store, features);
  const attention = watchAttention({
    store,
    shown,
    features,
    runner,
    readOnly: () => config.readOnly,
    sizeOf: sizer(shown, features),
  });
  const refuse = (text: string): void => {
    changeScreen(store, { status: { text, tone: 'bad' } });
    shown.publish();
  };
  terminal.stdin.onRefused = refuse;
  const stopPanes = watchPanes(store, features, { untouchedMs: () => performance.now() - touchedAtMs });
  const forget = options.live
    ? keepMemory({ store, features, config, saved: views.saved, onFailure: refuse }, options.memory)
    : () => {};
  const stopNotifying = options.live
    ? watchNotify({
        store: options.live,
        config: reader ? { ...config, notify: reader.commandsOf(config.notify) } : config,
        terminal,
        onFailure: refuse,
      })
    : () => {};
  terminal.stdin.onReply = (reply) => {
    if (lastAnswer.test(reply)) allAnswered.resolve();
    if (appearance.hear(reply)) mounted.repaint();
  };
  const heard: Keyboard = options.isSwitched ? deafAtFirst(keyboard, refuse) : keyboard;
  terminal.screen.onPainted = () => {
    // Out of the painting, which is still going on when its last bytes were written.
    queueMicrotask(attention.painted);
    if (isAsked || appearance.question.ask === '') return;
    isAsked = true;
    terminal.send(appearance.question.ask, appearance.question.atEnd);
  };
  const transcript = reader?.startTranscript({
    shown,
    features,
    config,
    table: () => table,
    views: views.views,
    write: (text) => terminal.send(text),
  });
  const touched: Keyboard = {
    ...heard,
    press(keys) {
      touchedAtMs = performance.now();
      heard.press(keys);
    },
    paste(text) {
      touchedAtMs = performance.now();
      heard.paste(text);
    },
  };
  const mounted = transcript
    ? mountKeys({ terminal, keyboard: touched, onHandled: () => transcript.handled(shown.publish) })
    : mount({
        terminal,
        shown,
        loaded,
        context: config.context,
        table: () => table,
        views: views.views,
        keyboard: touched,
        log,
      });
  const settling = setTimeout(() => {
    // What a start compiled is kept for the next one, also when this one ends by a signal.
    flushCompileCache?.();
    // Only now, because what was compiled under other flags is not taken from the cache.
    watchMemory();
  }, settledAfterMs);
  let weighing: NodeJS.Timeout | undefined;
  /**
   * A console stays open for days, and V8 would let its garbage grow to a multiple of what is alive. Collecting it early
   * costs an idle console more than all else it does, so that is asked for only while there is much of it.
   */
  const watchMemory = (): void => {
    let isTight = false;
    weighing = setInterval(() => {
      const megabytes = process.memoryUsage.rss() / 2 ** 20;
      const wanted = megabytes > tightMegabytes.above || (isTight && megabytes > tightMegabytes.until);
      if (wanted === isTight) return;
      isTight = wanted;
      setFlagsFromString(isTight ? '--optimize-for-size' : '--no-optimize-for-size');
    }, weighEveryMs);
  };
  const stopWheel = config.mouse === 'wheel' && !transcript ? letWheel(store, terminal) : undefined;
  void Promise.all([loadConsoleCommands(), import('./session/own-commands.ts')]).then(
    ([whole, { ownCommands }]) => {
      const { repaint } = mounted;
      const { refresh } = engine;
      const own = ownCommands({ store, features, config, terminal, appearance, repaint, refresh });
      table = commandTable(features, {
        ...whole,
        ...own,
        ...options.timeCommands,
        ...accessCommands(access),
        undo: undoCommand(journal),
        ...contextCommands({
          config,
          choices: options.elsewhere?.choices,
          open: keyboard.openContexts,
          go(name) {
            const settings = options.elsewhere?.settings(name);
            if (settings) left.resolve({ for: settings });
          },
          isBusy: runner.isBusy,
        }),
      });
    },
  );
  try {
    // Ink stops by itself when the input ends: the terminal went away, and the signal for it is on its way.
    const hungUp = mounted.exited.then(() => exitCodeOf.SIGHUP);
    const code = await Promise.race([left.promise, endings.ended, hungUp]);
    await answered();
    return code;
  } finally {
    clearTimeout(settling);
    clearInterval(weighing);
    stopWheel?.();
    transcript?.stop();
    attention.left();
    runner.close();
    lists.stop();
    stopAgeing();
    stopPanes();
    forget();
    stopNotifying();
    stopResizing();
    stopContinuing();
    // What was unlocked for a while is not unlocked on another server, nor after coming back.
    access.lock();
    shown.stop();
    terminal.screen.hold();
    mounted.unmount();
  }
}

/** The cells a pane has by its noun, or an overlay has by ''. */
function sizer(store: Pick<Store, 'getState'>, features: readonly AnyFeature[]) {
  return (noun: string): { readonly columns: number; readonly rows: number } => {
    const { tiles, area } = layoutOf(store.getState().screen, features);
    const tile = tiles.find((one) => one.noun === noun);
    if (tile) return innerOf(tile);
    return {
      columns: Math.max(0, area.columns - frameCells.columns),
      rows: Math.max(0, area.rows - frameCells.rows),
    };
  };
}

/** The clock of the screen ticks only while something on it is moved by it. */
function runClock(store: Store, features: readonly AnyFeature[]): () => void {
  let timer: NodeJS.Timeout | undefined;
  let minute: NodeJS.Timeout;
  const tick = (): void => {
    const { past } = store.getState();
    // What is shown of another moment stands still; how long ago that was does not.
    if (past) store.setState({ past: { ...past, nowMs: Date.now() } });
    else changeScreen(store, { nowMs: Date.now() });
  };
  const judge = (): void => {
    const isOld = isAgeing(store.getState(), features);
    if (isOld && !timer) timer = setInterval(tick, tickMs);
    if (isOld || !timer) return;
    clearInterval(timer);
    timer = undefined;
  };
  /** The clock of the header has minutes. */
  const eachMinute = (): void => {
    minute = setTimeout(
      () => {
        if (!timer) tick();
        eachMinute();
      },
      minuteMs - (Date.now() % minuteMs),
    );
  };
  judge();
  eachMinute();
  const unsubscribe = store.subscribe(judge);
  return () => {
    unsubscribe();
    clearTimeout(minute);
    clearInterval(timer);
  };
}

async function loadConsoleCommands(): Promise<Readonly<Record<string, AnyCommand>>> {
  const entries = Object.entries(consoleCommands);
  return Object.fromEntries(
    await Promise.all(entries.map(async ([name, load]) => [name, await load()] as const)),
  );
}
