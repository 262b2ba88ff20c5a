import process from 'node:process';
import { setImmediate as turn } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { messageOf } from '../errors.ts';
import { type AnyFeature, features } from '../features/index.ts';
import { openConnections } from '../redis/connection/open-connections.ts';
import { seeStore } from '../store/seen-store.ts';
import { changeScreen, makeStore, type Store } from '../store/store.ts';
import { sanitise } from '../ui/text.ts';
import { type ConsoleLog, openConsoleLog } from './console-log.ts';
import { type Contexts, type Elsewhere, type Leaving, makeJourney } from './contexts.ts';
import { startEngine } from './engine.ts';
import { recall } from './memory.ts';
import { onTerminal, type Taken } from './terminal/on-terminal.ts';
import { makeFreeze } from './time/freeze.ts';
import { startKeeping } from './time/keeping.ts';
import { panesOf, startView, viewsOf } from './view/views.ts';

/**
 * How long the first frame waits for data, so that it need not be painted twice, which on a busy machine or a far server
 * it otherwise would be. Meanwhile the line that says where it connects is there.
 */
const firstDataMs = 150;

/**
 * Opens the console and resolves with its exit code once the operator leaves or a signal ends it. However it ends,
 * the terminal is given back. Redis going away does not end it.
 * @throws what the private server of `--embedded` fails with, and our own bugs
 */
export async function runConsole(config: Config, contexts?: Contexts): Promise<number> {
  let exitCode: number | undefined;
  let store: Store | undefined;
  const say = (text: string): void => {
    if (store) changeScreen(store, { status: { text: sanitise(text), tone: 'bad' } });
  };
  // Before the terminal is taken: a log that cannot be written is no reason to open a console without it.
  const log =
    config.log === undefined
      ? undefined
      : openConsoleLog(config.log, config, (error) => say(messageOf(error)));
  try {
    exitCode = await onTerminal(config, greetingOf(config), async (taken) => {
      const tellIn = (made: Store): void => {
        store = made;
        if (log) logErrors(made, log);
        taken.tellIn(made);
      };
      const journey = contexts && makeJourney(contexts, config);
      let current = config;
      for (;;) {
        const isSwitched = current !== config;
        const end = await openOn({ ...taken, tellIn }, { config: current, log, isSwitched, ...journey });
        if (typeof end === 'number') return end;
        current = end.for;
        journey?.moved(current);
        taken.terminal.begin(greetingOf(current));
        showTheme(taken.appearance, current, say);
      }
    });
    return exitCode;
  } catch (error) {
    log?.write({ event: 'error', error: messageOf(error) });
    throw error;
  } finally {
    log?.write({ event: 'end', exitCode: exitCode ?? null });
    log?.close();
  }
}

function greetingOf({ context, urls }: Config): string {
  const name = context ? `   ${context.production ? 'PRODUCTION ' : ''}${context.name}` : '';
  return ` quarterdeck${name}   ${urls.join(' ')}   ○ connecting`;
}

/** A context may have a theme of its own. */
function showTheme(appearance: Taken['appearance'], { theme }: Config, say: (text: string) => void): void {
  try {
    appearance.show(theme);
  } catch (error) {
    say(messageOf(error));
  }
}

type Opening = {
  readonly config: Config;
  readonly log: ConsoleLog | undefined;
  /** It was on another server before. */
  readonly isSwitched: boolean;
  readonly elsewhere?: Elsewhere | undefined;
};

/** Everything of one server, from its connections to its panes; nothing of it is left when it ends. */
async function openOn(
  { terminal, endings, appearance, tellIn }: Taken,
  { config, log, isSwitched, elsewhere }: Opening,
): Promise<number | Leaving> {
  // What is asked of Redis travels while the rest is loaded: hence the turns in between, in which it is sent.
  const connections = await openConnections(config);
  const all: AnyFeature[] = [];
  for (const load of Object.values(features)) {
    all.push(await load());
    await turn();
  }
  try {
    const [connection] = connections;
    const nouns = all.map(({ noun }) => noun);
    const views = viewsOf(config, nouns);
    const asked = startView(config, views);
    const memory = recall(config, nouns);
    const view = memory.view ?? asked;
    const initial = Object.fromEntries(all.map((feature) => [feature.noun, feature.initial(config)]));
    const live = makeStore({
      slices: initial,
      focus: (view && panesOf(view.arrangement)[0]) ?? all[0]?.noun ?? '',
      columns: terminal.screen.columns,
      rows: terminal.screen.rows,
      connection: {
        ...connection.state(),
        url: connection.url,
        kind: connection.kind,
        servers: connections.length,
      },
      ...(view && { view }),
    });
    const stores = seeStore(live);
    const store = stores.seen;
    tellIn(store);
    log?.write({
      event: 'start',
      pid: process.pid,
      servers: connections.map(({ url }) => url),
      columns: terminal.screen.columns,
      rows: terminal.screen.rows,
    });
    const keeping = startKeeping(live, {
      config,
      onFailure: (text) => changeScreen(store, { status: { text, tone: 'bad' } }),
      features: all,
      shownMs: () => store.getState().past?.atMs,
    });
    const engine = startEngine({ connections, config, store: live, features: all, log });
    try {
      await turn();
      const { openConsoleSession } = await import('./console-session.tsx');
      await Promise.race([engine.settled(), new Promise((resolve) => setTimeout(resolve, firstDataMs))]);
      return await openConsoleSession({
        config,
        terminal,
        connections,
        features: all,
        store,
        live,
        time: makeFreeze({ stores, live, features: all, course: keeping.course, initial }),
        timeCommands: keeping.commands,
        engine,
        endings,
        appearance,
        views,
        memory,
        log,
        isSwitched,
        elsewhere,
      });
    } finally {
      await keeping.stop();
      engine.stop();
    }
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** Whatever the status line says in red. */
function logErrors(store: Store, log: ConsoleLog): void {
  store.subscribe(({ screen: { status } }, before) => {
    if (status?.tone === 'bad' && status !== before.screen.status)
      log.write({ event: 'error', error: status.text });
  });
}
