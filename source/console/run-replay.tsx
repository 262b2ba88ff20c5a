import type { Config } from '../config.ts';
import { type AnyFeature, features } from '../features/index.ts';
import { noConnection } from '../redis/connection/no-connection.ts';
import { changeScreen, makeStore } from '../store/store.ts';
import { openConsoleSession } from './console-session.tsx';
import { onTerminal, type Taken } from './terminal/on-terminal.ts';
import { openRecording, type Recording } from './time/recording.ts';
import { makeReplay } from './time/replay.ts';
import { panesOf, viewsOf } from './view/views.ts';

export type ReplaySettings = {
  readonly file: string;
  /** How many times faster than it was. */
  readonly speed: number;
};

/**
 * Shows a recording in the console, without Redis: no socket is opened. Resolves with the exit code once the operator
 * leaves.
 * @throws {RecordingError} before the terminal is taken
 */
export async function runReplay(given: Config, { file, speed }: ReplaySettings): Promise<number> {
  const recording = openRecording(file);
  // The context is the one of the recording: what was production is shown as such. Nothing here can be unlocked.
  const config: Config = {
    ...given,
    context: recording.header.context,
    startsLocked: false,
    view: undefined,
    panes: undefined,
  };
  try {
    return await onTerminal(config, ` quarterdeck   ${file}`, (taken) =>
      replayOn(taken, { config, recording, speed, file }),
    );
  } finally {
    recording.close();
  }
}

type ReplayOn = ReplaySettings & { readonly config: Config; readonly recording: Recording };

async function replayOn(
  { terminal, endings, appearance, tellIn }: Taken,
  { config, recording, speed }: ReplayOn,
): Promise<number> {
  const { header, first, course, warnings } = recording;
  const known = await Promise.all(Object.values(features).map((load) => load()));
  const all: readonly AnyFeature[] = known.filter(({ noun }) => header.panes.includes(noun));
  const nouns = all.map(({ noun }) => noun);
  const views = viewsOf({ ...config, views: {} }, nouns);
  const initial = Object.fromEntries(all.map((feature) => [feature.noun, feature.initial(config)]));
  const { screen } = header;
  const isKnown = screen?.view && panesOf(screen.view.arrangement).every((noun) => nouns.includes(noun));
  const view = isKnown ? screen.view : undefined;
  const store = makeStore({
    slices: initial,
    focus: nouns.find((noun) => noun === screen?.focus) ?? nouns[0] ?? '',
    columns: terminal.screen.columns,
    rows: terminal.screen.rows,
    connection: first.connection,
    ...(view && { view }),
  });
  if (screen?.isZoomed) changeScreen(store, { isZoomed: true });
  tellIn(store);
  const replay = makeReplay({ store, features: all, course, initial, speed });
  replay.begin();
  for (const text of warnings) changeScreen(store, { status: { text, tone: 'bad' } });
  try {
    const end = await openConsoleSession({
      config,
      terminal,
      connections: [noConnection(first.connection.url)],
      features: all,
      store,
      live: undefined,
      time: replay,
      timeCommands: {},
      engine: { refresh() {}, exclude: () => () => {}, needs: { keep() {} } },
      endings,
      appearance,
      views,
      memory: { view: undefined, views: [], orders: {}, columns: {} },
    });
    // There is nowhere to go from a replay.
    return typeof end === 'number' ? end : 0;
  } finally {
    replay.stop();
  }
}
