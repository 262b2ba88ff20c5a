import process from 'node:process';
import type { Config } from '../../config.ts';
import { messageOf } from '../../errors.ts';
import { changeScreen, type Store } from '../../store/store.ts';
import { sanitise } from '../../ui/text.ts';
import { styled } from '../../ui/theme/style.ts';
import { setTimes } from '../../ui/times.ts';
import { type AppearanceControl, startAppearance } from '../appearance.ts';
import { type Endings, watchEndings } from './signals.ts';
import { openTerminal, type Terminal } from './terminal.ts';

export type Taken = {
  readonly terminal: Terminal;
  readonly endings: Endings;
  readonly appearance: AppearanceControl;
  /** Where problems are reported from now on, those found before included. */
  tellIn(store: Store): void;
};

/** How long the terminal may take to read the last bytes. */
const flushMs = 1000;

/**
 * Takes the terminal, runs what is shown on it, and gives the terminal back however that ends.
 * @param greeting what stands on the first line until then
 * @returns the exit code
 */
export async function onTerminal(
  config: Config,
  greeting: string,
  run: (taken: Taken) => Promise<number>,
): Promise<number> {
  let store: Store | undefined;
  let exitCode: number | undefined;
  const say = (text: string): void => {
    if (store) changeScreen(store, { status: { text: sanitise(text), tone: 'bad' } });
  };
  const mistakes: string[] = [];
  const appearance = startAppearance(config, {
    isTerminal: true,
    onMistake: (error) => mistakes.push(messageOf(error)),
  });
  setTimes(config.times);
  const endings = watchEndings((reason) => say(messageOf(reason)));
  const terminal = openTerminal({
    stdin: process.stdin,
    stdout: process.stdout,
    greeting: config.screenReader ? '' : styled({ text: sanitise(greeting) }),
    appendsOnly: config.screenReader,
    onStray: say,
  });
  try {
    exitCode = await run({
      terminal,
      endings,
      appearance,
      tellIn(made) {
        store = made;
        for (const mistake of mistakes) say(mistake);
      },
    });
    return exitCode;
  } finally {
    terminal.restore();
    const isFlushed = await terminal.flushed(flushMs);
    endings.release();
    // A terminal that stands still would keep the process for as long: whoever ended it wants it gone.
    if (!isFlushed && exitCode !== undefined) process.exit(exitCode);
  }
}
