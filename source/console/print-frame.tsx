import process from 'node:process';
import { renderToString } from 'ink';
import { makeRegistry } from '../commands/needs/needs.ts';
import { readAcksIfPossible, unread } from '../commands/needs/read-needs.ts';
import { commandTable } from '../commands/palette.ts';
import { canAsk } from '../commands/unreachable.ts';
import type { Config } from '../config.ts';
import { messageOf } from '../errors.ts';
import type { FrameSize, ReadContext } from '../features/feature.ts';
import { type AnyFeature, loadFeature } from '../features/index.ts';
import type { OpenNeed } from '../need.ts';
import { changeScreen, changeSlice, makeStore, marksOf, type Store } from '../store/store.ts';
import { StoreContext } from '../store/use-store.ts';
import { formatClockSeconds } from '../ui/format.ts';
import { currentTimes, setTimes } from '../ui/times.ts';
import { startAppearance } from './appearance.ts';
import { loadPanes } from './mount.tsx';
import { screenOf } from './pane-watch.ts';
import { watchServer } from './server-stats.ts';
import { App } from './view/app.tsx';

/** The same for a command line, which has no appearance yet: with colours where they are wanted and can be shown. */
export async function printSnapshot(
  context: ReadContext,
  wanted: readonly Pick<AnyFeature, 'noun'>[],
  frame: FrameSize,
): Promise<readonly string[]> {
  startAppearance(frame.picture ? pictured(context.config, frame.picture) : context.config, {
    isTerminal: process.stdout.isTTY === true,
    onMistake(error) {
      throw error;
    },
  });
  return await printFrame(context, wanted, frame);
}

/** The colours of a terminal are not known where the picture is looked at: it takes the theme for its background. */
function pictured(config: Config, background: 'dark' | 'light'): Config {
  const named = config.theme[background];
  const name = named === 'terminal' ? background : named;
  return {
    ...config,
    color: 'always',
    theme: { dark: name, light: name, fallback: name },
    glyphs: config.glyphs === 'auto' ? 'unicode' : config.glyphs,
    terminal: { COLORTERM: 'truecolor', COLORFGBG: background === 'dark' ? '15;0' : '0;15' },
  };
}

/** What the console would show now of these features, as exactly `rows` lines in the appearance of this process. */
export async function printFrame(
  context: ReadContext,
  wanted: readonly Pick<AnyFeature, 'noun'>[],
  { columns, rows, zoomed }: FrameSize,
): Promise<readonly string[]> {
  // In the build the command line's features have no panes; those that were built with this file have.
  const chosen = (await Promise.all(wanted.map(({ noun }) => loadFeature(noun)))).filter(
    (feature) => feature !== undefined,
  );
  const [connection] = context.connections;
  const store = makeStore({
    slices: Object.fromEntries(chosen.map((feature) => [feature.noun, feature.initial(context.config)])),
    focus: zoomed ?? chosen[0]?.noun ?? '',
    columns,
    rows,
    connection: {
      ...(connection?.state() ?? { name: 'connecting', sinceMs: Date.now(), attempt: 0 }),
      url: connection?.url ?? '',
      kind: connection?.kind ?? '',
      servers: context.connections.length,
    },
  });
  setTimes(context.config.times);
  const now =
    currentTimes() === 'utc'
      ? new Date().toUTCString()
      : `${new Date().toDateString()} ${formatClockSeconds(Date.now())}`;
  store.setState(({ screen }) => ({
    screen: {
      ...screen,
      isZoomed: zoomed !== undefined,
      isReadOnly: context.config.readOnly,
      status: { text: now, tone: 'info' },
    },
  }));
  const [loaded] = await Promise.all([
    loadPanes(chosen),
    connection && canAsk(context, undefined) && watchServer(connection, store).question.ask(),
    ...chosen.map((feature) => learn(feature, context, store)),
  ]);
  const needs = await needsFor(context, chosen, store);
  store.setState({ needs, marks: marksOf(needs, {}) });
  const { focus, ...panes } = screenOf(store.getState(), chosen);
  changeScreen(store, { ...panes, ...(zoomed === undefined && { focus }) });
  const table = commandTable(chosen, {});
  const frame = renderToString(
    <StoreContext value={store}>
      <App loaded={loaded} context={context.config.context} table={() => table} views={() => []} />
    </StoreContext>,
    { columns },
  );
  const lines = frame.split('\n');
  return Array.from({ length: rows }, (_, row) => lines[row] ?? '');
}

/** What needs a human of what was just read; who is on it, if Redis tells. */
async function needsFor(
  context: ReadContext,
  features: readonly AnyFeature[],
  store: Store,
): Promise<readonly OpenNeed[]> {
  const { slices, freshness } = store.getState();
  const { acks, unreadAcks } = await readAcksIfPossible(context);
  const own = Object.entries(freshness).flatMap(([noun, { name, error = '' }]) =>
    name === 'failed' ? [unread(noun, error)] : [],
  );
  return makeRegistry(context.config.needs, features, { isPart: true }).open({
    features,
    slices,
    nowMs: Date.now(),
    acks,
    own: [...own, ...unreadAcks],
  });
}

/** Asks twice: what the second reading looks closer at, the first has to find. */
async function learn(feature: AnyFeature, context: ReadContext, store: Store): Promise<void> {
  const { noun, feed } = feature;
  const tell = (freshness: object): void =>
    store.setState((state) => ({
      freshness: { ...state.freshness, [noun]: { name: 'fresh', ...freshness } },
    }));
  if (!canAsk(context, feature)) {
    tell({ name: 'failed', error: 'the first server does not answer' });
    return;
  }
  try {
    for (let reading = 0; reading < 2; reading += 1) {
      changeSlice(store, noun, await feed.read(context, store.getState().slices[noun]));
    }
    tell({ learnedAtMs: Date.now() });
  } catch (error) {
    tell({ name: 'failed', error: messageOf(error) });
  }
}
