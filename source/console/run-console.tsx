import process from 'node:process';
import { setImmediate as turn } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { messageOf } from '../errors.ts';
import { type AnyFeature, features } from '../features/index.ts';
import { openConnections } from '../redis/connection/open-connections.ts';
import { changeScreen, makeStore, type Store } from '../store/store.ts';
import { sanitise } from '../ui/text.ts';
import { styled } from '../ui/theme/style.ts';
import { startAppearance } from './appearance.ts';
import { type ConsoleLog, openConsoleLog } from './console-log.ts';
import { startEngine } from './engine.ts';
import { recall } from './memory.ts';
import { watchEndings } from './terminal/signals.ts';
import { openTerminal } from './terminal/terminal.ts';
import { panesOf, startView, viewsOf } from './view/views.ts';

const patienceMs = {
  /** How long the first frame waits for data, so that it need not be painted twice. */
  firstData: 40,
  /** How long the terminal may take to read the last bytes. */
  flush: 1000,
};

/**
 * Opens the console and resolves with its exit code once the operator leaves or a signal ends it. However it ends,
 * the terminal is given back. Redis going away does not end it.
 * @throws what the private server of `--embedded` fails with, and our own bugs
 */
export async function runConsole(config: Config): Promise<number> {
  let store: Store | undefined;
  let exitCode: number | undefined;
  // Before the terminal is taken: a log that cannot be written is no reason to open a console without it.
  const log =
    config.log === undefined
      ? undefined
      : openConsoleLog(config.log, config, (error) => say(messageOf(error)));
  const say = (text: string): void => {
    if (store) changeScreen(store, { status: { text: sanitise(text), tone: 'bad' } });
  };
  const mistakes: string[] = [];
  const appearance = startAppearance(config, {
    isTerminal: true,
    onMistake: (error) => mistakes.push(messageOf(error)),
  });
  const endings = watchEndings((reason) => say(messageOf(reason)));
  const terminal = openTerminal({
    stdin: process.stdin,
    stdout: process.stdout,
    greeting: styled({ text: sanitise(` quarterdeck   ${config.urls.join(' ')}   ○ connecting`) }),
    onStray: say,
  });
  try {
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
      store = makeStore({
        slices: Object.fromEntries(all.map((feature) => [feature.noun, feature.initial(config)])),
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
      if (log) logErrors(store, log);
      log?.write({
        event: 'start',
        pid: process.pid,
        servers: connections.map(({ url }) => url),
        columns: terminal.screen.columns,
        rows: terminal.screen.rows,
      });
      for (const mistake of mistakes) say(mistake);
      const engine = startEngine({ connections, config, store, features: all, log });
      try {
        await turn();
        const { openDeck } = await import('./console-session.tsx');
        await Promise.race([
          engine.settled(),
          new Promise((resolve) => setTimeout(resolve, patienceMs.firstData)),
        ]);
        exitCode = await openDeck({
          config,
          terminal,
          connections,
          features: all,
          store,
          engine,
          endings,
          appearance,
          views,
          memory,
          log,
        });
        return exitCode;
      } finally {
        engine.stop();
      }
    } finally {
      for (const connection of connections) connection.close();
    }
  } catch (error) {
    log?.write({ event: 'error', error: messageOf(error) });
    throw error;
  } finally {
    log?.write({ event: 'end', exitCode: exitCode ?? null });
    log?.close();
    terminal.restore();
    const isFlushed = await terminal.flushed(patienceMs.flush);
    endings.release();
    // A terminal that stands still would keep the process for as long: whoever ended it wants it gone.
    if (!isFlushed && exitCode !== undefined) process.exit(exitCode);
  }
}

/** Whatever the status line says in red. */
function logErrors(store: Store, log: ConsoleLog): void {
  store.subscribe(({ screen: { status } }, before) => {
    if (status?.tone === 'bad' && status !== before.screen.status)
      log.write({ event: 'error', error: status.text });
  });
}
